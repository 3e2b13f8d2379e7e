"""A oneDNN primitive log -> a table of the operations that ran, by the implementation that ran them.

The log is what ``ONEDNN_VERBOSE=1`` prints, a line an execution; see oneDNN's developer guide,
"Verbose Mode". It is a stopwatch of its own, independent of the profiler.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from analysis.limits.cost import DENSE, DEPTHWISE, FORWARD, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT
from bench.contract.cases import ConvCase

_ROLES = {
    "forward_training": FORWARD,
    "forward_inference": FORWARD,
    "backward_data": INPUT_GRADIENT,
    "backward_weights": WEIGHT_GRADIENT,
}
_PREFIX = re.compile(r"^(?:onednn|dnnl)_verbose,(?:v\d,)?(?:primitive,)?exec,cpu,")
_KERNEL = re.compile(r"kh(\d+).*kw(\d+)")
#: A memory format without blocks, such as ``acdb``: capitals are blocks.
_PLAIN_TARGET = re.compile(r" dst:[^ ]*:blocked:[a-z]+(?::|$)")
#: Memory formats that hold more than the tensor: ``wei:f32:ap:blocked:`` has padding.
_PADDED = re.compile(r"(?:^| )(?:src|wei|dst):\w+:a?p:")
#: Groups, images, channels in and out of a convolution.
_PROBLEM = re.compile(r"^(?:g(\d+))?mb(\d+)_ic(\d+)oc(\d+)")
COLUMNS = (
    *("primitive", "operation", "role", "implementation", "problem", "padded", "calls_a_step"),
    "seconds_a_step",
)
_KEYS = list(COLUMNS[:6])
#: What ``bench.tracing.capturing`` calls a step: before each one in the log, around it in the trace.
STEP = "bench_step"
_CONVOLUTION, _REORDER = "convolution", "reorder"


class LogError(ValueError):
    """One sentence that names the log and says what is wrong with it."""


def read_primitives(log: Path, case: ConvCase) -> pd.DataFrame:
    """The primitives of ``case``, most expensive first.

    Columns: ``primitive`` (oneDNN's word: convolution, reorder, eltwise), ``operation`` (dense,
    depthwise, pointwise) and ``role`` (forward, input_gradient, weight_gradient) of the convolution it
    is or, for a reorder, that it serves; both empty for the rest. ``implementation``, ``problem``
    (oneDNN's description), ``padded`` (whether some tensor is padded to full vectors), ``calls_a_step``
    and ``seconds_a_step`` (the median execution, times its calls).

    Empty where oneDNN ran nothing. Raises :class:`LogError` where the file is missing, foreign, cut off,
    of another case, or where its steps differ.
    """
    executions, steps = _executions(log, case)
    counts = executions.groupby("step").size()
    if len(counts) and (len(counts) != steps or counts.nunique() > 1):
        raise LogError(f"{log} has steps that ran different primitives, or was cut off between them")
    executions = _served(executions)
    grouped = executions.groupby(_KEYS, sort=False)["seconds"].agg(["size", "median"])
    table = grouped.reset_index().rename(columns={"size": "calls_a_step", "median": "seconds_a_step"})
    table["calls_a_step"] /= steps
    table["seconds_a_step"] *= table["calls_a_step"]
    return table.sort_values("seconds_a_step", ascending=False, ignore_index=True)


def _executions(log: Path, case: ConvCase) -> tuple[pd.DataFrame, int]:
    """One row a line of the log: :data:`COLUMNS` up to ``problem``, ``formats``, ``step`` and ``seconds``.

    And the number of steps, each of which begins with a line of its own.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LogError(f"cannot read {log}: {error.strerror}") from error
    lines = text.splitlines()
    if lines and not text.endswith("\n"):
        raise LogError(f"{log} was cut off in line {len(lines)}")
    rows, steps = [], 0
    for number, line in enumerate(lines, start=1):
        steps += line.startswith(f"{STEP} ")
        match = _PREFIX.match(line)
        if not match:
            continue
        fields = line[match.end() :].split(",")
        try:
            kind, implementation, propagation, formats, *_, problem, milliseconds = fields
            seconds = float(milliseconds) / 1e3
        except ValueError:
            raise LogError(f"{log}, line {number} is no execution of a primitive") from None
        operation, role = "", ""
        if kind == _CONVOLUTION:
            try:
                operation, role = _named(propagation, problem, case)
                fits = _fits(problem, operation, case)
            except ValueError:  # a number that is too long to be one
                fits = False
            if not fits:
                raise LogError(f"{log}, line {number} is a convolution of another case: {problem[:200]}")
        padded = bool(_PADDED.search(formats))
        rows.append((kind, operation, role, implementation, problem, padded, formats, steps, seconds))
    if not steps:
        raise LogError(f"{log} does not say where its steps begin: it was not captured by this suite")
    return pd.DataFrame(rows, columns=[*_KEYS, "formats", "step", "seconds"]), steps


def _served(executions: pd.DataFrame) -> pd.DataFrame:
    """Give each reorder the convolution that it serves: one operation runs after the other.

    A weight gradient is computed in blocks and then written in plain order, so that a reorder to plain
    order right behind it is its own; any other prepares the convolution that follows.
    """
    convolution = executions["primitive"] == _CONVOLUTION
    reorder = executions["primitive"] == _REORDER
    names = executions[["operation", "role"]].where(convolution).groupby(executions["step"])
    follows, precedes = names.ffill(), names.bfill()
    behind = (
        reorder
        & (follows["role"] == WEIGHT_GRADIENT)
        & executions["formats"].str.contains(_PLAIN_TARGET)
        & (convolution | reorder).shift(fill_value=False)
    )
    served = precedes.where(~behind, follows).fillna("")
    executions.loc[reorder, ["operation", "role"]] = served[reorder]
    return executions


def _fits(problem: str, operation: str, case: ConvCase) -> bool:
    """Whether a convolution's groups and channels are those of this operation of ``case``."""
    found = _PROBLEM.match(problem)
    if not found:
        return False
    groups, _, inputs, outputs = (int(number or 1) for number in found.groups())
    between = case.in_channels * case.depth_multiplier
    expected = {
        DENSE: (1, case.in_channels, case.filters),
        DEPTHWISE: (case.in_channels, case.in_channels, between),
        POINTWISE: (1, between if case.is_separable else case.in_channels, case.filters),
    }
    return (groups, inputs, outputs) == expected[operation]


def _named(propagation: str, problem: str, case: ConvCase) -> tuple[str, str]:
    """The operation and its role. In a separable layer, what is grouped or larger than 1x1 is depthwise."""
    role = _ROLES.get(propagation, propagation)
    kernel = _KERNEL.search(problem)
    window = tuple(map(int, kernel.groups())) if kernel else ()
    if case.layer == "pointwise_conv2d":
        return POINTWISE, role
    if case.is_separable and window == (1, 1) and not problem.startswith("g"):
        return POINTWISE, role
    if case.layer == "depthwise_conv2d" or case.is_separable:
        return DEPTHWISE, role
    return DENSE, role
