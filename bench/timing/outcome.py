"""What measuring one case came to, for its row and for the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.contract.cases import DIED, DISAGREES, UNSUPPORTED
from bench.frameworks.interface import Unsupported
from bench.machine import advice
from bench.machine.disturbance import Disturbance
from bench.timing.lockstep import PairedRatio, Samples
from bench.timing.settling import Settling
from bench.workloads.agreement import Disagreement
from bench.workloads.preparing import Workload


class Died(Exception):
    """Measuring this has ended the process before, and will not be tried again."""


#: Errors that come again whenever the case is measured, by the word for them in saved files.
LASTING_ERRORS: dict[str, type[Exception]] = {
    UNSUPPORTED: Unsupported,
    DISAGREES: Disagreement,
    DIED: Died,
}


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
    #: Of the machine, while it was measured.
    disturbance: Disturbance | None = None
    #: A name that environments share whose slices were measured in the same turns; ``None`` for one alone.
    together: str | None = None

    def as_extra_info(self) -> dict[str, Any]:
        """What the data contract wants in a row's ``extra_info`` of an outcome that has no error."""
        return {
            "paired": self.paired.as_dict() if self.paired else None,
            "control": self.control.as_dict() if self.control else None,
            "first_call_seconds": self.workload.first_call_seconds,
            "unchecked": self.workload.unchecked,
            "warmup_calls": self.settling.calls,
            "settled": self.settling.settled,
            "noise": self.disturbance.as_dict() if self.disturbance else None,
            "turns": {"together": self.together, "seconds": self.samples.slices} if self.samples else None,
        }

    def as_dict(self) -> dict[str, Any]:
        """The outcome as the journal keeps it: all samples, or one of :data:`LASTING_ERRORS`."""
        word = name_lasting_error(self.error)
        if word:
            return {word: str(self.error)}
        return {
            **self.as_extra_info(),
            "iterations": self.samples.iterations,
            "rounds": self.samples.rounds,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Outcome:
        """The inverse of :meth:`as_dict`. The workload itself is gone, and cannot be called."""
        for word, kind in LASTING_ERRORS.items():
            if word in fields:
                return cls(error=kind(fields[word]))
        paired = fields["paired"]
        control = fields["control"]
        disturbance = fields["noise"]
        return cls(
            workload=Workload(_refuse_to_run, fields["first_call_seconds"], fields["unchecked"]),
            settling=Settling(fields["warmup_calls"], fields["settled"]),
            samples=Samples(fields["iterations"], fields["rounds"], fields["turns"]["seconds"]),
            paired=PairedRatio.from_dict(paired) if paired else None,
            control=PairedRatio.from_dict(control) if control else None,
            disturbance=Disturbance.from_dict(disturbance) if disturbance else None,
            together=fields["turns"]["together"],
        )

    def list_warnings(self) -> list[str]:
        """What a person should be warned about, in the words of :mod:`bench.machine.advice`."""
        reasons = {
            advice.UNSETTLED: not self.settling.settled,
            advice.CONTAMINATED: bool(self.disturbance and self.disturbance.contaminated),
            advice.FEW_ROUNDS: bool(self.samples and len(self.samples.rounds) < advice.ENOUGH_ROUNDS),
        }
        return [reason for reason, holds in reasons.items() if holds]


def name_lasting_error(error: Exception | None) -> str | None:
    """The word for one of :data:`LASTING_ERRORS`; ``None`` for any other error, or for none."""
    for word, kind in LASTING_ERRORS.items():
        if isinstance(error, kind):
            return word
    return None


def _refuse_to_run() -> object:
    raise RuntimeError("an earlier process measured this")
