"""Intervals of time, as sorted or unsorted arrays of starts and ends in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

#: Starts and ends, (N,) each.
Intervals = tuple[np.ndarray, np.ndarray]


def keep_inside(starts: np.ndarray, ends: np.ndarray, steps: Intervals) -> Intervals:
    """The intervals that lie in one of ``steps``."""
    place = np.searchsorted(steps[0], starts, side="right") - 1
    kept = (place >= 0) & (starts < steps[1][np.maximum(place, 0)])
    return starts[kept], np.minimum(ends[kept], steps[1][place[kept]])


def make_clocks(several: Iterable[Intervals]) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Two clocks: one runs at 1/n while n of ``several`` run, one only while a single one does."""
    starts, ends = (np.concatenate(column) for column in zip(*several, strict=True))
    times = np.concatenate([starts, ends])
    order = np.argsort(times, kind="stable")
    times = times[order]
    running = np.cumsum(np.concatenate([np.ones(len(starts)), -np.ones(len(ends))])[order])[:-1]
    rates = (
        np.divide(1.0, running, out=np.zeros_like(running), where=running > 0),
        (running == 1).astype(float),
    )
    clocks = [np.concatenate([[0.0], np.cumsum(np.diff(times) * rate)]) for rate in rates]
    return [partial(np.interp, xp=times, fp=clock) for clock in clocks]


def measure_covered(several: Iterable[Intervals], steps: Intervals) -> float:
    """Seconds of ``steps`` in which at least one of ``several`` runs."""
    starts, ends = (np.concatenate(column) for column in zip(*several, strict=True))
    if not len(starts):
        return 0.0
    order = np.argsort(starts, kind="stable")
    starts, reach = starts[order], np.maximum.accumulate(ends[order])
    first = np.concatenate([[True], starts[1:] > reach[:-1]])
    begins = starts[first]
    finishes = reach[np.concatenate([np.flatnonzero(first)[1:] - 1, [len(reach) - 1]])]
    times = np.stack([begins, finishes], axis=1).ravel()
    clock = np.cumsum(np.stack([np.zeros(len(begins)), finishes - begins], axis=1).ravel())
    return float((np.interp(steps[1], times, clock) - np.interp(steps[0], times, clock)).sum())
