"""A oneDNN primitive log -> a table of the operations that ran, by the implementation that ran them.

The log is what ``ONEDNN_VERBOSE=1`` prints, a line an execution; see oneDNN's developer guide,
"Verbose Mode". It is a stopwatch of its own, independent of the profiler.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis import cost, roofline
from analysis.cost import DENSE, DEPTHWISE, FORWARD, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT
from analysis.results import Results
from bench.cases import ConvCase

#: What ``bench.profiling`` leaves in a case's folder.
LOG, CAPTURE = "onednn.log", "capture.json"
_ROLES = {
    "forward_training": FORWARD,
    "forward_inference": FORWARD,
    "backward_data": INPUT_GRADIENT,
    "backward_weights": WEIGHT_GRADIENT,
}
_PREFIX = re.compile(r"^(?:onednn|dnnl)_verbose,(?:v\d,)?(?:primitive,)?exec,cpu,")
_KERNEL = re.compile(r"kh(\d+).*kw(\d+)")
COLUMNS = ("operation", "role", "implementation", "problem", "calls_a_step", "seconds_a_step")


class LogError(ValueError):
    """One sentence that names the log and says what is wrong with it."""


def of_traced_cases(results: Results) -> tuple[pd.DataFrame, list[str]]:
    """The primitives of every case with a log, and a sentence for each log that cannot be read.

    Columns of :func:`read`, with ``pair``, ``layer`` and ``of_limit``: the least time of this operation
    on this machine (see ``roofline``) over the time it took; missing for what is no convolution.
    """
    devices = roofline.ceilings(results.ceilings)
    tables, problems = [], []
    traced = results.layers[results.layers["trace"].notna()]
    for row in traced.drop_duplicates("id", keep="last").sort_values(["pair", "layer"]).itertuples():
        if not (row.trace / LOG).exists():
            continue
        try:
            table = read(row.trace / LOG, row.case, _steps(row.trace / CAPTURE))
        except LogError as error:
            problems.append(str(error))
            continue
        limits = _limits(row.case, devices)
        least = [limits.get((found.operation, found.role), float("nan")) for found in table.itertuples()]
        table["of_limit"] = least / table["seconds_a_step"]
        tables.append(table.assign(pair=row.pair, layer=row.layer, measured_seconds=row.seconds))
    columns = [*COLUMNS, "of_limit", "pair", "layer", "measured_seconds"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns), problems


def _limits(case: ConvCase, devices: Mapping[str, roofline.Ceilings]) -> dict[tuple[str, str], float]:
    ceilings = devices.get(case.device)
    if not ceilings or not ceilings.can_judge(case):
        return {}
    return {
        (kernel.operation, kernel.role): roofline.kernel_limit(kernel, case.dtype, ceilings)[0]
        for kernel in cost.kernels(case)
    }


def _steps(capture: Path) -> int:
    try:
        return int(json.loads(capture.read_text(encoding="utf-8"))["steps"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LogError(f"{capture} does not say how many steps were logged: {error}") from error


def read(log: Path, case: ConvCase, steps: int) -> pd.DataFrame:
    """The primitives of ``case``, most expensive first.

    Columns: ``operation`` (dense, depthwise, pointwise, or oneDNN's own word such as reorder), ``role``
    (forward, input_gradient, weight_gradient, or empty), ``implementation``, ``problem`` (oneDNN's
    description), ``calls_a_step`` and ``seconds_a_step`` (the median execution, times its calls).

    Raises :class:`LogError` where the file is missing, holds no execution, or is cut off.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LogError(f"cannot read {log}: {error.strerror}") from error
    lines = text.splitlines()
    if lines and not text.endswith("\n"):
        raise LogError(f"{log} was cut off in line {len(lines)}")
    rows = []
    for number, line in enumerate(lines, start=1):
        match = _PREFIX.match(line)
        if not match:
            continue
        fields = line[match.end() :].split(",")
        try:
            kind, implementation, propagation, *_, problem, milliseconds = fields
            seconds = float(milliseconds) / 1e3
        except ValueError:
            raise LogError(f"{log}, line {number} is no execution of a primitive") from None
        rows.append((*_named(kind, propagation, problem, case), implementation, problem, seconds))
    if not rows:
        raise LogError(f"{log} holds no execution of a primitive")
    executions = pd.DataFrame(rows, columns=[*COLUMNS[:4], "seconds"])
    grouped = executions.groupby(list(COLUMNS[:4]), sort=False)["seconds"].agg(["size", "median"])
    table = grouped.reset_index().rename(columns={"size": "calls_a_step", "median": "seconds_a_step"})
    table["calls_a_step"] /= steps
    table["seconds_a_step"] *= table["calls_a_step"]
    return table.sort_values("seconds_a_step", ascending=False, ignore_index=True)


def _named(kind: str, propagation: str, problem: str, case: ConvCase) -> tuple[str, str]:
    """The operation and its role. In a separable layer, what is grouped or larger than 1x1 is depthwise."""
    if kind != "convolution":
        return kind, ""
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
