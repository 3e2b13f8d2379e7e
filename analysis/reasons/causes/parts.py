"""The sum that a tested kernel's time is, as a value: its least time, causes, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

COLD_DATA = "cold_data"
FIXED_COST = "fixed_cost"
THREADS = "threads"
LARGE_DATA = "large_data"
EMPTY_LANES = "empty_lanes"
IMPLEMENTATION = "implementation"
KERNEL_CEILING = "kernel_ceiling"

#: In words, for legends. The order is that of the sum, from the outside to the inside: what surrounds the
#: kernel, how it is called and divided, its size, its shape, its code.
CAUSE_NAMES: Mapping[str, str] = {
    COLD_DATA: "data not in the cache",
    FIXED_COST: "fixed cost of a call",
    THREADS: "threads",
    LARGE_DATA: "data larger than the cache",
    EMPTY_LANES: "empty vector lanes",
    IMPLEMENTATION: "another implementation is faster",
    KERNEL_CEILING: "no kernel of this kind comes nearer",
}
CAUSES = tuple(CAUSE_NAMES)


@dataclass(frozen=True)
class Cause:
    """A part of a kernel's time: ``seconds`` a step, of those that the kernel takes, are lost to it."""

    #: One of :data:`CAUSES`.
    cause: str
    seconds: float
    #: 95 %, in seconds.
    interval: tuple[float, float]
    #: The plain numbers behind it, by name.
    evidence: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "cause": self.cause,
            "seconds": self.seconds,
            "interval": list(self.interval),
            "evidence": dict(self.evidence),
        }


def select_tested(operations: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``operations`` (see ``tabulate_operations``) whose time experiments divide into causes."""
    is_tested = [isinstance(causes, tuple) for causes in operations["causes"]]
    return operations[np.array(is_tested, dtype=bool)]


@dataclass(frozen=True)
class KernelSum:
    """A kernel's time = least time + causes + remainder."""

    #: Those that were claimed, in the order of :data:`CAUSES`.
    causes: tuple[Cause, ...] = ()
    remainder_seconds: float = float("nan")
    #: Why there is no sum; empty where there is one.
    not_tested: str = ""
    #: 95 %, in seconds.
    remainder_interval: tuple[float, float] = (float("nan"), float("nan"))
    #: What could be tested: by cause, the 95 % interval of the part that is lost to it of what was left.
    tried: Mapping[str, tuple[float, float]] = field(default_factory=dict)
