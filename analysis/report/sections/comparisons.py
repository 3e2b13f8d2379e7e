"""The large tables of the page: comparisons, and the parts of the separable layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis import commands
from analysis.reasons.explanation import NO_CEILINGS, NO_TRACE, Explained
from analysis.report.sections.why import ShownExplanation
from analysis.report.tables import NUMBER, VERDICT, Column, Detail, Table
from analysis.results.tables import Results
from analysis.wording import giga, milliseconds, number, percent

_LAYERS = (("Conv2D", "dense"), ("separable", "separable"))


def tabulate_comparisons(
    table: pd.DataFrame, results: Results, explained: Explained, told: list[ShownExplanation]
) -> Table:
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
    unfolded = {one.explanation.pair: one for one in told}
    missing = dict(zip(explained.missing["pair"], explained.missing["reason"], strict=True))
    measured_in = _runs(results)
    return Table(
        "comparisons",
        "All comparisons",
        tuple(columns),
        [_comparison(row) for row in records],
        [
            _details(row, unfolded.get(row["pair"]), missing.get(row["pair"]), measured_in[row["pair"]])
            for row in records
        ],
    )


def tabulate_parts_alone(table: pd.DataFrame) -> Table:
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


def _details(
    row: Mapping[str, Any], told: ShownExplanation | None, missing: str | None, run: Mapping[str, Any]
) -> list[Detail]:
    """``missing`` is why there is no explanation, ``run`` the newest that measured the comparison."""
    cases = [row["dense_case"], row["separable_case"]]
    found = [Detail(f"{row['verdict']}: {row['reason']}")]
    if told:
        found.append(Detail("why: factors, operations and findings", f"#{told.anchor}"))
        found += [Detail(f"trace of {layer}", link) for layer, link in told.links.items()]
    elif missing and missing.startswith(NO_TRACE):
        found.append(Detail("trace it with", command=commands.write_trace(cases, run)))
    elif missing and missing.startswith(NO_CEILINGS):
        found.append(Detail(f"{missing}; measure them with", command=commands.write_ceilings(cases, run)))
    elif missing:
        found.append(Detail(f"not explained: {missing}"))
    else:
        found.append(Detail("why: its factors and operations", "data/factors.csv"))
    return [*found, Detail("measure just this again with", command=commands.write_measure_again(cases, run))]


def _runs(results: Results) -> dict[str, Mapping[str, Any]]:
    """By comparison, the newest run that measured it."""
    runs = {run["run"]: run for run in results.runs.to_dict("records")}
    of_pairs = results.layers.drop_duplicates(["run", "pair"])[["run", "pair"]]
    return {pair: runs[run] for run, pair in of_pairs.itertuples(index=False)}
