"""What a captured case leaves in its folder: written by ``bench.tracing``, read by ``analysis.traces``.

Needs nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.contract.cases import ConvCase

#: What oneDNN printed, on CPU.
ONEDNN_LOG = "onednn.log"
#: The program that XLA made of the case.
OPTIMIZED_HLO = "optimized_hlo.txt"
#: How the case was captured. It is written last, so a folder that has it is complete.
CAPTURE = "capture.json"
#: What a step is called: around it in the trace, and before it in oneDNN's log. The name is reserved: a
#: function of the same name in a trace would pass for a step.
STEP_NAME = "bench_step"


@dataclass(frozen=True)
class Capture:
    """What :data:`CAPTURE` says of how a case was captured.

    ``steps``, ``inter_op_threads`` and ``traced_step_seconds`` are for people: a file says all of itself, and
    nothing reads these three. Older files may lack them.
    """

    case: ConvCase
    #: How many steps were traced.
    steps: int | None = None
    inter_op_threads: int | None = None
    #: Seconds of each step before the trace, without the profiler.
    untraced_step_seconds: tuple[float, ...] = ()
    #: Seconds of each traced step.
    traced_step_seconds: tuple[float, ...] = ()
    #: Seconds of each traced step by the calling thread's own CPU clock; empty where there is no such clock.
    caller_cpu_seconds: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As :data:`CAPTURE` has it."""
        return {
            "case": self.case.as_dict(),
            "steps": self.steps,
            "inter_op_threads": self.inter_op_threads,
            "untraced_step_seconds": list(self.untraced_step_seconds),
            "traced_step_seconds": list(self.traced_step_seconds),
            "caller_cpu_seconds": list(self.caller_cpu_seconds),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Capture:
        """The inverse of :meth:`as_dict`.

        Raises ``KeyError`` where there is no case, and ``ValueError`` or ``TypeError`` where a value is of
        another kind.
        """
        return cls(
            case=ConvCase.from_dict(fields["case"]),
            steps=fields.get("steps"),
            inter_op_threads=fields.get("inter_op_threads"),
            untraced_step_seconds=_read_seconds(fields, "untraced_step_seconds"),
            traced_step_seconds=_read_seconds(fields, "traced_step_seconds"),
            caller_cpu_seconds=_read_seconds(fields, "caller_cpu_seconds"),
        )


def _read_seconds(fields: Mapping[str, Any], name: str) -> tuple[float, ...]:
    return tuple(float(value) for value in fields.get(name, ()))
