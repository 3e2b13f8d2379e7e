"""Intervals; knows nothing of benchmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value with its interval. ``confidence`` is what the interval really has, at least nominally."""

    value: float
    low: float
    high: float
    confidence: float = CONFIDENCE


def median(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The median of independent values, with the interval between two order statistics.

    Free of any assumption on the distribution: the number of values below the true median is
    binomial (Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2). With fewer
    than six values 95 % is out of reach; the interval is then from least to greatest, and
    ``confidence`` says what that is worth.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    # The greatest r with P(fewer than r values below the median) <= alpha / 2.
    r = max(1, int(stats.binom.ppf((1 - confidence) / 2, n, 0.5)))
    achieved = 1 - 2 * stats.binom.cdf(r - 1, n, 0.5)
    return Estimate(float(np.median(ordered)), ordered[r - 1], ordered[n - r], max(0.0, float(achieved)))


def mean(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The mean of independent values, with Student's interval. ``ValueError`` for fewer than two."""
    numbers = np.asarray(values, dtype=float)
    if len(numbers) < 2:
        raise ValueError("one value has no interval")
    centre, error = float(np.mean(numbers)), float(np.std(numbers, ddof=1)) / math.sqrt(len(numbers))
    reach = float(stats.t.ppf(0.5 + confidence / 2, len(numbers) - 1)) * error
    return Estimate(centre, centre - reach, centre + reach, confidence)


def geometric_mean(ratios: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The geometric mean of independent ratios, with Student's interval on their logarithms.

    Needs two ratios; ``ValueError`` otherwise.
    """
    if len(ratios) < 2:
        raise ValueError("one ratio has no interval")
    logs = mean(np.log(np.asarray(ratios, dtype=float)), confidence)
    return Estimate(*map(math.exp, (logs.value, logs.low, logs.high)), confidence)
