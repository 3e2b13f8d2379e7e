"""Calling a workload until it has settled, so that nothing cold is timed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

#: A call is still settling while calls get faster by more than this share.
TOLERANCE = 0.05
#: So many of the latest calls are held against the best before them.
_WINDOW = 2


@dataclass(frozen=True)
class Settling:
    """What happened between preparing a workload and timing it."""

    calls: int
    #: Whether calls got no faster any more.
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

    It takes at least three calls, ``at_least_calls`` and ``at_least_seconds``. After ``limit_seconds`` it
    ends in any event; if the calls still get faster then, the workload has not settled.
    """
    latest: deque[float] = deque()
    calls, spent, best_before = 0, 0.0, math.inf
    while True:
        start = clock()
        call()
        latest.append(clock() - start)
        calls, spent = calls + 1, spent + latest[-1]
        if calls <= _WINDOW:
            continue
        best_before = min(best_before, latest.popleft())
        settled = min(latest) >= (1 - TOLERANCE) * best_before
        warm = spent >= at_least_seconds and calls >= at_least_calls
        if (settled and warm) or spent >= limit_seconds:
            return Settling(calls, settled)
