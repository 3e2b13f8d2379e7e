"""oneDNN's log -> a table of the primitives that ran, by the implementation that ran them.

The log is what oneDNN prints where ``ONEDNN_VERBOSE`` is set, a line an execution; see its developer guide,
"Verbose Mode". Before the first step the case was made ready, and what ran then is not read: only what
oneDNN refused when it created the primitives. Its times are oneDNN's own, independent of the profiler.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandas as pd

from analysis.traces.formats.packed import read_text
from bench.contract.cases import ConvCase
from bench.contract.kernels import WEIGHT_GRADIENT
from bench.contract.onednn_log import CONVOLUTION, LogError, Refusal, find_refusals, parse_execution
from bench.contract.trace_folder import STEP_NAME

#: A target without blocks, such as ``acdb``: capitals are blocks.
_PLAIN_TARGET = re.compile(r" dst:[^ ]*:blocked:[a-z]+(?::|$)")
#: A memory format that holds more than the tensor: ``wei:f32:ap:blocked:`` has padding.
_PADDED = re.compile(r"(?:^| )(?:src|wei|dst):\w+:a?p:")
_REORDER = "reorder"
#: What tells one primitive of a step from another.
_KEYS = ["primitive", "operation", "role", "implementation", "problem", "padded"]
COLUMNS = (*_KEYS, "calls_a_step", "seconds_a_step")


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


def read_refusals(log: Path, case: ConvCase) -> dict[tuple[str, str], tuple[Refusal, ...]]:
    """What oneDNN refused before each kernel ran: see :func:`bench.contract.onednn_log.find_refusals`.

    Raises :class:`LogError` where the file is missing or cut off.
    """
    return find_refusals(_read_lines(log), case)


def _read_executions(log: Path, case: ConvCase) -> tuple[pd.DataFrame, int]:
    """One row an execution, and the number of steps, each of which begins with a line of its own.

    Columns: those that identify a primitive, ``formats``, ``step`` (counted from 1) and ``seconds``.
    """
    rows, steps = [], 0
    for number, line in enumerate(_read_lines(log), start=1):
        if line.startswith(f"{STEP_NAME} "):
            steps += 1
        if not steps:
            continue
        try:
            execution = parse_execution(line, case)
        except LogError as error:
            raise LogError(f"{log}, line {number} is {error}") from None
        if execution:
            padded = bool(_PADDED.search(execution.formats))
            rows.append({**dataclasses.asdict(execution), "padded": padded, "step": steps})
    if not steps:
        raise LogError(f"{log} does not say where its steps begin: it was not captured by this suite")
    return pd.DataFrame(rows, columns=[*_KEYS, "formats", "step", "seconds"]), steps


def _read_lines(log: Path) -> list[str]:
    """All lines of a log that is whole."""
    try:
        text = read_text(log)
    except OSError as error:
        raise LogError(f"cannot read {log}: {error.strerror or error}") from error
    lines = text.splitlines()
    if lines and not text.endswith("\n"):
        raise LogError(f"{log} was cut off in line {len(lines)}")
    return lines


def _assign_reorders(executions: pd.DataFrame) -> pd.DataFrame:
    """Give each reorder the operation and role of the convolution that it serves.

    One operation runs after the other. A weight gradient is computed in blocks and then written in plain
    order: a reorder to plain order right behind it is its own. Any other reorder prepares the convolution
    that follows.
    """
    convolution = executions["primitive"] == CONVOLUTION
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
