"""What oneDNN's log adds to a traced step: implementations, reorders, refusals, the two gradients apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.traces.formats.onednn_log import read_primitives, read_refusals
from analysis.traces.naming import GRADIENTS, REORDER
from bench.contract.cases import ConvCase
from bench.contract.kernels import INPUT_GRADIENT, WEIGHT_GRADIENT
from bench.contract.onednn_log import LogError

#: Columns of a row that are divided where a row is.
_DIVIDED = ["seconds_a_step", "running_seconds_a_step", "share"]


def read_log(file: Path | None, case: ConvCase, problems: list[str]) -> pd.DataFrame | None:
    """The log's primitives; None without a log. What is wrong with it is added to ``problems``."""
    if file is None:
        return None
    try:
        return read_primitives(file, case)
    except LogError as error:
        problems.append(str(error))
        return None


def split_gradients(table: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """Divide the rows that hold both gradients, as PyTorch's do, in the log's proportions."""
    parts = []
    for place, row in table[table["role"] == GRADIENTS].iterrows():
        shares = _find_gradient_shares(row["operation"], log)
        for role, share in shares.items():
            part = row.copy()
            part["role"] = role
            part[_DIVIDED] *= share
            parts.append(part)
        if len(shares):
            table = table.drop(index=place)
    return pd.concat([table, pd.DataFrame(parts)], ignore_index=True) if parts else table


def _find_gradient_shares(operation: str, log: pd.DataFrame) -> dict[str, float]:
    """Role -> its part of the gradients' time in the log; empty where the log has none of them."""
    seconds = log[log["operation"] == operation].groupby("role")["seconds_a_step"].sum()
    seconds = seconds[[role for role in (INPUT_GRADIENT, WEIGHT_GRADIENT) if role in seconds.index]]
    return dict(seconds / seconds.sum()) if seconds.sum() > 0 else {}


def add_log(table: pd.DataFrame, log: pd.DataFrame, file: Path, problems: list[str]) -> pd.DataFrame:
    """Name what ran each convolution, and take oneDNN's reorders out of the operations that hold them.

    The trace sees a convolution together with its reorders, which the log's proportions divide. Of a
    convolution that the trace does not show once, a sentence is added to ``problems``.
    """
    rows = table.to_dict("records")
    for (operation, role), logged in log[log["role"] != ""].groupby(["operation", "role"], sort=False):
        own = [row for row in rows if (row["operation"], row["role"]) == (operation, role)]
        if len(own) != 1:
            problems.append(f"{file} has a {operation} {role} that the trace shows {len(own)} times")
            continue
        is_kernel = logged["primitive"] == "convolution"
        _add_kernel(own[0], logged[is_kernel])
        reorder_seconds = float(logged.loc[~is_kernel, "seconds_a_step"].sum())
        if reorder_seconds > 0:
            rows.append(_take_out_reorder(own[0], reorder_seconds))
    return pd.DataFrame(rows, columns=table.columns)


def _add_kernel(row: dict[str, Any], logged: pd.DataFrame) -> None:
    """Write into ``row`` what the log says of its convolution."""
    row["implementation"] = " + ".join(dict.fromkeys(logged["implementation"]))
    row["logged_seconds_a_step"] = float(logged["seconds_a_step"].sum())
    row["padded"] = bool(logged["padded"].any())


def add_refusals(table: pd.DataFrame, file: Path, case: ConvCase) -> pd.DataFrame:
    """Write beside each convolution what oneDNN refused before it ran, as the log says it.

    Raises :class:`LogError` where the log is missing or cut off.
    """
    found = read_refusals(file, case)
    kernels = zip(table["operation"], table["role"], strict=True)
    return table.assign(refusals=[found.get(kernel, ()) for kernel in kernels])


def _take_out_reorder(row: dict[str, Any], reorder_seconds: float) -> dict[str, Any]:
    """The reorder's part of ``row``, as a row of its own; ``row`` keeps the rest."""
    part = {
        **row,
        "operation": REORDER,
        "role": "",
        "name": f"reorder for {row['operation']} {row['role']}",
        "implementation": "oneDNN",
        "logged_seconds_a_step": reorder_seconds,
    }
    share = reorder_seconds / (reorder_seconds + row["logged_seconds_a_step"])
    for column in _DIVIDED:
        part[column] *= share
        row[column] *= 1 - share
    return part
