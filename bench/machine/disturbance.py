"""What disturbs a measurement: other processes, other guests of the host, a GPU held back."""

from __future__ import annotations

import dataclasses
import resource
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.machine import gpu
from bench.machine.environment import _read

#: Above this share of its time stolen, or with a GPU's clocks held back, a case is marked contaminated: a
#: rule, set before looking at results.
CONTAMINATED_SHARE = 0.05


@dataclass(frozen=True)
class Reading:
    """Counters of the machine and this process at one moment."""

    total_jiffies: int
    idle_jiffies: int
    stolen_jiffies: int
    involuntary_switches: int
    seconds: float = 0.0
    #: For which power, heat or the board kept a GPU's clocks down, each for itself.
    held_back_seconds: tuple[float, ...] = ()

    @classmethod
    def now(cls, device: str = "CPU:0") -> Reading:
        """GPUs matter where ``device`` is one."""
        cpu_line = _read("/proc/stat") or ""
        fields = [int(field) for field in cpu_line.partition("\n")[0].split()[1:9]]
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        of_gpus = (time.monotonic(), gpu.read_held_back_seconds() if device.startswith("GPU") else ())
        if len(fields) < 8:
            return cls(0, 0, 0, switches, *of_gpus)
        return cls(sum(fields), fields[3] + fields[4], fields[7], switches, *of_gpus)


def measure_busy_share(seconds: float = 0.5) -> float:
    """The share of all processor time that others use, seen while this process sleeps.

    The load average would still remember what ended a minute ago.
    """
    start = Reading.now()
    time.sleep(seconds)
    end = Reading.now()
    jiffies = end.total_jiffies - start.total_jiffies
    return 1 - (end.idle_jiffies - start.idle_jiffies) / jiffies if jiffies else 0.0


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
        jiffies = end.total_jiffies - start.total_jiffies
        stolen = end.stolen_jiffies - start.stolen_jiffies
        seconds = end.seconds - start.seconds
        held_back = max(
            (b - a for a, b in zip(start.held_back_seconds, end.held_back_seconds, strict=True)), default=0.0
        )
        return cls(
            steal=stolen / jiffies if jiffies > 0 else 0.0,
            involuntary_switches=end.involuntary_switches - start.involuntary_switches,
            held_back=held_back / seconds if seconds > 0 else 0.0,
        )

    @property
    def contaminated(self) -> bool:
        return max(self.steal, self.held_back) > CONTAMINATED_SHARE

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "contaminated": self.contaminated}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Disturbance:
        """The inverse of :meth:`as_dict`."""
        return cls(**{field.name: fields[field.name] for field in dataclasses.fields(cls)})
