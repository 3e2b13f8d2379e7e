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
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.limits.cost import DENSE, DEPTHWISE, POINTWISE
from analysis.traces import naming
from analysis.traces.attribution import attribute_operations, attribute_overheads
from analysis.traces.formats import chrome, hlo, xplane
from analysis.traces.formats.primitives import STEP
from analysis.traces.formats.xplane import Line, TraceError
from analysis.traces.logged import add_log, read_log, split_gradients
from analysis.traces.operations import (
    Operation,
    pair_thunks,
    read_eager_operations,
    read_gpu_kernels,
    read_graph_operations,
    read_torch_operations,
)
from bench.contract.cases import ConvCase

#: What ``bench.tracing.capturing`` leaves in a case's folder.
LOG, CAPTURE, PROGRAM = "onednn.log", "capture.json", "optimized_hlo.txt"
KERNELS = (DENSE, DEPTHWISE, POINTWISE)
COLUMNS = (
    *("operation", "role", "name", "implementation", "calls_a_step", "seconds_a_step", "share"),
    *("logged_seconds_a_step", "padded", "running_seconds_a_step", "overlapped", "groups"),
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


def read_trace(folder: Path, case: ConvCase) -> Trace:
    """The trace of ``case`` in ``folder``. Raises :class:`TraceError`."""
    file, lines = _lines(folder)
    caller, starts, ends = _steps(file, lines)
    captured = _captured(folder / CAPTURE, case)
    problems: list[str] = []

    thunks = pair_thunks(lines)
    # On a GPU the processor's events are launches: what computes is the kernels.
    operations = list(read_gpu_kernels(lines))
    launched = {operation.name for operation in operations if operation.name != operation.kernel}
    ran = set(thunks) or (launched if (folder / PROGRAM).exists() else set())
    program = _program(folder / PROGRAM, ran, problems)
    if not operations:
        compiled = (Operation(name, *thunk) for name, thunk in thunks.items())
        operations = [
            *read_graph_operations(lines),
            *read_eager_operations(caller),
            *compiled,
            *read_torch_operations(caller),
        ]
    table = attribute_operations(
        operations, partial(naming.describe_operation, case=case, program=program), (starts, ends)
    )
    overheads = attribute_overheads(
        lines, caller, operations, (starts, ends), captured.get("caller_cpu_seconds")
    )
    table = pd.concat([table, overheads], ignore_index=True)
    table = table.assign(
        share=table["seconds_a_step"] / float((ends - starts).mean()),
        logged_seconds_a_step=np.nan,
        padded=False,
    )
    log = read_log(folder / LOG, case, problems)
    if log is not None:
        table = split_gradients(table, log)
        table = add_log(table, log, folder / LOG, problems)
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
        ("plugins/profile/*/*.xplane.pb", xplane.read_xplane),
        ("*.pt.trace.json*", chrome.read_chrome_trace),
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
        program = hlo.find_program(hlo.parse_programs(file.read_text(encoding="utf-8")), names)
    except (OSError, ValueError) as error:  # not text, or a number that is too long to be one
        problems.append(f"cannot read {file}: {error}")
        return None
    if program is None:
        problems.append(f"{file} is not the program in the trace")
    return program
