"""Values with intervals; knows nothing of benchmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# The functions behind scipy.stats: that takes half a second to load, and a tenth of a millisecond a call.
from scipy import special

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value with its interval. ``confidence`` is what the interval really has, at least nominally."""

    value: float
    low: float
    high: float
    confidence: float = CONFIDENCE


def estimate_median(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The median of independent values, with the interval between two order statistics.

    Free of any assumption on the distribution: the number of values below the true median is
    binomial (Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2). With fewer
    than six values 95 % is out of reach; the interval is then from least to greatest, and
    ``confidence`` says what that is worth.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    # The greatest r with P(fewer than r values below the median) <= alpha / 2.
    below = special.bdtr(np.arange(n + 1), n, 0.5)
    r = max(1, int(np.searchsorted(below, (1 - confidence) / 2)))
    achieved = 1 - 2 * below[r - 1]
    return Estimate(float(np.median(ordered)), ordered[r - 1], ordered[n - r], max(0.0, float(achieved)))


def estimate_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The mean of independent values, with Student's interval. ``ValueError`` for fewer than two."""
    numbers = np.asarray(values, dtype=float)
    if len(numbers) < 2:
        raise ValueError("one value has no interval")
    centre = float(np.mean(numbers))
    error = float(np.std(numbers, ddof=1)) / math.sqrt(len(numbers))
    reach = float(special.stdtrit(len(numbers) - 1, 0.5 + confidence / 2)) * error
    return Estimate(centre, centre - reach, centre + reach, confidence)


def estimate_geometric_mean(ratios: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The geometric mean of independent ratios, with Student's interval on their logarithms.

    Needs two ratios; ``ValueError`` otherwise.
    """
    if len(ratios) < 2:
        raise ValueError("one ratio has no interval")
    logs = estimate_mean(np.log(np.asarray(ratios, dtype=float)), confidence)
    return Estimate(math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), confidence)
