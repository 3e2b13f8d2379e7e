"""oneDNN's log -> a table of the primitives that ran, by the implementation that ran them.

The log is what ``ONEDNN_VERBOSE=1`` prints, a line an execution; see oneDNN's developer guide,
"Verbose Mode". Its times are oneDNN's own, independent of the profiler.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.limits.cost import DENSE, DEPTHWISE, FORWARD, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT
from bench.contract.cases import ConvCase
from bench.contract.trace_folder import STEP_NAME

_ROLES = {
    "forward_training": FORWARD,
    "forward_inference": FORWARD,
    "backward_data": INPUT_GRADIENT,
    "backward_weights": WEIGHT_GRADIENT,
}
#: What a line of an execution begins with, in oneDNN 2 and 3.
_PREFIX = re.compile(r"^(?:onednn|dnnl)_verbose,(?:v\d,)?(?:primitive,)?exec,cpu,")
_KERNEL = re.compile(r"kh(\d+).*kw(\d+)")
#: A target without blocks, such as ``acdb``: capitals are blocks.
_PLAIN_TARGET = re.compile(r" dst:[^ ]*:blocked:[a-z]+(?::|$)")
#: A memory format that holds more than the tensor: ``wei:f32:ap:blocked:`` has padding.
_PADDED = re.compile(r"(?:^| )(?:src|wei|dst):\w+:a?p:")
#: Groups, images, channels in and out of a convolution.
_PROBLEM = re.compile(r"^(?:g(\d+))?mb(\d+)_ic(\d+)oc(\d+)")
_CONVOLUTION, _REORDER = "convolution", "reorder"
#: What tells one primitive of a step from another.
_KEYS = ["primitive", "operation", "role", "implementation", "problem", "padded"]
COLUMNS = (*_KEYS, "calls_a_step", "seconds_a_step")


class LogError(ValueError):
    """One sentence that names the log and says what is wrong with it."""


def read_primitives(log: Path, case: ConvCase) -> pd.DataFrame:
    """The primitives that a step of ``case`` ran, most expensive first: :data:`COLUMNS`.

    ``primitive`` is oneDNN's word: convolution, reorder, eltwise. ``operation`` (dense, depthwise,
    pointwise) and ``role`` (forward, input_gradient, weight_gradient) are those of the convolution that
    it is or, for a reorder, that it serves; both are empty for the rest. ``problem`` is oneDNN's
    description. ``padded`` says whether some tensor is padded to full vectors. ``seconds_a_step`` is the
    median execution times ``calls_a_step``.

    The table is empty where oneDNN ran nothing. Raises :class:`LogError` where the file is missing,
    foreign, cut off, of another case, or where its steps differ.
    """
    executions, steps = _read_executions(log, case)
    counts = executions.groupby("step").size()
    if len(counts) and (len(counts) != steps or counts.nunique() > 1):
        raise LogError(f"{log} has steps that ran different primitives, or was cut off between them")
    executions = _assign_reorders(executions)
    grouped = executions.groupby(_KEYS, sort=False)["seconds"].agg(["size", "median"])
    table = grouped.reset_index().rename(columns={"size": "calls_a_step", "median": "seconds_a_step"})
    table["calls_a_step"] /= steps
    table["seconds_a_step"] *= table["calls_a_step"]
    return table.sort_values("seconds_a_step", ascending=False, ignore_index=True)


def _read_executions(log: Path, case: ConvCase) -> tuple[pd.DataFrame, int]:
    """One row an execution, and the number of steps, each of which begins with a line of its own.

    Columns: those that identify a primitive, ``formats``, ``step`` (counted from 1) and ``seconds``.
    """
    rows, steps = [], 0
    for number, line in enumerate(_read_lines(log), start=1):
        if line.startswith(f"{STEP_NAME} "):
            steps += 1
        if _PREFIX.match(line):
            try:
                row = _parse_execution(line, case)
            except LogError as error:
                raise LogError(f"{log}, line {number} is {error}") from None
            rows.append({**row, "step": steps})
    if not steps:
        raise LogError(f"{log} does not say where its steps begin: it was not captured by this suite")
    return pd.DataFrame(rows, columns=[*_KEYS, "formats", "step", "seconds"]), steps


def _read_lines(log: Path) -> list[str]:
    """All lines of a log that is whole."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LogError(f"cannot read {log}: {error.strerror}") from error
    lines = text.splitlines()
    if lines and not text.endswith("\n"):
        raise LogError(f"{log} was cut off in line {len(lines)}")
    return lines


def _parse_execution(line: str, case: ConvCase) -> dict[str, Any]:
    """One line as a row. Raises :class:`LogError` that says what the line is instead."""
    fields = _PREFIX.sub("", line).split(",")
    if len(fields) < 6:
        raise LogError("no execution of a primitive")
    primitive, implementation, propagation, formats = fields[:4]
    problem, milliseconds = fields[-2:]
    try:
        seconds = float(milliseconds) / 1e3
    except ValueError:
        raise LogError("no execution of a primitive") from None
    operation, role = "", ""
    if primitive == _CONVOLUTION:
        try:
            operation = _find_operation(problem, case)
            fits = _fits_case(problem, operation, case)
        except ValueError:  # a number of more digits than Python reads
            fits = False
        if not fits:
            raise LogError(f"a convolution of another case: {problem[:200]}")
        role = _ROLES.get(propagation, propagation)
    return {
        "primitive": primitive,
        "operation": operation,
        "role": role,
        "implementation": implementation,
        "problem": problem,
        "padded": bool(_PADDED.search(formats)),
        "formats": formats,
        "seconds": seconds,
    }


def _find_operation(problem: str, case: ConvCase) -> str:
    """The operation of a convolution; in a separable layer, one with groups or above 1x1 is depthwise."""
    if case.layer == "pointwise_conv2d":
        return POINTWISE
    if case.layer == "depthwise_conv2d":
        return DEPTHWISE
    if not case.is_separable:
        return DENSE
    kernel = _KERNEL.search(problem)
    is_one_pixel = kernel is not None and int(kernel[1]) == int(kernel[2]) == 1
    return POINTWISE if is_one_pixel and not problem.startswith("g") else DEPTHWISE


def _fits_case(problem: str, operation: str, case: ConvCase) -> bool:
    """Whether a convolution has the groups and channels of this operation of ``case``."""
    found = _PROBLEM.match(problem)
    if not found:
        return False
    groups, inputs, outputs = int(found[1] or 1), int(found[3]), int(found[4])
    between = case.in_channels * case.depth_multiplier
    if operation == DEPTHWISE:
        return (groups, inputs, outputs) == (case.in_channels, case.in_channels, between)
    expected_inputs = between if case.is_separable else case.in_channels
    return (groups, inputs, outputs) == (1, expected_inputs, case.filters)


def _assign_reorders(executions: pd.DataFrame) -> pd.DataFrame:
    """Give each reorder the operation and role of the convolution that it serves.

    One operation runs after the other. A weight gradient is computed in blocks and then written in plain
    order: a reorder to plain order right behind it is its own. Any other reorder prepares the convolution
    that follows.
    """
    convolution = executions["primitive"] == _CONVOLUTION
    reorder = executions["primitive"] == _REORDER
    names = executions[["operation", "role"]].where(convolution).groupby(executions["step"])
    previous, following = names.ffill(), names.bfill()
    belongs_to_previous = (
        reorder
        & (previous["role"] == WEIGHT_GRADIENT)
        & executions["formats"].str.contains(_PLAIN_TARGET)
        & (convolution | reorder).shift(fill_value=False)
    )
    served = following.where(~belongs_to_previous, previous).fillna("")
    executions.loc[reorder, ["operation", "role"]] = served[reorder]
    return executions
