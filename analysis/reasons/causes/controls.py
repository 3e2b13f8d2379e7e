"""How often a cause would have been claimed where nothing was changed."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.reasons.causes.arms import Arms
from analysis.reasons.causes.dividing import is_claimed
from analysis.statistics.resampling import FEWEST_TURNS, resample_median
from bench.contract.experiments import ALONE, COPY, Experiments


def count_controls(experiments: Iterable[Experiments]) -> tuple[int, int]:
    """(claimed, tried): kernels prepared a second time, that a test would have called faster, of all such.

    Cases of one layer share kernels: each counts once.
    """
    claimed = tried = 0
    seen = set()
    for one in experiments:
        for kernel in one.kernels:
            arms = Arms(kernel)
            copy = arms.find(COPY)
            times = arms.time(arms.find(ALONE), copy)
            if copy is None or times is None or arms.turns < FEWEST_TURNS or copy in seen:
                continue
            seen.add(copy)
            tried += 1
            claimed += is_claimed(1 - resample_median(times[1] / times[0]))
    return claimed, tried
