"""The events of a step that are no operation -> what its remaining time is spent on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.traces.intervals import Intervals, keep_inside, measure_covered
from analysis.traces.line import Line
from analysis.traces.operations import EAGER, RUNS, Operation
from bench.contract.trace_folder import STEP_NAME

PYTHON, DISPATCH, EXECUTOR, SYNCHRONISE, IDLE = "python", "dispatch", "executor", "synchronise", "idle"
#: Rows that are no operation, in the order in which they claim what operations leave.
OVERHEADS = (SYNCHRONISE, EXECUTOR, IDLE, DISPATCH, PYTHON)

_EXECUTES = frozenset(
    {
        "ExecutorState::Process",
        "ExecutorDoneCallback",
        "FunctionRun",
        "ThunkExecutor::Execute",
        "CpuExecutable::ExecuteAsyncOnStream",
    }
)
_WAITS = frozenset(
    {
        RUNS,
        "BlockUntilReady",
        "cudaDeviceSynchronize",
        "cudaStreamSynchronize",
        "cudaEventSynchronize",
        "cuStreamSynchronize",
    }
)


@dataclass(frozen=True)
class _Overhead:
    """What one overhead takes of all kept steps together."""

    seconds: float
    calls: int


def attribute_overheads(
    lines: Sequence[Line],
    caller: Line,
    operations: Sequence[Operation],
    steps: Intervals,
    caller_cpu_seconds: Sequence[float],
) -> pd.DataFrame:
    """A row for each of :data:`OVERHEADS` that takes time: what neither an operation nor a row before covers.

    ``caller_cpu_seconds`` are steps by the calling thread's own CPU clock; without any there is no
    Python row. Columns are those of ``attribute_operations``.
    """
    of_operations = [operation.intervals for operation in operations]
    events = _select_events(lines, caller)
    found = _measure_claims(events, of_operations, steps)
    if caller_cpu_seconds:
        of_events = [line.intervals for selected in events.values() for line in selected]
        uncovered = _measure_length(steps) - measure_covered([*of_operations, *of_events], steps)
        clocked = float(np.median(caller_cpu_seconds)) * len(steps.starts)
        found[PYTHON] = _Overhead(seconds=_measure_python(clocked, found, uncovered), calls=len(steps.starts))
    return _tabulate_overheads(found, len(steps.starts))


def _select_events(lines: Sequence[Line], caller: Line) -> dict[str, list[Line]]:
    """Overhead -> the events that show it, in the order of :data:`OVERHEADS`."""
    return {
        SYNCHRONISE: [caller.keep_names([f"{EAGER}SyncDevice"])],
        EXECUTOR: [line.keep_names(_EXECUTES) for line in lines],
        IDLE: [caller.keep_names(_WAITS)],
        DISPATCH: [caller.keep_names([name for name in caller.distinct if name != STEP_NAME])],
    }


def _measure_claims(
    events: Mapping[str, Sequence[Line]], of_operations: Sequence[Intervals], steps: Intervals
) -> dict[str, _Overhead]:
    """Of each overhead, the time that its events cover and nothing before them does."""
    covering = list(of_operations)
    covered = measure_covered(covering, steps) if covering else 0.0
    found = {}
    for overhead, selected in events.items():
        intervals = [line.intervals for line in selected]
        covering += intervals
        covered_with_it = measure_covered(covering, steps)
        found[overhead] = _Overhead(
            seconds=covered_with_it - covered,
            calls=sum(len(keep_inside(one, steps).starts) for one in intervals),
        )
        covered = covered_with_it
    return found


def _measure_python(clocked: float, found: Mapping[str, _Overhead], uncovered: float) -> float:
    """Seconds of Python between the caller's events, of the ``uncovered`` ones.

    The caller's CPU clock, ``clocked``, also ran through what the caller did inside its events, so that
    comes off.
    """
    between_events = clocked - found[DISPATCH].seconds - found[SYNCHRONISE].seconds
    return max(0.0, min(uncovered, between_events))


def _measure_length(steps: Intervals) -> float:
    return float((steps.ends - steps.starts).sum())


def _tabulate_overheads(found: Mapping[str, _Overhead], step_count: int) -> pd.DataFrame:
    rows = []
    for name in OVERHEADS:
        if name not in found or found[name].seconds <= 0:
            continue
        seconds = found[name].seconds / step_count
        rows.append(
            {
                "operation": name,
                "role": "",
                "name": name,
                "implementation": "",
                "overlapped": 0.0,
                "groups": 1,
                "calls_a_step": found[name].calls / step_count,
                "seconds_a_step": seconds,
                "running_seconds_a_step": seconds,
            }
        )
    return pd.DataFrame(rows)
