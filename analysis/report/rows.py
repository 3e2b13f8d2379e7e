"""The large tables of the page: comparisons, and the parts of the separable layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.report.tables import NUMBER, VERDICT, Column, Detail, Table
from analysis.report.why import Told
from analysis.results import Results
from analysis.wording import giga, milliseconds, number, percent

_LAYERS = (("Conv2D", "dense"), ("separable", "separable"))


def comparisons(table: pd.DataFrame, results: Results, told: list[Told]) -> Table:
    """Every comparison, slowest first; below each what explains it and what repeats it."""
    columns = [
        Column("comparison"),
        Column("name", shown=bool(len(table) and table["name"].ne("").any())),
        Column("verdict", VERDICT),
        Column("time ratio", NUMBER),
        Column("95 % interval"),
        Column("promised", NUMBER),
        *(Column(f"{name}, ms", NUMBER) for name, _ in _LAYERS),
        *(Column(f"{name} of limit", NUMBER) for name, _ in _LAYERS),
        *(Column(f"{name} bound by", shown=False) for name, _ in _LAYERS),
        *(Column(f"{name} call", NUMBER, shown=False) for name, _ in _LAYERS),
        *(Column(f"{name} GFLOP/s", NUMBER, shown=False) for name, _ in _LAYERS),
        *(Column(f"{name} GB/s", NUMBER, shown=False) for name, _ in _LAYERS),
    ]
    records = sorted(table.to_dict("records"), key=lambda row: -row["ratio"])
    explained = {one.explanation.pair: one for one in told}
    measured_by = _grids(results)
    return Table(
        "comparisons",
        "All comparisons",
        tuple(columns),
        [_comparison(row) for row in records],
        [_details(row, explained.get(row["pair"]), measured_by) for row in records],
    )


def parts(table: pd.DataFrame) -> Table:
    """The depthwise and the pointwise layer alone against the whole."""
    columns = (
        Column("comparison"),
        *(
            Column(title, NUMBER)
            for part in ("depthwise", "pointwise")
            for title in (f"{part}, ms", f"{part} of limit")
        ),
        Column("separable, ms", NUMBER),
        Column("sum / whole", NUMBER),
    )
    rows = [
        [
            row["pair"],
            milliseconds(row["depthwise_seconds"]),
            percent(row["depthwise_of_limit"], missing=""),
            milliseconds(row["pointwise_seconds"]),
            percent(row["pointwise_of_limit"], missing=""),
            milliseconds(row["separable_seconds"]),
            number(row["parts_over_whole"]),
        ]
        for row in table.to_dict("records")
    ]
    return Table("parts", "The parts alone", columns, rows)


def _comparison(row: Mapping[str, Any]) -> list[str]:
    doubts = [
        *(["not settled"] if not row["settled"] else []),
        *(["disturbed"] if row["contaminated"] else []),
    ]
    words = [word for _, word in _LAYERS]
    return [
        row["pair"],
        row["name"],
        ", ".join([row["verdict"], *doubts]),
        number(row["ratio"]),
        f"{number(row['low'])} to {number(row['high'])}",
        number(row["promised"]),
        *(milliseconds(row[f"{word}_seconds"]) for word in words),
        *(percent(row[f"{word}_of_limit"], missing="") for word in words),
        *(row[f"{word}_bound_by"] for word in words),
        *(percent(row[f"{word}_call_share"], missing="") for word in words),
        *(giga(row[f"{word}_flops_per_second"]) for word in words),
        *(giga(row[f"{word}_bytes_per_second"]) for word in words),
    ]


def _details(row: Mapping[str, Any], told: Told | None, measured_by: Mapping[str, str]) -> list[Detail]:
    tests = " ".join(
        f"'bench/bench_layers.py::test_layer[{row[name].id}]'" for name in ("dense_case", "separable_case")
    )
    found = [Detail(f"{row['verdict']}: {row['reason']}")]
    if told:
        found.append(Detail("why: factors, operations and findings", f"#{told.anchor}"))
        found += [Detail(f"trace of {layer}", link) for layer, link in told.links.items()]
    else:
        found.append(
            Detail("trace it with", command=f"pytest {tests} {measured_by[row['pair']]} --profile all")
        )
    command = f"pytest {tests} {measured_by[row['pair']]} --benchmark-autosave"
    return [*found, Detail("measure just this again with", command=command)]


def _grids(results: Results) -> dict[str, str]:
    """By comparison, the option that names the shapes it was measured with last."""
    grids = results.runs.set_index("run").get("run_grid", pd.Series(dtype=object))
    found = {}
    for run, pair in results.layers.drop_duplicates(["run", "pair"])[["run", "pair"]].itertuples(index=False):
        grid = str(grids.get(run, "default"))
        found[pair] = f"--shapes {grid}" if "." in grid or "/" in grid else f"--grid {grid}"
    return found
