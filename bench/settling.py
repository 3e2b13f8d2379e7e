"""Calling a workload until it has settled, so that nothing cold is timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: A call is still settling while calls get faster by more than this share.
TOLERANCE = 0.05
_WINDOW = 2


@dataclass(frozen=True)
class Settling:
    """What happened between preparing a workload and timing it."""

    calls: int
    settled: bool


def settle(
    call: Callable[[], object],
    clock: Callable[[], float],
    *,
    at_least_seconds: float = 0.02,
    at_least_calls: int = 0,
    limit_seconds: float = 2.0,
) -> Settling:
    """Call until the last two calls are no longer clearly faster than the best before them.

    A workload that still gets faster after ``limit_seconds`` is reported as not settled; it is
    never called fewer than three times.
    """
    durations: list[float] = []
    while True:
        start = clock()
        call()
        durations.append(clock() - start)
        if len(durations) <= _WINDOW:
            continue
        settled = min(durations[-_WINDOW:]) >= (1 - TOLERANCE) * min(durations[:-_WINDOW])
        warm = sum(durations) >= at_least_seconds and len(durations) >= at_least_calls
        if (settled and warm) or sum(durations) >= limit_seconds:
            return Settling(len(durations), settled)
