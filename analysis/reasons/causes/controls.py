"""How often a cause would have been claimed where nothing was changed."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.reasons.causes.arms import Arms
from analysis.reasons.causes.dividing import is_claimed
from analysis.statistics.resampling import FEWEST_TURNS, resample_median
from bench.contract.experiments import ALONE, COPY, Experiments


def count_controls(experiments: Iterable[Experiments]) -> tuple[int, int]:
    """(claimed, tried): kernels prepared a second time, that a test would have called faster, of all such."""
    claimed = tried = 0
    for one in experiments:
        for kernel in one.kernels:
            arms = Arms(kernel)
            times = arms.time(arms.find(ALONE), arms.find(COPY))
            if times is not None and arms.turns >= FEWEST_TURNS:
                tried += 1
                claimed += is_claimed(1 - resample_median(times[1] / times[0]))
    return claimed, tried
