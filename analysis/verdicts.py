"""From an interval and this machine's noise to a word that may be relied on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.stats import Estimate

SLOWER, FASTER, SAME, UNDECIDED = "slower", "faster", "same", "undecided"

#: No effect below this is called a difference, however quiet the machine seems.
LEAST_NOISE = 0.02
#: What one run cannot see: how much a ratio moves between runs. Over the three runs of
#: reports/example its standard deviation was 2.1 % for the median comparison and under 5.7 % for
#: 95 % of them, so that with this margin and the interval on top a chance verdict is rare.
SINGLE_RUN_NOISE = 0.10
#: An interval worth less than this decides nothing.
LEAST_CONFIDENCE = 0.93


@dataclass(frozen=True)
class Verdict:
    word: str
    reason: str


def noise(control_ratios: Iterable[float], replicates: int) -> float:
    """The relative change that this machine shows where there is none.

    The 95th percentile of |A/A ratio - 1| over the controls (layers measured against a second
    copy of themselves), but at least :data:`LEAST_NOISE`, and :data:`SINGLE_RUN_NOISE` in one run.
    """
    changes = [math.expm1(abs(math.log(ratio))) for ratio in control_ratios]
    floor = LEAST_NOISE if replicates > 1 else SINGLE_RUN_NOISE
    return max([floor, *([float(np.percentile(changes, 95))] if changes else [])])


def judge(ratio: Estimate, noise: float) -> Verdict:
    """What ``ratio`` (time of the layer over time of its base) says, given the noise."""
    if ratio.confidence < LEAST_CONFIDENCE:
        return Verdict(UNDECIDED, "too few turns for an interval")
    low, high = 1 / (1 + noise), 1 + noise
    if ratio.low > high:
        return Verdict(SLOWER, "beyond the noise")
    if ratio.high < low:
        return Verdict(FASTER, "beyond the noise")
    if ratio.low >= low and ratio.high <= high:
        return Verdict(SAME, "within the noise")
    return Verdict(UNDECIDED, "the interval crosses the border of the noise: more runs narrow it")
