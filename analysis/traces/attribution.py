"""Operations with their times -> one row each: its own part of a step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.traces.intervals import (
    Intervals,
    VariableRateClock,
    keep_inside,
    make_lone_clock,
    make_shared_clock,
)
from analysis.traces.operations import Operation

#: What tells one row from another; see ``naming.describe_operation``.
DESCRIPTION = ("operation", "role", "name", "implementation", "groups")


def attribute_operations(
    operations: Sequence[Operation],
    describe: Callable[[Operation], Mapping[str, Any]],
    steps: Intervals,
    description: Sequence[str] = DESCRIPTION,
) -> pd.DataFrame:
    """One row for each description that ``describe`` gives, over the kept ``steps``.

    Columns: those of the ``description``, ``calls_a_step``, ``seconds_a_step`` (where several operations run
    at once, each has an equal part), ``overlapped`` (the part of its time in which others ran too) and
    ``running_seconds_a_step`` (its whole time). Empty where nothing ran in a step.
    """
    inside = _keep_inside_steps(operations, steps)
    if not inside:
        return pd.DataFrame(columns=[*description, "calls_a_step", "seconds_a_step"])
    every = [operation.intervals for operation in inside]
    shared, lone = make_shared_clock(every), make_lone_clock(every)
    count = len(steps.starts)
    rows = [
        {**describe(operation), **_measure_times(operation.intervals, shared, lone, count)}
        for operation in inside
    ]
    table = pd.DataFrame(rows).groupby(list(description), sort=False, as_index=False).sum()
    lone_share = table["lone_seconds"] / table["running_seconds"].where(table["running_seconds"] > 0)
    return table[[*description, "calls_a_step", "seconds_a_step"]].assign(
        overlapped=(1 - lone_share).clip(0, 1).fillna(0.0),
        running_seconds_a_step=table["running_seconds"] / count,
    )


def _keep_inside_steps(operations: Sequence[Operation], steps: Intervals) -> list[Operation]:
    """The operations as far as they ran in a kept step; without those that did not."""
    cut = [
        dataclasses.replace(operation, intervals=keep_inside(operation.intervals, steps))
        for operation in operations
    ]
    return [operation for operation in cut if len(operation.intervals.starts)]


def _measure_times(
    intervals: Intervals, shared: VariableRateClock, lone: VariableRateClock, step_count: int
) -> dict[str, float]:
    """Calls and times of one operation; two columns are of all steps together."""
    return {
        "calls_a_step": len(intervals.starts) / step_count,
        "seconds_a_step": shared.measure(intervals) / step_count,
        "running_seconds": float((intervals.ends - intervals.starts).sum()),
        "lone_seconds": lone.measure(intervals),
    }
