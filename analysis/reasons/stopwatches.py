"""Two stopwatches on the same kernels: the profiler, and oneDNN's own log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.traces.step import KERNELS

#: Seconds that a kernel must take by both, as shorter ones are lost in the cost of logging.
LONG = 1e-3
#: The relative difference up to which they are said to agree.
AGREEMENT = 0.1


@dataclass(frozen=True)
class Stopwatches:
    """How far the two differ, over kernels longer than :data:`LONG`."""

    kernels: int
    #: The median of |log of their ratio|, as a relative difference; missing without kernels.
    median_difference: float
    agree: bool


def compare_stopwatches(tables: Sequence[pd.DataFrame]) -> Stopwatches:
    """Compare, kernel by kernel, what both say it took; ``tables`` are of ``tabulate_operations``."""
    unknown = Stopwatches(kernels=0, median_difference=float("nan"), agree=True)
    if not tables:
        return unknown
    every = pd.concat(tables)
    both = every[every["operation"].isin(KERNELS) & every["logged_seconds"].notna()]
    long = both[(both["traced_seconds"] > LONG) & (both["logged_seconds"] > LONG)]
    if long.empty:
        return unknown
    difference = np.abs(np.log(long["traced_seconds"].astype(float) / long["logged_seconds"].astype(float)))
    median = float(np.expm1(np.median(difference)))
    return Stopwatches(kernels=len(long), median_difference=median, agree=median <= AGREEMENT)
