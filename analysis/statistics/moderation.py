"""Means of log ratios whose variances inform each other; knows nothing of benchmarks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

# The functions behind scipy.stats: that takes half a second to load, and a tenth of a millisecond a call.
from scipy import optimize, special

from analysis.statistics.estimates import CONFIDENCE, Estimate


@dataclass(frozen=True)
class Prior:
    """What many samples of few values each say of the variance of any of them.

    A variance from three values is nearly worthless; but here hundreds of samples were taken in the same
    way, and their variances scatter around a common one. ``variance`` and ``degrees`` say what that is and
    what it is worth, in degrees of freedom; each sample's own variance is drawn towards it (Smyth,
    Statistical Applications in Genetics and Molecular Biology 3(1), 2004: the moderated t statistic).
    """

    variance: float
    degrees: float
    #: All degrees of freedom that were seen: no interval rests on more.
    most: float

    @classmethod
    def estimate(cls, variances: Sequence[float], degrees: Sequence[int]) -> Prior:
        """From the variances of samples with so many degrees of freedom each (Smyth, section 6.2).

        Too few samples, or those without any spread, say nothing: 0 degrees.
        """
        seen = [(v, d) for v, d in zip(variances, degrees, strict=True) if d > 0 and v > 0]
        if len(seen) < _LEAST_SAMPLES:
            return NO_PRIOR
        variance = np.array([v for v, _ in seen], dtype=float)
        half = np.array([d for _, d in seen], dtype=float) / 2
        logs = np.log(variance) - special.digamma(half) + np.log(half)
        beyond_chance = np.var(logs, ddof=1) - float(np.mean(special.polygamma(1, half)))
        most = float(2 * half.sum())
        if beyond_chance <= 0:
            # They differ no more than chance would have it: all are one variance.
            return cls(math.exp(float(np.mean(logs))), most, most)
        own = _invert_trigamma(beyond_chance)
        return cls(math.exp(float(np.mean(logs)) + special.digamma(own) - math.log(own)), 2 * own, most)

    def moderate(self, variance: float, degrees: int) -> tuple[float, float]:
        """A sample's variance drawn towards the common one, and the degrees of freedom it then has."""
        total = self.degrees + degrees
        if not total:
            return math.nan, 0.0
        own = degrees * variance if degrees else 0.0
        return (self.degrees * self.variance + own) / total, min(total, self.most)


#: From fewer variances than this, nothing is said about the others.
_LEAST_SAMPLES = 5
NO_PRIOR = Prior(0.0, 0.0, math.inf)


def _invert_trigamma(value: float) -> float:
    """The x with trigamma(x) = ``value`` > 0."""
    return float(optimize.brentq(lambda x: special.polygamma(1, x) - value, 1e-6, 1e9))


@dataclass(frozen=True)
class LogRatio:
    """A mean of logarithms of ratios, with what is needed to judge it.

    ``value`` is the mean, ``error`` its standard error with ``degrees`` degrees of freedom: 0 where a
    single value was seen. ``values`` is how many.
    """

    value: float
    error: float
    degrees: float
    values: int

    @property
    def p(self) -> float:
        """The probability of so large a mean, either way, where there is no change; NaN if unknown."""
        if not self.degrees or not self.error:
            return math.nan if not self.degrees else float(self.value == 0)
        return float(2 * special.stdtr(self.degrees, -abs(self.value) / self.error))

    def compute_reach(self, confidence: float = CONFIDENCE) -> float:
        """Half the width of the interval, in logarithms; infinite if unknown."""
        if not self.degrees:
            return math.inf
        return float(special.stdtrit(self.degrees, (1 + confidence) / 2)) * self.error

    def add_values(self, values: int, degrees_each: int) -> LogRatio:
        """What it would be with so many more values like these."""
        total = self.values + values
        return dataclasses.replace(
            self,
            error=self.error * math.sqrt(self.values / total),
            degrees=self.degrees + degrees_each * values,
            values=total,
        )

    def compute_ratio(self, confidence: float = CONFIDENCE) -> Estimate:
        """As a ratio with its interval."""
        if not self.degrees:
            return Estimate(math.exp(self.value), low=0.0, high=math.inf, confidence=0.0)
        reach = self.compute_reach(confidence)
        return Estimate(
            math.exp(self.value),
            low=math.exp(self.value - reach),
            high=math.exp(self.value + reach),
            confidence=confidence,
        )


def estimate_log_ratios(
    samples: Sequence[Sequence[float]], runs: Sequence[Sequence[Hashable]]
) -> list[LogRatio]:
    """The mean of each sample of log ratios, one value a run; ``runs`` says which run each value is of.

    The variance of a sample is moderated by all others (:class:`Prior`). What a run does to all samples
    alike has only as many degrees of freedom as there are runs, however many samples show it: it is
    estimated apart. Both variances add up; their degrees of freedom are averaged harmonically, by their
    shares. (Satterthwaite's rule has the shares squared; with three runs its 95 % intervals covered 93 %.)
    """
    return _estimate_moderated(
        [float(np.mean(sample)) for sample in samples],
        [_subtract_mean(sample, labels) for sample, labels in zip(samples, runs, strict=True)],
        [1 / len(sample) for sample in samples],
        [len(sample) for sample in samples],
        groups=1,
    )


def estimate_log_differences(
    samples: Sequence[Sequence[float]],
    bases: Sequence[Sequence[float]],
    runs: Sequence[Sequence[Hashable]],
    base_runs: Sequence[Sequence[Hashable]],
) -> list[LogRatio]:
    """The mean of each of ``samples`` less that of its base, of logarithms of times, one value a run.

    One variance for both; otherwise as :func:`estimate_log_ratios`.
    """
    every = list(zip(samples, bases, runs, base_runs, strict=True))
    return _estimate_moderated(
        [float(np.mean(sample) - np.mean(base)) for sample, base, _, _ in every],
        [_subtract_mean(sample, new) + _subtract_mean(base, old) for sample, base, new, old in every],
        [1 / len(sample) + 1 / len(base) for sample, base, _, _ in every],
        [min(len(sample), len(base)) for sample, base, _, _ in every],
        groups=2,
    )


def _subtract_mean(sample: Sequence[float], runs: Sequence[Hashable]) -> list[tuple[Hashable, float]]:
    """What is left of each value without the sample's mean, with its run."""
    centre = float(np.mean(sample))
    return [(run, value - centre) for run, value in zip(runs, sample, strict=True)]


def _estimate_moderated(
    means: Sequence[float],
    residuals: Sequence[list[tuple[Hashable, float]]],
    scales: Sequence[float],
    counts: Sequence[int],
    groups: int,
) -> list[LogRatio]:
    """``scales``: the variances of the means over that of a value; ``groups``: 1, or 2 for differences."""
    degrees = [len(own) - groups for own in residuals]
    common, common_variance = _estimate_run_effects(residuals, groups)
    variances = [
        sum((value - common.get(run, 0.0)) ** 2 for run, value in own) / free if free else math.nan
        for own, free in zip(residuals, degrees, strict=True)
    ]
    prior = Prior.estimate(variances, degrees)
    found = []
    for mean, variance, scale, free, count in zip(means, variances, scales, degrees, counts, strict=True):
        # Of a single value nothing says whether it is like the others.
        own, own_degrees = prior.moderate(variance, free) if free else (math.nan, 0.0)
        if common_variance and free:
            shared_degrees = len(common) - groups
            total = (own + common_variance) / (own / own_degrees + common_variance / shared_degrees)
            own, own_degrees = own + common_variance, total
        found.append(LogRatio(mean, math.sqrt(own * scale) if free else math.nan, own_degrees, count))
    return found


def _estimate_run_effects(
    residuals: Sequence[list[tuple[Hashable, float]]], groups: int
) -> tuple[dict[Hashable, float], float]:
    """What each run did to all samples alike, and its variance over the runs; nothing for few samples."""
    if sum(len(own) > 1 for own in residuals) < _LEAST_SAMPLES:
        return {}, 0.0
    by_run: dict[Hashable, list[float]] = {}
    for own in residuals:
        for run, value in own:
            by_run.setdefault(run, []).append(value)
    common = {run: float(np.median(values)) for run, values in by_run.items()}
    if len(common) <= groups:
        return {}, 0.0
    return common, sum(value**2 for value in common.values()) / (len(common) - groups)
