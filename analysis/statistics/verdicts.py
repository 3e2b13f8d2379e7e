"""From an interval, this machine's noise and the number of questions asked to a word that may be relied on.

A difference must be unlikely to be chance among all that were judged together, and it must be larger than
what this machine shows where there is none: the first alone would call every quirk of a process a
difference, given enough runs; the second alone would call chance one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.statistics.estimates import Estimate
from bench.contract.thresholds import SINGLE_RUN_NOISE
from bench.contract.verdicts import FASTER, SLOWER

SAME, UNDECIDED = "same", "undecided"
WORDS = (SLOWER, FASTER, SAME, UNDECIDED)
#: The verdicts that say that there is a difference.
DIFFERENT = (SLOWER, FASTER)

#: Of the differences found in one table, no more than this share shall be chance (Benjamini and
#: Hochberg, Journal of the Royal Statistical Society B 57(1), 1995).
FALSE_DISCOVERIES = 0.05
#: No effect below this is called a difference, however quiet the machine seems.
LEAST_NOISE = 0.02
#: *Same* means an interval wholly within this of 1, whatever the noise: more noise never makes it easier.
SAME_WITHIN = 0.05
#: An interval worth less than this decides nothing.
LEAST_CONFIDENCE = 0.93

#: Why a verdict is what it is: code -> words.
REASONS = {
    "beyond_noise": "beyond the noise, and not by chance",
    "within_margin": "the whole interval is within the margin of what counts as the same",
    "few_turns": "too few turns for an interval",
    "few_replicates": "too few runs for an interval",
    "chance": "it may be chance: more runs narrow the interval",
    "small": "it is no chance, but no larger than the noise",
}


@dataclass(frozen=True)
class Verdict:
    word: str
    code: str

    @property
    def reason(self) -> str:
        return REASONS[self.code]


def compute_least_noise(replicates: int) -> float:
    """What counts as a difference after so many runs on the quietest of machines."""
    return LEAST_NOISE if replicates > 1 else SINGLE_RUN_NOISE


def estimate_noise(control_ratios: Iterable[float], replicates: int) -> float:
    """The relative change that this machine shows where there is none.

    The 95th percentile of |A/A ratio - 1| over the controls (layers measured against a second
    copy of themselves), but at least :func:`compute_least_noise`.
    """
    changes = [math.expm1(abs(math.log(ratio))) for ratio in control_ratios]
    return max([compute_least_noise(replicates), *([float(np.percentile(changes, 95))] if changes else [])])


def judge(ratio: Estimate, noise: float, false_discovery_rate: float, replicates: int = 2) -> Verdict:
    """What ``ratio`` (time of the layer over time of its base) of so many runs says, given the noise.

    ``false_discovery_rate`` is the adjusted p-value of there being a difference, among all that
    are judged together; NaN where it is unknown. A noise above the margin of *same* leaves nothing the same.
    """
    if not ratio.confidence or math.isnan(false_discovery_rate):
        return Verdict(UNDECIDED, "few_replicates")
    if ratio.confidence < LEAST_CONFIDENCE:
        return Verdict(UNDECIDED, "few_turns")
    is_discovery = false_discovery_rate <= FALSE_DISCOVERIES
    if is_discovery and not _is_within(ratio.value, ratio.value, noise):
        return Verdict(SLOWER if ratio.value > 1 else FASTER, "beyond_noise")
    margin = compute_same_margin(replicates)
    # What would be a difference on a quiet machine is not the same on a loud one.
    small = _is_within(ratio.value, ratio.value, compute_least_noise(replicates))
    if small and noise <= margin and _is_within(ratio.low, ratio.high, margin):
        return Verdict(SAME, "within_margin")
    return Verdict(UNDECIDED, "small" if is_discovery else "chance")


def compute_same_margin(replicates: int) -> float:
    """What a whole interval must be within of 1 to be called the same."""
    return max(SAME_WITHIN, compute_least_noise(replicates))


def _is_within(low: float, high: float, margin: float) -> bool:
    return 1 / (1 + margin) <= low and high <= 1 + margin
