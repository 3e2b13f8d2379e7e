"""Whose each instant of a step is: an operation's, an overhead's, or nobody's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from analysis.traces import intervals
from analysis.traces.formats.primitives import STEP
from analysis.traces.formats.xplane import Line
from analysis.traces.intervals import Intervals
from analysis.traces.operations import EAGER, RUNS, Operation

PYTHON, DISPATCH, EXECUTOR, SYNCHRONISE, IDLE = "python", "dispatch", "executor", "synchronise", "idle"
#: Rows that are no operation, in the order in which they claim what operations leave.
OVERHEADS = (SYNCHRONISE, EXECUTOR, IDLE, DISPATCH, PYTHON)

_EXECUTES = frozenset(
    {
        *("ExecutorState::Process", "ExecutorDoneCallback", "FunctionRun", "ThunkExecutor::Execute"),
        *("CpuExecutable::ExecuteAsyncOnStream",),
    }
)
_WAITS = frozenset(
    {
        *(RUNS, "BlockUntilReady"),
        *("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize", "cuStreamSynchronize"),
    }
)


# --- time ---------------------------------------------------------------------------------------


def attribute_operations(
    operations: Iterable[Operation], describe: Callable[[str, str], dict[str, Any]], steps: Intervals
) -> pd.DataFrame:
    """One row an operation, with its calls and its part of the time, over the kept steps."""
    operations = [
        Operation(name, *intervals.keep_inside(starts, ends, steps), kernel)
        for name, starts, ends, kernel in operations
    ]
    operations = [operation for operation in operations if len(operation.starts)]
    columns = ["operation", "role", "name", "implementation", "groups", "calls_a_step", "seconds_a_step"]
    if not operations:
        return pd.DataFrame(columns=columns)
    shared, alone = intervals.make_clocks([operation[1:3] for operation in operations])
    count = len(steps[0])
    rows = [
        {
            **describe(name, kernel),
            "calls_a_step": len(starts) / count,
            "seconds_a_step": float((shared(ends) - shared(starts)).sum()) / count,
            "whole": float((ends - starts).sum()),
            "alone": float((alone(ends) - alone(starts)).sum()),
        }
        for name, starts, ends, kernel in operations
    ]
    table = pd.DataFrame(rows).groupby(columns[:5], sort=False, as_index=False).sum()
    together = 1 - table["alone"] / table["whole"].where(table["whole"] > 0)
    return table[columns].assign(
        overlapped=together.clip(0, 1).fillna(0.0), running_seconds_a_step=table["whole"] / count
    )


def attribute_overheads(
    lines: Iterable[Line],
    caller: Line,
    operations: Iterable[Operation],
    steps: Intervals,
    caller_cpu_seconds: list[float] | None,
) -> pd.DataFrame:
    """A row for each of :data:`OVERHEADS` that the trace shows: what it covers and nothing before it does."""
    everywhere = list(lines)
    nothing = (np.empty(0), np.empty(0))
    claims: dict[str, tuple[Iterable[Line], Callable[[str], bool]]] = {
        SYNCHRONISE: ([caller], f"{EAGER}SyncDevice".__eq__),
        EXECUTOR: (everywhere, _EXECUTES.__contains__),
        IDLE: ([caller], _WAITS.__contains__),
        DISPATCH: ([caller], lambda name: name != STEP),
    }
    covered = [operation[1:3] for operation in operations] or [nothing]
    before = intervals.measure_covered(covered, steps)
    seconds, calls = {}, {}
    for name, (where, wanted) in claims.items():
        chosen = [line.where(wanted) for line in where]
        covered += [(line.starts, line.ends) for line in chosen]
        reached = intervals.measure_covered(covered, steps)
        seconds[name], before = reached - before, reached
        calls[name] = sum(len(intervals.keep_inside(line.starts, line.ends, steps)[0]) for line in chosen)
    count = len(steps[0])
    if caller_cpu_seconds:
        # The same clock ran through what the caller did inside its events, so that comes off.
        running = float(np.median(caller_cpu_seconds)) * count - seconds[DISPATCH] - seconds[SYNCHRONISE]
        rest = float((steps[1] - steps[0]).sum()) - before
        seconds[PYTHON], calls[PYTHON] = max(0.0, min(rest, running)), count
    return pd.DataFrame(
        [
            {
                "operation": name,
                "role": "",
                "name": name,
                "implementation": "",
                "overlapped": 0.0,
                "groups": 1,
                "calls_a_step": calls[name] / count,
                "seconds_a_step": seconds[name] / count,
                "running_seconds_a_step": seconds[name] / count,
            }
            for name in OVERHEADS
            if seconds.get(name, 0.0) > 0
        ]
    )
