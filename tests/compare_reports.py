"""Do two reports hold the same numbers? ``python -m tests.compare_reports BEFORE AFTER``.

Compares every value of every ``data/*.csv`` of two report folders, and says for each table how many differ
and by how much. For whoever changes code that must not change a number. Exits with 1 where one does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd


@click.command()
@click.argument("before", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("after", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--tolerance", default=0.0, show_default=True, help="relative difference that counts as none")
@click.option("--common-rows", is_flag=True, help="compare only rows whose texts are in both")
def main(before: Path, after: Path, tolerance: float, common_rows: bool) -> None:
    """Compare every value of data/*.csv in the report folders BEFORE and AFTER."""
    names = sorted({file.name for folder in (before, after) for file in (folder / "data").glob("*.csv")})
    if not names:
        click.echo("Error: neither folder holds data/*.csv", err=True)
        sys.exit(2)
    same = [
        compare_tables(before / "data" / name, after / "data" / name, tolerance, common_rows)
        for name in names
    ]
    sys.exit(0 if all(same) else 1)


def compare_tables(before: Path, after: Path, tolerance: float, common_rows: bool) -> bool:
    """Whether both hold the same, in the same order; says what differs."""
    if not (before.exists() and after.exists()):
        click.echo(f"{before.name}: only {'before' if before.exists() else 'after'}")
        return False
    one, other = pd.read_csv(before), pd.read_csv(after)
    left_out = ""
    if common_rows:
        rows = len(one), len(other)
        one, other = _keep_common(one, other)
        if (len(one), len(other)) != rows:
            left_out = f" (of {rows[0]} rows before and {rows[1]} after)"
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        click.echo(
            f"{before.name}: {len(one)} rows of {len(one.columns)} columns, then {len(other)} of "
            f"{len(other.columns)}"
        )
        return False
    different, largest = 0, 0.0
    for name in one.columns:
        count, distance = _compare_columns(one[name], other[name], tolerance)
        different += count
        largest = max(largest, distance)
    click.echo(
        f"{before.name}: {one.size} values{left_out}, {different} differ, by {largest:.2g} at most (relative)"
    )
    return not different


def _compare_columns(one: pd.Series, other: pd.Series, tolerance: float) -> tuple[int, float]:
    """How many values differ by more than ``tolerance``, and the largest relative difference of all."""
    if not (pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other)):
        return int((one.fillna("").astype(str) != other.fillna("").astype(str)).sum()), 0.0
    a, b = one.to_numpy(dtype=float), other.to_numpy(dtype=float)
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), np.finfo(float).tiny)
    with np.errstate(invalid="ignore"):
        relative = np.where(equal, 0.0, np.abs(a - b) / scale)
    relative = np.where(np.isnan(relative), np.inf, relative)
    return int((relative > tolerance).sum()), float(relative.max(initial=0.0))


def _keep_common(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows whose texts (names, directions) are in both, in their order."""
    texts = [name for name in one.columns if name in other and not pd.api.types.is_numeric_dtype(one[name])]
    keys = [table[texts].fillna("").astype(str).agg("\0".join, axis=1) for table in (one, other)]
    common = set(keys[0]) & set(keys[1])
    kept = [
        table[key.isin(common)].reset_index(drop=True) for table, key in zip((one, other), keys, strict=True)
    ]
    return kept[0], kept[1]


if __name__ == "__main__":
    main(prog_name="python -m tests.compare_reports")
