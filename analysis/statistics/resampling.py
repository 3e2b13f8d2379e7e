"""Medians of turns with what chance does to them: the bootstrap.

A quantity is an array of 1 + :data:`DRAWS` values: first as measured, then as each draw of turns has it. So
what is computed of quantities is computed of all draws at once, with plain arithmetic. (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapter 13.)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from analysis.statistics.estimates import CONFIDENCE

#: Interval ends are stable to a tenth of their width.
DRAWS = 2000
#: Of fewer turns no interval of 95 % can be had (see ``estimates.estimate_median``).
FEWEST_TURNS = 6


def resample_median(values: Sequence[float], stream: int = 0) -> np.ndarray:
    """The median of the values of N turns as a quantity, (1 + DRAWS,).

    Quantities of the same number of turns and the same ``stream`` draw the same turns, so that what belongs
    together stays together. Give what was measured in other turns another ``stream``. ``ValueError`` for
    no values.
    """
    if not len(values):
        raise ValueError("no turns have no median")
    return np.median(np.asarray(values, dtype=float)[_draw_turns(len(values), stream)], axis=1)


def find_interval(quantity: np.ndarray, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """(low, high) of a quantity; its measured value is never outside."""
    tail = 50 * (1 - confidence)
    low, high = np.percentile(quantity[1:], (tail, 100 - tail))
    return float(min(low, quantity[0])), float(max(high, quantity[0]))


@lru_cache(maxsize=64)
def _draw_turns(count: int, stream: int) -> np.ndarray:
    """Numbers of turns, (1 + DRAWS, count): first every turn once, then with replacement; always the same."""
    drawn = np.random.default_rng((count, stream)).integers(count, size=(DRAWS, count))
    return np.vstack([np.arange(count), drawn])
