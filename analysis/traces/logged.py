"""What oneDNN's log adds to a traced step: implementations, reorders, the two gradients apart."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.limits.cost import INPUT_GRADIENT, WEIGHT_GRADIENT
from analysis.traces.formats import primitives
from analysis.traces.formats.primitives import LogError
from analysis.traces.naming import GRADIENTS, REORDER
from bench.contract.cases import ConvCase

# --- the primitive log --------------------------------------------------------------------------


def read_log(file: Path, case: ConvCase, problems: list[str]) -> pd.DataFrame | None:
    if not file.exists():
        return None
    try:
        return primitives.read_primitives(file, case)
    except LogError as error:
        problems.append(str(error))
        return None


def split_gradients(table: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
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


def add_log(table: pd.DataFrame, log: pd.DataFrame, file: Path, problems: list[str]) -> pd.DataFrame:
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
