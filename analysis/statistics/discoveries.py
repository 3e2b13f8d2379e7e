"""Chance among many: p-values, false discoveries, effect sizes; knows nothing of benchmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# The functions behind scipy.stats: that takes half a second to load, and a tenth of a millisecond a call.
from scipy import special


def compute_sign_test_p(ratios: Sequence[float], margin: float) -> float:
    """The sign test's p-value of the median of ``ratios`` being no further from 1 than ``margin``.

    Two-sided, of independent ratios; it agrees with the interval of ``estimate_median``.
    """
    logs, border = np.log(np.asarray(ratios, dtype=float)), math.log1p(margin)
    most = max(int((logs > border).sum()), int((logs < -border).sum()))
    return min(1.0, float(2 * special.bdtrc(most - 1, len(logs), 0.5))) if most else 1.0


def control_false_discoveries(p_values: Sequence[float]) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p-values; what is missing stays missing and does not count."""
    # Imported here: scipy.stats takes half a second to load.
    from scipy.stats import false_discovery_control

    adjusted = np.array(p_values, dtype=float)
    known = ~np.isnan(adjusted)
    adjusted[known] = false_discovery_control(adjusted[known])
    return adjusted


def compute_cliffs_delta(values: Sequence[float], base: Sequence[float]) -> float:
    """How much more often a value is above one of ``base`` than below: -1 to 1 (Cliff, 1993)."""
    signs = np.sign(np.subtract.outer(np.asarray(values, float), np.asarray(base, float)))
    return float(signs.mean())
