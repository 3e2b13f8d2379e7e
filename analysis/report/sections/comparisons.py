"""All comparisons: a table with a row for each, and below the row what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.figures.rendering import Renderer
from analysis.limits.roofline import limit_layers
from analysis.reasons.explanation import NO_CEILINGS, NO_TRACE
from analysis.report.explanations import ShownExplanation
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.report.tables import NUMBER, VERDICT, Column, Detail, Table
from analysis.results import repeating
from analysis.results.tables import MeasuredRun, Results
from analysis.wording import format_giga, format_milliseconds, format_number, format_percent

#: A layer's word in titles -> in the names of columns.
_LAYERS = {"Conv2D": "dense", "separable": "separable"}


def build_section(study: Study, renderer: Renderer) -> Section:
    cases = limit_layers(study.results)
    return Section(
        key="comparisons",
        title="All comparisons",
        template="comparisons.html.j2",
        content={"comparisons": _list_comparisons(study)},
        tables={
            "comparisons": study.comparisons.drop(columns=["dense_case", "separable_case"], errors="ignore"),
            "cases": cases.drop(columns=["case", "ratios", "turns"]),
        },
    )


def _list_comparisons(study: Study) -> Table:
    """Every comparison, slowest first; below each what explains it and what repeats it."""
    rows = sorted(study.comparisons.to_dict("records"), key=lambda row: -row["ratio"])
    shown = {one.explanation.pair: one for one in study.shown_explanations}
    missing = study.explained.missing.set_index("pair")["reason"].to_dict()
    newest = _find_newest_runs(study.results)
    return Table(
        key="comparisons",
        title="All comparisons",
        columns=_list_columns(has_names=any(row["name"] for row in rows)),
        rows=[_write_row(row) for row in rows],
        details=[
            _list_details(row, shown.get(row["pair"]), missing.get(row["pair"], ""), newest[row["pair"]])
            for row in rows
        ],
    )


def _list_columns(*, has_names: bool) -> tuple[Column, ...]:
    columns = [
        Column("comparison"),
        Column("name", shown=has_names),
        Column("verdict", VERDICT),
        Column("time ratio", NUMBER),
        Column("95 % interval"),
        Column("promised", NUMBER),
    ]
    columns += [Column(f"{layer}, ms", NUMBER) for layer in _LAYERS]
    columns += [Column(f"{layer} of limit", NUMBER) for layer in _LAYERS]
    columns += [Column(f"{layer} bound by", shown=False) for layer in _LAYERS]
    for what in ("call", "GFLOP/s", "GB/s"):
        columns += [Column(f"{layer} {what}", NUMBER, shown=False) for layer in _LAYERS]
    return tuple(columns)


def _write_row(row: Mapping[str, Any]) -> list[str]:
    """The cells of :func:`_list_columns`."""
    words = [row["verdict"]]
    if not row["settled"]:
        words.append("not settled")
    if row["contaminated"]:
        words.append("disturbed")
    layers = _LAYERS.values()
    return [
        row["pair"],
        row["name"],
        ", ".join(words),
        format_number(row["ratio"]),
        f"{format_number(row['low'])} to {format_number(row['high'])}",
        format_number(row["promised"]),
        *(format_milliseconds(row[f"{layer}_seconds"]) for layer in layers),
        *(format_percent(row[f"{layer}_of_limit"], missing="") for layer in layers),
        *(row[f"{layer}_bound_by"] for layer in layers),
        *(format_percent(row[f"{layer}_call_share"], missing="") for layer in layers),
        *(format_giga(row[f"{layer}_flops_per_second"]) for layer in layers),
        *(format_giga(row[f"{layer}_bytes_per_second"]) for layer in layers),
    ]


def _list_details(
    row: Mapping[str, Any], shown: ShownExplanation | None, missing: str, run: MeasuredRun
) -> list[Detail]:
    """``missing`` says why there is no explanation, ``run`` is the newest that measured the comparison."""
    cases = [row["dense_case"], row["separable_case"]]
    return [
        Detail(f"{row['verdict']}: {row['reason']}"),
        *(_list_traces(shown) if shown else [_describe_unshown(missing, cases, run)]),
        Detail("measure just this again with", command=repeating.write_measure_again(cases, run)),
    ]


def _list_traces(shown: ShownExplanation) -> list[Detail]:
    explanation = Detail("why: factors, operations and findings", link=f"#{shown.anchor}")
    return [explanation, *(Detail(f"trace of {layer}", link=link) for layer, link in shown.links.items())]


def _describe_unshown(missing: str, cases: list, run: MeasuredRun) -> Detail:
    """Where to look for an explanation that the page does not show, or what would make one."""
    if not missing:
        return Detail("why: its factors and operations", link="data/factors.csv")
    if missing.startswith(NO_TRACE):
        return Detail("trace it with", command=repeating.write_trace(cases, run))
    if missing.startswith(NO_CEILINGS):
        return Detail(f"{missing}; measure them with", command=repeating.write_ceilings(cases, run))
    return Detail(f"not explained: {missing}")


def _find_newest_runs(results: Results) -> dict[str, MeasuredRun]:
    """By comparison, the newest run that measured it."""
    runs = {run.number: run for run in results.runs}
    of_pairs = results.layers.drop_duplicates(["run", "pair"])[["run", "pair"]]
    return {pair: runs[run] for run, pair in of_pairs.itertuples(index=False)}
