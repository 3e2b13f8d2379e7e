"""How many cores and how much memory this process may use, the limits of a container included.

psutil says what the machine has. What a container may use of it is the limit of a control group (cgroup),
and of every group around that: see https://docs.kernel.org/admin-guide/cgroup-v2.html, and cgroup-v1 there.
``root`` is where the machine's files are, for tests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import psutil

from bench.machine.system_files import read_system_file

_ROOT = Path("/")


def count_processors() -> int:
    """The logical processors that this process may run on."""
    process = psutil.Process()
    # Not on macOS, where a process may run on all.
    if hasattr(process, "cpu_affinity"):
        return len(process.cpu_affinity())
    return psutil.cpu_count() or 1


def read_asked_threads(variables: Mapping[str, str]) -> int:
    """The threads of an operation that TensorFlow is asked for by its variable; 0 where it is not asked.

    Its native code alone reads the variable: its own functions do not tell of it.
    """
    asked = variables.get("TF_NUM_INTRAOP_THREADS", "")
    return int(asked) if asked.isdecimal() else 0


def count_cores(root: Path = _ROOT) -> int:
    """The same, but no more than what a container's share of their time comes to, rounded up."""
    quotas = [_read_cpu_quota(folder) for folder in _list_groups(root, "cpu")]
    counts = [math.ceil(quota) for quota in quotas if quota is not None]
    return min([count_processors(), *counts])


def measure_memory(root: Path = _ROOT) -> int:
    """The machine's memory in bytes, or a container's limit where that is lower."""
    limits = [_read_memory_limit(folder) for folder in _list_groups(root, "memory")]
    return min([psutil.virtual_memory().total, *(limit for limit in limits if limit is not None)])


def measure_free_memory(root: Path = _ROOT) -> int:
    """Bytes that a process can still be given; of a container's limit it is not known what is taken."""
    return min(psutil.virtual_memory().available, measure_memory(root))


def _list_groups(root: Path, controller: str) -> list[Path]:
    """The folders of the groups that limit this process by ``controller``, in version 2 and in version 1.

    Inside a container its own group usually is the outermost folder that can be seen.
    """
    outermost = {"": root / "sys/fs/cgroup", controller: root / "sys/fs/cgroup" / controller}
    folders = list(outermost.values())
    # A line is "number:controllers:group", without controllers in version 2.
    for line in (read_system_file(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        for name, folder in outermost.items():
            if name in controllers.split(","):
                inside = PurePosixPath(group.lstrip("/"))
                folders += [folder / inside, *(folder / parent for parent in inside.parents)]
    return folders


def _read_cpu_quota(folder: Path) -> float | None:
    """How many cores a group may use for the whole time; ``None`` where it is not limited."""
    # "150000 100000" are microseconds of processor time in as many of the clock; "max 100000" is no limit.
    words = (read_system_file(folder / "cpu.max") or "").split()
    if not words:
        version_1 = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        words = [read_system_file(folder / name) or "" for name in version_1]
    numbers = [_parse_positive(word) for word in words]
    if len(numbers) != 2 or None in numbers:
        return None
    quota, period = numbers
    return quota / period


def _read_memory_limit(folder: Path) -> int | None:
    """How many bytes a group may use; ``None`` where it is not limited."""
    text = read_system_file(folder / "memory.max")
    if text is None:
        # Version 1, which says a number beyond any memory where there is no limit.
        text = read_system_file(folder / "memory.limit_in_bytes")
    return _parse_positive(text or "")


def _parse_positive(text: str) -> int | None:
    """The whole number over 0 that ``text`` is; ``None`` for anything else."""
    number = int(text) if re.fullmatch("[0-9]{1,19}", text) else 0
    return number or None
