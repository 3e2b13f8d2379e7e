"""What disturbs a measurement: other processes, other guests of the host, a GPU held back."""

from __future__ import annotations

import dataclasses
import resource
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from bench.machine import gpu

#: Above this share of its time stolen, or with a GPU's clocks held back, a case is marked contaminated: a
#: rule, set before looking at results.
CONTAMINATED_SHARE = 0.05


@dataclass(frozen=True)
class Reading:
    """Counters of the machine and of this process at one moment.

    Processor time is in seconds, of all processors together, since the machine started; 0 where it is not
    known.
    """

    total_seconds: float
    #: What the hypervisor gave to other guests.
    stolen_seconds: float
    involuntary_switches: int
    #: The moment, by a clock that begins anywhere.
    clock_seconds: float = 0.0
    #: For how long power, heat or the board kept a GPU's clocks down, each for itself.
    held_back_seconds: tuple[float, ...] = ()

    @classmethod
    def now(cls, device: str = "CPU:0") -> Reading:
        """The counters at this moment; those of GPUs where ``device`` is one."""
        total, stolen = _read_processor_times()
        return cls(
            total_seconds=total,
            stolen_seconds=stolen,
            # psutil counts them for the first thread alone (Linux), and frameworks compute in others.
            involuntary_switches=resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
            clock_seconds=time.monotonic(),
            held_back_seconds=gpu.read_held_back_seconds() if device.startswith("GPU") else (),
        )


def _read_processor_times() -> tuple[float, float]:
    """In seconds: all time, and stolen time."""
    try:
        times = psutil.cpu_times()
    except OSError:
        return 0.0, 0.0
    # A guest's time is part of the user's, and the systems differ in what they count.
    of_guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return sum(times) - of_guests, getattr(times, "steal", 0.0)


def measure_busy_share(seconds: float = 0.5) -> float:
    """The share of all processor time that others use, seen while this process sleeps.

    The load average would still remember what ended a minute ago.
    """
    try:
        return psutil.cpu_percent(interval=seconds) / 100
    except OSError:  # a container may hide the machine's counters
        return 0.0


@dataclass(frozen=True)
class Disturbance:
    """What disturbed the machine while something was measured."""

    #: Share of all processor time that the hypervisor gave to others.
    steal: float
    involuntary_switches: int
    #: Share of the time for which a GPU's clocks were held back.
    held_back: float = 0.0

    @classmethod
    def between(cls, start: Reading, end: Reading) -> Disturbance:
        """What happened from ``start`` to ``end``."""
        total = end.total_seconds - start.total_seconds
        stolen = end.stolen_seconds - start.stolen_seconds
        clock = end.clock_seconds - start.clock_seconds
        held_back = [
            after - before
            for before, after in zip(start.held_back_seconds, end.held_back_seconds, strict=True)
        ]
        return cls(
            # Rounding, and a counter that the kernel corrects, may take them a little below what they were.
            steal=max(0.0, stolen / total) if total > 0 else 0.0,
            involuntary_switches=end.involuntary_switches - start.involuntary_switches,
            held_back=max(held_back) / clock if held_back and clock > 0 else 0.0,
        )

    @property
    def contaminated(self) -> bool:
        """Whether it was so much that times are not to be trusted."""
        return max(self.steal, self.held_back) > CONTAMINATED_SHARE

    def as_dict(self) -> dict[str, Any]:
        """The fields as they are saved."""
        return {**asdict(self), "contaminated": self.contaminated}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Disturbance:
        """The inverse of :meth:`as_dict`."""
        return cls(**{field.name: fields[field.name] for field in dataclasses.fields(cls)})
