"""What came of one case: samples, or the error that its own test shall show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.frameworks.interface import Unsupported
from bench.machine import advice
from bench.machine.disturbance import Disturbance
from bench.timing.lockstep import PairedRatio, Samples
from bench.timing.settling import Settling
from bench.workloads.agreement import Disagreement
from bench.workloads.preparing import Workload


class Died(Exception):
    """Measuring this has ended the process before, and will not be tried again."""


#: Errors that come again whoever tries.
LASTING_ERRORS = {"unsupported": Unsupported, "disagrees": Disagreement, "died": Died}


@dataclass
class Outcome:
    """What came of one case: samples, or the error that its own test shall show."""

    workload: Workload | None = None
    error: Exception | None = None
    settling: Settling | None = None
    samples: Samples | None = None
    #: To the comparison's dense layer, or to what it is a remedy for; none where measured alone.
    paired: PairedRatio | None = None
    #: A second copy of this layer to this layer.
    control: PairedRatio | None = None
    noise: Disturbance | None = None
    #: What other runs' slices were measured in the same turns with, if any were.
    together: str | None = None

    def extra_info(self) -> dict[str, Any]:
        """The outcome's share of the data contract."""
        return {
            "paired": self.paired.as_dict() if self.paired else None,
            "control": self.control.as_dict() if self.control else None,
            "first_call_seconds": self.workload.first_call_seconds,
            "unchecked": self.workload.unchecked,
            "warmup_calls": self.settling.calls,
            "settled": self.settling.settled,
            "noise": self.noise.as_dict() if self.noise else None,
            "turns": {"together": self.together, "seconds": self.samples.slices} if self.samples else None,
        }

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON, and so an error that will come again."""
        for word, kind in LASTING_ERRORS.items():
            if isinstance(self.error, kind):
                return {word: str(self.error)}
        return {
            **self.extra_info(),
            "iterations": self.samples.iterations,
            "rounds": self.samples.rounds,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Outcome:
        """The inverse of :meth:`as_dict`; the workload itself is gone."""
        for word, kind in LASTING_ERRORS.items():
            if word in fields:
                return cls(error=kind(fields[word]))
        paired, control, noise = (fields[name] for name in ("paired", "control", "noise"))
        return cls(
            workload=Workload(_measured_before, fields["first_call_seconds"], fields["unchecked"]),
            settling=Settling(fields["warmup_calls"], fields["settled"]),
            samples=Samples(fields["iterations"], fields["rounds"], fields["turns"]["seconds"]),
            paired=PairedRatio.from_dict(paired) if paired else None,
            control=PairedRatio.from_dict(control) if control else None,
            noise=Disturbance.from_dict(noise) if noise else None,
            together=fields["turns"]["together"],
        )

    def reasons_to_warn(self) -> list[str]:
        reasons = {
            advice.UNSETTLED: not self.settling.settled,
            advice.CONTAMINATED: bool(self.noise and self.noise.contaminated),
            advice.FEW_ROUNDS: bool(self.samples and len(self.samples.rounds) < advice.ENOUGH_ROUNDS),
        }
        return [reason for reason, holds in reasons.items() if holds]


def _measured_before() -> object:
    raise RuntimeError("an earlier process measured this")
