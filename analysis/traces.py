"""A case's trace, primitive log and compiled program -> one table of what its step is spent on.

Every instant of a step belongs to one row. It belongs to an operation while one runs; where several
run at once, to each in equal parts, so that the rows add up to the step. What is left is given to
what the trace shows there: synchronisation, the executor, a caller that waits while nothing runs
(idle), the runtime's dispatch. Python between those events appears in no trace; it is counted as far
as the calling thread's own CPU clock says that it was running. The remainder has no name.

Traces are taken with one inter-op thread, so that operations run one after the other. Steps slower
than the median are left out, as something disturbed them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import chrome, events, hlo, intervals, naming, primitives, xplane
from analysis.cost import DENSE, DEPTHWISE, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT
from analysis.events import Operation
from analysis.intervals import Intervals
from analysis.naming import GRADIENTS, REORDER
from analysis.primitives import STEP, LogError
from analysis.xplane import Line, TraceError
from bench.cases import ConvCase

#: What ``bench.profiling`` leaves in a case's folder.
LOG, CAPTURE, PROGRAM = "onednn.log", "capture.json", "optimized_hlo.txt"

PYTHON, DISPATCH, EXECUTOR, SYNCHRONISE, IDLE = "python", "dispatch", "executor", "synchronise", "idle"
#: Rows that are no operation, in the order in which they claim what operations leave.
OVERHEADS = (SYNCHRONISE, EXECUTOR, IDLE, DISPATCH, PYTHON)
KERNELS = (DENSE, DEPTHWISE, POINTWISE)
COLUMNS = (
    *("operation", "role", "name", "implementation", "calls_a_step", "seconds_a_step", "share"),
    *("logged_seconds_a_step", "padded", "running_seconds_a_step", "overlapped", "groups"),
)

_EXECUTES = frozenset(
    {
        *("ExecutorState::Process", "ExecutorDoneCallback", "FunctionRun", "ThunkExecutor::Execute"),
        *("CpuExecutable::ExecuteAsyncOnStream",),
    }
)
_WAITS = frozenset(
    {
        *(events.RUNS, "BlockUntilReady"),
        *("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize", "cuStreamSynchronize"),
    }
)
#: A function compiled by XLA.
_COMPILED = re.compile(r"^CpuExecutable::|^ThunkExecutor::|:_?Xla|^Xla")


@dataclass(frozen=True)
class Trace:
    """What one case's step is spent on.

    ``operations`` has :data:`COLUMNS`: ``operation`` (dense, depthwise, pointwise, another operation,
    or one of :data:`OVERHEADS`), its ``role``, ``name`` (the framework's own), ``implementation``
    (oneDNN's, from the log; or xla), calls and seconds a step, ``share`` of the step,
    ``logged_seconds_a_step`` (the same kernel by oneDNN's own stopwatch), ``padded`` (whether oneDNN's
    log shows a tensor padded to full vectors), ``running_seconds_a_step`` (its own time, others beside
    it or not), ``overlapped`` (the part of that in which others ran too) and ``groups`` of an XLA
    convolution. Shares add up to ``accounted``; what it lacks to 1 has no name.
    """

    operations: pd.DataFrame
    #: The traced steps that were kept, in seconds, and the steps of the same process untraced.
    step_seconds: float
    untraced_step_seconds: float
    #: Whether XLA compiled and ran it.
    compiled: bool
    #: Whether oneDNN's log of the same case was read.
    logged: bool = False
    #: A sentence for each file beside the trace that could not be read.
    problems: tuple[str, ...] = ()

    @property
    def accounted(self) -> float:
        return float(self.operations["share"].sum())

    @property
    def accounted_of_untraced(self) -> float:
        """Seconds accounted for, over the step without the profiler, which takes time itself."""
        return self.accounted * self.step_seconds / self.untraced_step_seconds

    @property
    def in_kernels(self) -> float:
        """The share of the step in the convolutions themselves."""
        return float(self.operations.loc[self.operations["operation"].isin(KERNELS), "share"].sum())


def read(folder: Path, case: ConvCase) -> Trace:
    """The trace of ``case`` in ``folder``. Raises :class:`TraceError`."""
    file, lines = _lines(folder)
    caller, starts, ends = _steps(file, lines)
    captured = _captured(folder / CAPTURE, case)
    problems: list[str] = []

    thunks = events.thunks(lines)
    # On a GPU the processor's events are launches: what computes is the kernels.
    operations = list(events.gpu_kernels(lines))
    launched = {operation.name for operation in operations if operation.name != operation.kernel}
    ran = set(thunks) or (launched if (folder / PROGRAM).exists() else set())
    program = _program(folder / PROGRAM, ran, problems)
    if not operations:
        compiled = (Operation(name, *thunk) for name, thunk in thunks.items())
        operations = [
            *events.graph_operations(lines),
            *events.eager_operations(caller),
            *compiled,
            *events.torch_operations(caller),
        ]
    table = _attributed(operations, partial(naming.described, case=case, program=program), (starts, ends))
    overheads = _overheads(lines, caller, operations, (starts, ends), captured.get("caller_cpu_seconds"))
    table = pd.concat([table, overheads], ignore_index=True)
    table = table.assign(
        share=table["seconds_a_step"] / float((ends - starts).mean()),
        logged_seconds_a_step=np.nan,
        padded=False,
    )
    log = _log(folder / LOG, case, problems)
    if log is not None:
        table = _with_gradients_apart(table, log)
        table = _with_log(table, log, folder / LOG, problems)
    return Trace(
        table.sort_values("seconds_a_step", ascending=False, kind="stable", ignore_index=True)[list(COLUMNS)],
        float((ends - starts).mean()),
        float(np.median(captured["untraced_step_seconds"])),
        any(_COMPILED.search(name) for line in lines for name in line.distinct),
        log is not None,
        tuple(problems),
    )


def _lines(folder: Path) -> tuple[Path, list[Line]]:
    """The newest trace in ``folder``, TensorFlow's and JAX's as XPlane or PyTorch's as Chrome's events."""
    for pattern, reader in (
        ("plugins/profile/*/*.xplane.pb", xplane.read),
        ("*.pt.trace.json*", chrome.read),
    ):
        files = sorted(folder.glob(pattern))
        if files:
            return files[-1], reader(files[-1])
    raise TraceError(f"there is no trace in {folder}")


def _steps(file: Path, lines: Iterable[Line]) -> tuple[Line, np.ndarray, np.ndarray]:
    """The calling thread's line, and the starts and ends of the steps to be looked at."""
    for line in lines:
        steps = line.where(STEP.__eq__)
        if len(steps.starts):
            seconds = steps.ends - steps.starts
            kept = seconds <= np.median(seconds)
            return line, steps.starts[kept], steps.ends[kept]
    raise TraceError(f"{file} holds no step called {STEP}: it was not captured by this suite")


def _captured(file: Path, case: ConvCase) -> dict[str, list[float]]:
    """What was measured beside the trace: lists of seconds, checked."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        traced = ConvCase.from_dict(content["case"])
        captured = {
            name: [float(value) for value in content[name]]
            for name in ("untraced_step_seconds", "caller_cpu_seconds")
            if name in content
        }
        if not captured.get("untraced_step_seconds"):
            raise ValueError("no step was timed without the profiler")
        if not all(math.isfinite(value) and value >= 0 for values in captured.values() for value in values):
            raise ValueError("its times are no times")
        if not np.median(captured["untraced_step_seconds"]) > 0:
            raise ValueError("its steps took no time")
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise TraceError(f"{file} does not say how the trace was captured: {error}") from error
    if traced != case:
        raise TraceError(f"{file.parent} holds the trace of another case, {traced.id}")
    return captured


def _program(file: Path, names: set[str], problems: list[str]) -> hlo.Program | None:
    if not names:
        return None
    try:
        program = hlo.ran(hlo.parse(file.read_text(encoding="utf-8")), names)
    except (OSError, ValueError) as error:  # not text, or a number that is too long to be one
        problems.append(f"cannot read {file}: {error}")
        return None
    if program is None:
        problems.append(f"{file} is not the program in the trace")
    return program


# --- time ---------------------------------------------------------------------------------------


def _attributed(
    operations: Iterable[Operation], describe: Callable[[str, str], dict[str, Any]], steps: Intervals
) -> pd.DataFrame:
    """One row an operation, with its calls and its part of the time, over the kept steps."""
    operations = [
        Operation(name, *intervals.inside(starts, ends, steps), kernel)
        for name, starts, ends, kernel in operations
    ]
    operations = [operation for operation in operations if len(operation.starts)]
    columns = ["operation", "role", "name", "implementation", "groups", "calls_a_step", "seconds_a_step"]
    if not operations:
        return pd.DataFrame(columns=columns)
    shared, alone = intervals.clocks([operation[1:3] for operation in operations])
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


def _overheads(
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
        SYNCHRONISE: ([caller], f"{events.EAGER}SyncDevice".__eq__),
        EXECUTOR: (everywhere, _EXECUTES.__contains__),
        IDLE: ([caller], _WAITS.__contains__),
        DISPATCH: ([caller], lambda name: name != STEP),
    }
    covered = [operation[1:3] for operation in operations] or [nothing]
    before = intervals.covered(covered, steps)
    seconds, calls = {}, {}
    for name, (where, wanted) in claims.items():
        chosen = [line.where(wanted) for line in where]
        covered += [(line.starts, line.ends) for line in chosen]
        reached = intervals.covered(covered, steps)
        seconds[name], before = reached - before, reached
        calls[name] = sum(len(intervals.inside(line.starts, line.ends, steps)[0]) for line in chosen)
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


# --- the primitive log --------------------------------------------------------------------------


def _log(file: Path, case: ConvCase, problems: list[str]) -> pd.DataFrame | None:
    if not file.exists():
        return None
    try:
        return primitives.read(file, case)
    except LogError as error:
        problems.append(str(error))
        return None


def _with_gradients_apart(table: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """PyTorch computes both gradients in one operation: the log's proportions divide it."""
    apart = []
    for place, row in table[table["role"] == GRADIENTS].iterrows():
        logged = log[log["operation"] == row["operation"]].groupby("role")["seconds_a_step"].sum()
        logged = logged[[role for role in (INPUT_GRADIENT, WEIGHT_GRADIENT) if role in logged.index]]
        if logged.sum() > 0:
            for role, share in (logged / logged.sum()).items():
                part = row.copy()
                part["role"] = role
                part[["seconds_a_step", "running_seconds_a_step", "share"]] *= share
                apart.append(part)
            table = table.drop(index=place)
    return pd.concat([table, pd.DataFrame(apart)], ignore_index=True) if apart else table


def _with_log(table: pd.DataFrame, log: pd.DataFrame, file: Path, problems: list[str]) -> pd.DataFrame:
    """Name the implementations, and take oneDNN's reorders out of the operations that hold them.

    The trace sees an operation with its reorders; the log's own proportions divide it.
    """
    rows = table.to_dict("records")
    for (operation, role), logged in log[log["role"] != ""].groupby(["operation", "role"], sort=False):
        own = [row for row in rows if (row["operation"], row["role"]) == (operation, role)]
        if len(own) != 1:
            problems.append(f"{file} has a {operation} {role} that the trace shows {len(own)} times")
            continue
        (row,) = own
        is_kernel = logged["primitive"] == "convolution"
        kernel, reorder = logged[is_kernel], float(logged.loc[~is_kernel, "seconds_a_step"].sum())
        row["implementation"] = " + ".join(dict.fromkeys(kernel["implementation"]))
        row["logged_seconds_a_step"] = float(kernel["seconds_a_step"].sum())
        row["padded"] = bool(kernel["padded"].any())
        if reorder > 0:
            part = {
                **row,
                "operation": REORDER,
                "role": "",
                "name": f"reorder for {operation} {role}",
                "implementation": "oneDNN",
                "logged_seconds_a_step": reorder,
            }
            share = reorder / (reorder + row["logged_seconds_a_step"])
            for column in ("seconds_a_step", "running_seconds_a_step", "share"):
                part[column] *= share
                row[column] *= 1 - share
            rows.append(part)
    return pd.DataFrame(rows, columns=table.columns)
