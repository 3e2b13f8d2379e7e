"""A case's trace, oneDNN log and compiled program -> one table of what its step is spent on.

Every instant of a step belongs to one row. It belongs to an operation while one runs. Where several
run at once, each has an equal part, so that the rows add up to the step. What is left is given to
what the trace shows there: synchronisation, the executor, a caller that waits while nothing runs
(idle), the runtime's dispatch. Python between those events appears in no trace. It is counted as far
as the calling thread's own CPU clock says that it was running. The remainder has no name.

Traces are taken with one inter-op thread, so that operations run one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.traces.attribution import attribute_operations
from analysis.traces.captured_steps import read_steps
from analysis.traces.formats import hlo
from analysis.traces.formats.capture import read_capture
from analysis.traces.formats.experiments import read_experiments
from analysis.traces.formats.packed import find_file
from analysis.traces.logged import add_log, add_refusals, read_log, split_gradients
from analysis.traces.naming import describe_operation
from analysis.traces.operations import Operation
from analysis.traces.overheads import attribute_overheads
from bench.contract.cases import ConvCase
from bench.contract.experiments import EXPERIMENTS, Experiments
from bench.contract.kernels import DENSE, DEPTHWISE, POINTWISE
from bench.contract.trace_folder import CAPTURE, ONEDNN_LOG, OPTIMIZED_HLO

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
    "refusals",
)


@dataclass(frozen=True)
class Trace:
    """What one case's step is spent on.

    ``operations`` has :data:`COLUMNS`: ``operation`` (dense, depthwise, pointwise, another operation, or
    one of ``overheads.OVERHEADS``), its ``role``, ``name`` (the framework's own), ``implementation``
    (oneDNN's, from the log; or xla), calls and seconds a step, ``share`` of the step,
    ``logged_seconds_a_step`` (the same kernel by oneDNN's own clock), ``padded`` (whether oneDNN's log
    shows a tensor padded to full vectors), ``running_seconds_a_step`` (its whole time, whether others ran
    beside it or not), ``overlapped`` (the part of that in which others ran too), ``groups`` of an XLA
    convolution and ``refusals`` (what oneDNN refused before it ran this kernel: a tuple of (reason, place),
    in its own words and order). Shares add up to ``accounted``; what that lacks to 1 has no name.
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
    #: On the case's kernels; None where none were made, or where they could not be read.
    experiments: Experiments | None = None

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

    Raises ``TraceError`` (see ``traces.line``) where the trace or ``capture.json`` is missing, damaged or of
    another case. What is wrong with the other files is told in the trace's ``problems``.
    """
    captured = read_steps(folder)
    capture = read_capture(folder / CAPTURE, case)
    problems: list[str] = []

    operations = captured.operations
    program = _read_program(folder / OPTIMIZED_HLO, captured.instructions, captured.kernels, problems)

    def describe(operation: Operation) -> dict[str, Any]:
        return describe_operation(operation, case, program)

    table = _join_rows(
        attribute_operations(operations, describe, captured.steps),
        attribute_overheads(
            captured.lines, captured.caller, operations, captured.steps, capture.caller_cpu_seconds
        ),
        captured.step_seconds,
    )
    log_file = find_file(folder / ONEDNN_LOG)
    log = read_log(log_file, case, problems)
    if log_file is not None and log is not None:
        table = add_log(split_gradients(table, log), log, log_file, problems)
        table = add_refusals(table, log_file, case)
    experiments = read_experiments(folder / EXPERIMENTS, case, problems)
    table = table.sort_values("seconds_a_step", ascending=False, kind="stable", ignore_index=True)
    return Trace(
        operations=table,
        step_seconds=captured.step_seconds,
        untraced_step_seconds=float(np.median(capture.untraced_step_seconds)),
        compiled=captured.is_compiled,
        logged=log is not None,
        problems=tuple(problems),
        experiments=experiments,
    )


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
        refusals=[()] * len(table),
    )
    # Where nothing ran in a step, both are empty and lack columns.
    return table.reindex(columns=COLUMNS)
