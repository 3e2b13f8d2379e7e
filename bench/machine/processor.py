"""What the processor is, and what changes its clock rate.

``root`` is where the machine's files are, for tests; without such files, nothing is known.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from bench.machine.system_files import read_system_file

_ROOT = Path("/")
_CPUS = Path("sys/devices/system/cpu")


def name_processor(root: Path = _ROOT) -> str:
    """Its model, as it names itself; ``unknown`` where it does not.

    Saved runs are compared by this name, so on Linux it stays the kernel's own, letter for letter. (cpuinfo
    reads the same line, but runs other programs before it does.)
    """
    if sys.platform == "linux":
        for line in (read_system_file(root / "proc/cpuinfo") or "").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
        return platform.processor() or "unknown"
    import cpuinfo

    return cpuinfo.get_cpu_info().get("brand_raw") or platform.processor() or "unknown"


def read_governor(root: Path = _ROOT) -> str | None:
    """The frequency governor of the first processor, such as ``performance``."""
    return read_system_file(root / _CPUS / "cpu0/cpufreq/scaling_governor")


def read_turbo(root: Path = _ROOT) -> str | None:
    """``on`` or ``off``; ``None`` where that is not known."""
    no_turbo = read_system_file(root / _CPUS / "intel_pstate/no_turbo")
    if no_turbo is not None:
        return "off" if no_turbo == "1" else "on"
    boost = read_system_file(root / _CPUS / "cpufreq/boost")
    if boost is not None:
        return "on" if boost == "1" else "off"
    return None


def has_throttled(root: Path = _ROOT) -> bool:
    """Whether heat has lowered the first processor's clock rate since the machine started."""
    count = read_system_file(root / _CPUS / "cpu0/thermal_throttle/core_throttle_count")
    return (count or "0") != "0"
