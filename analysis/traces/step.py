"""A case's trace, oneDNN log and compiled program -> one table of what its step is spent on.

Every instant of a step belongs to one row. It belongs to an operation while one runs. Where several
run at once, each has an equal part, so that the rows add up to the step. What is left is given to
what the trace shows there: synchronisation, the executor, a caller that waits while nothing runs
(idle), the runtime's dispatch. Python between those events appears in no trace. It is counted as far
as the calling thread's own CPU clock says that it was running. The remainder has no name.

Traces are taken with one inter-op thread, so that operations run one after the other. Steps slower
than the median are left out, as something disturbed them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.traces.attribution import attribute_operations
from analysis.traces.formats import hlo
from analysis.traces.formats.capture import read_capture
from analysis.traces.formats.chrome import read_chrome_trace
from analysis.traces.formats.xplane import read_xplane
from analysis.traces.intervals import Intervals
from analysis.traces.line import Line, TraceError
from analysis.traces.logged import add_log, read_log, split_gradients
from analysis.traces.naming import describe_operation
from analysis.traces.operations import (
    Operation,
    read_eager_operations,
    read_gpu_kernels,
    read_graph_operations,
    read_torch_operations,
    read_xla_instructions,
)
from analysis.traces.overheads import attribute_overheads
from bench.contract.cases import ConvCase
from bench.contract.kernels import DENSE, DEPTHWISE, POINTWISE
from bench.contract.trace_folder import CAPTURE, ONEDNN_LOG, OPTIMIZED_HLO, STEP_NAME

KERNELS = (DENSE, DEPTHWISE, POINTWISE)
COLUMNS = (
    "operation",
    "role",
    "name",
    "implementation",
    "calls_a_step",
    "seconds_a_step",
    "share",
    "logged_seconds_a_step",
    "padded",
    "running_seconds_a_step",
    "overlapped",
    "groups",
)
#: Events of a function compiled by XLA.
_COMPILED = re.compile(r"^CpuExecutable::|^ThunkExecutor::|:_?Xla|^Xla")


@dataclass(frozen=True)
class Trace:
    """What one case's step is spent on.

    ``operations`` has :data:`COLUMNS`: ``operation`` (dense, depthwise, pointwise, another operation, or
    one of ``overheads.OVERHEADS``), its ``role``, ``name`` (the framework's own), ``implementation``
    (oneDNN's, from the log; or xla), calls and seconds a step, ``share`` of the step,
    ``logged_seconds_a_step`` (the same kernel by oneDNN's own clock), ``padded`` (whether oneDNN's log
    shows a tensor padded to full vectors), ``running_seconds_a_step`` (its whole time, whether others ran
    beside it or not), ``overlapped`` (the part of that in which others ran too) and ``groups`` of an XLA
    convolution. Shares add up to ``accounted``; what that lacks to 1 has no name.
    """

    operations: pd.DataFrame
    #: The mean of the traced steps that were kept.
    step_seconds: float
    #: The median step of the same process without the profiler.
    untraced_step_seconds: float
    #: Whether XLA compiled and ran it.
    compiled: bool
    #: Whether oneDNN's log of the same case was read.
    logged: bool
    #: A sentence for each file beside the trace that could not be read.
    problems: tuple[str, ...]

    @property
    def accounted(self) -> float:
        """The share of the step that has a name."""
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
    """The trace of ``case`` in ``folder``.

    Raises :class:`TraceError` where the trace or ``capture.json`` is missing, damaged or of another case.
    What is wrong with the other files is told in the trace's ``problems``.
    """
    file, lines = _read_newest(folder)
    caller, steps = _find_steps(file, lines)
    capture = read_capture(folder / CAPTURE, case)
    problems: list[str] = []

    instructions = read_xla_instructions(lines)
    kernels = list(read_gpu_kernels(lines))
    # On a GPU the processor's events are launches: what computes is the kernels.
    operations = kernels or _read_processor_operations(lines, caller, instructions)
    program = _read_program(folder / OPTIMIZED_HLO, instructions, kernels, problems)

    def describe(operation: Operation) -> dict[str, Any]:
        return describe_operation(operation, case, program)

    step_seconds = float((steps.ends - steps.starts).mean())
    table = _join_rows(
        attribute_operations(operations, describe, steps),
        attribute_overheads(lines, caller, operations, steps, capture.caller_cpu_seconds),
        step_seconds,
    )
    log = read_log(folder / ONEDNN_LOG, case, problems)
    if log is not None:
        table = add_log(split_gradients(table, log), log, folder / ONEDNN_LOG, problems)
    table = table.sort_values("seconds_a_step", ascending=False, kind="stable", ignore_index=True)
    return Trace(
        operations=table,
        step_seconds=step_seconds,
        untraced_step_seconds=float(np.median(capture.untraced_step_seconds)),
        compiled=any(_COMPILED.search(name) for line in lines for name in line.distinct),
        logged=log is not None,
        problems=tuple(problems),
    )


def _read_newest(folder: Path) -> tuple[Path, list[Line]]:
    """The newest trace: TensorFlow's and JAX's as XPlane, else PyTorch's as Chrome's events."""
    xplanes = sorted(folder.glob("plugins/profile/*/*.xplane.pb"))
    if xplanes:
        return xplanes[-1], read_xplane(xplanes[-1])
    chrome_traces = sorted(folder.glob("*.pt.trace.json*"))
    if chrome_traces:
        return chrome_traces[-1], read_chrome_trace(chrome_traces[-1])
    raise TraceError(f"there is no trace in {folder}")


def _find_steps(file: Path, lines: Sequence[Line]) -> tuple[Line, Intervals]:
    """The calling thread's line, and the steps to be looked at."""
    for line in lines:
        steps = line.keep_names([STEP_NAME])
        if len(steps.starts):
            seconds = steps.ends - steps.starts
            kept = seconds <= np.median(seconds)
            return line, Intervals(steps.starts[kept], steps.ends[kept])
    raise TraceError(f"{file} holds no step called {STEP_NAME}: it was not captured by this suite")


def _read_processor_operations(
    lines: Sequence[Line], caller: Line, instructions: Sequence[Operation]
) -> list[Operation]:
    """What ran on the processor, whoever ran it."""
    return [
        *read_graph_operations(lines),
        *read_eager_operations(caller),
        *instructions,
        *read_torch_operations(caller),
    ]


def _read_program(
    file: Path, instructions: Sequence[Operation], kernels: Sequence[Operation], problems: list[str]
) -> hlo.Program | None:
    """The compiled program that ran; None where none did, or where it cannot be read.

    The program is known by the names of XLA's instructions. On a GPU these are what launched the kernels;
    but without a program's file, TensorFlow's own operations launched them. What is wrong with the file is
    added to ``problems``.
    """
    names = {instruction.name for instruction in instructions}
    if not names and file.exists():
        names = {kernel.name for kernel in kernels if kernel.name != kernel.kernel}
    if not names:
        return None
    try:
        program = hlo.find_program(hlo.parse_programs(file.read_text(encoding="utf-8")), names)
    except (OSError, ValueError) as error:  # not text, or a number of more digits than Python reads
        problems.append(f"cannot read {file}: {error}")
        return None
    if program is None:
        problems.append(f"{file} is not the program in the trace")
    return program


def _join_rows(operations: pd.DataFrame, overheads: pd.DataFrame, step_seconds: float) -> pd.DataFrame:
    """Both tables with :data:`COLUMNS`; nothing is known yet of what oneDNN's log says."""
    table = pd.concat([operations, overheads], ignore_index=True)
    table = table.assign(
        share=table["seconds_a_step"] / step_seconds,
        logged_seconds_a_step=np.nan,
        padded=False,
    )
    # Where nothing ran in a step, both are empty and lack columns.
    return table.reindex(columns=COLUMNS)
