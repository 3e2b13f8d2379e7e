"""Intervals of time: which lie in a step, what they cover, and how those that overlap share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Intervals(NamedTuple):
    """Starts and ends in seconds, (N,) each, in any order."""

    starts: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True)
class VariableRateClock:
    """A clock that need not run at one second a second: it shows ``shown`` at ``times``, (N,) each.

    Between two of ``times`` it runs evenly; before the first and after the last it stands still.
    """

    times: np.ndarray
    shown: np.ndarray

    def measure(self, intervals: Intervals) -> float:
        """The seconds that this clock counts within ``intervals``, added up."""
        at_start = np.interp(intervals.starts, xp=self.times, fp=self.shown)
        at_end = np.interp(intervals.ends, xp=self.times, fp=self.shown)
        return float((at_end - at_start).sum())


def join_intervals(several: Sequence[Intervals]) -> Intervals:
    """All intervals of ``several``, which is not empty, one after the other."""
    return Intervals(
        starts=np.concatenate([intervals.starts for intervals in several]),
        ends=np.concatenate([intervals.ends for intervals in several]),
    )


def keep_inside(intervals: Intervals, steps: Intervals) -> Intervals:
    """The intervals that start in one of ``steps``, cut off where that step ends.

    ``steps`` are sorted and do not overlap.
    """
    place = np.searchsorted(steps.starts, intervals.starts, side="right") - 1
    kept = (place >= 0) & (intervals.starts < steps.ends[np.maximum(place, 0)])
    return Intervals(
        starts=intervals.starts[kept],
        ends=np.minimum(intervals.ends[kept], steps.ends[place[kept]]),
    )


def make_shared_clock(several: Sequence[Intervals]) -> VariableRateClock:
    """A clock that runs at 1/n while n of ``several`` run, and stands still while none does."""
    times, running = _count_running(several)
    rate = np.divide(1.0, running, out=np.zeros_like(running), where=running > 0)
    return _make_clock(times, rate)


def make_lone_clock(several: Sequence[Intervals]) -> VariableRateClock:
    """A clock that runs while exactly one of ``several`` runs."""
    times, running = _count_running(several)
    return _make_clock(times, (running == 1).astype(float))


def _count_running(several: Sequence[Intervals]) -> tuple[np.ndarray, np.ndarray]:
    """The times at which an interval starts or ends, (N,), and how many run between them, (N - 1,)."""
    starts, ends = join_intervals(several)
    times = np.concatenate([starts, ends])
    order = np.argsort(times, kind="stable")
    changes = np.concatenate([np.ones(len(starts)), -np.ones(len(ends))])[order]
    return times[order], np.cumsum(changes)[:-1]


def _make_clock(times: np.ndarray, rate: np.ndarray) -> VariableRateClock:
    """A clock that runs at ``rate``, (N - 1,), between ``times``, (N,)."""
    return VariableRateClock(times=times, shown=np.concatenate([[0.0], np.cumsum(np.diff(times) * rate)]))


def measure_covered(several: Sequence[Intervals], steps: Intervals) -> float:
    """Seconds of ``steps`` in which at least one of ``several``, which is not empty, runs."""
    starts, ends = join_intervals(several)
    if not len(starts):
        return 0.0
    # Merge what overlaps: a new stretch begins where a start lies behind every end before it.
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    reach = np.maximum.accumulate(ends[order])
    begins_stretch = np.concatenate([[True], starts[1:] > reach[:-1]])
    last_of_stretch = np.concatenate([np.flatnonzero(begins_stretch)[1:] - 1, [len(reach) - 1]])
    stretch_starts, stretch_ends = starts[begins_stretch], reach[last_of_stretch]
    # A clock that runs within the stretches only.
    times = np.stack([stretch_starts, stretch_ends], axis=1).ravel()
    lengths = np.stack([np.zeros(len(stretch_starts)), stretch_ends - stretch_starts], axis=1).ravel()
    return VariableRateClock(times=times, shown=np.cumsum(lengths)).measure(steps)
