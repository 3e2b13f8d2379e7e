"""What changed: the environment that the report is on, against the one before it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from analysis import commands
from analysis.answers.changes import list_differences, write_changes
from analysis.environments.changes import Changes
from analysis.environments.kernels import (
    group_kernel_changes,
    select_silent_changes,
    split_kernel_changes,
)
from analysis.environments.upgrade import Upgrade
from analysis.figures.changes import draw_changes
from analysis.figures.rendering import Renderer
from analysis.report.figure import ReportFigure
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.report.tables import NUMBER, VERDICT, Column, Detail, Table
from analysis.statistics import verdicts
from analysis.wording import format_milliseconds, format_number, format_percent

_KEY, _TITLE, _TEMPLATE = "changes", "What changed", "changes.html.j2"
#: Of the section's sentences, those that the answer has too: how many changed, whether the answer turned, and
#: the largest change.
_IN_ANSWER = 3
#: Of a case's columns, those that a summary has.
_SUMMARY = ("id", "ratio", "interval", "verdict", "kernel_changes")
#: What comes first in the table.
_ORDER = (verdicts.SLOWER, verdicts.FASTER, verdicts.UNDECIDED, verdicts.SAME)


def build_section(study: Study, renderer: Renderer) -> Section:
    upgrade = study.upgrade
    if not upgrade:
        return Section(
            key=_KEY,
            title=_TITLE,
            template=_TEMPLATE,
            content={"problem": study.upgrade_problem},
            summary={"changes": {"problem": study.upgrade_problem}} if study.upgrade_problem else {},
            added_by=commands.UPGRADE,
            is_there=bool(study.upgrade_problem),
        )
    changes, sentences = upgrade.changes, write_changes(upgrade)
    return Section(
        key=_KEY,
        title=_TITLE,
        template=_TEMPLATE,
        content={
            "problem": "",
            "sentences": sentences,
            "warnings": changes.warnings,
            "settle_with": upgrade.settle_with,
            "differences": list_differences(changes.base, changes.new),
            "kernel_changes": group_kernel_changes(changes.cases),
            "silent_changes": select_silent_changes(changes.cases).to_dict("records"),
            "changes": changes,
            "cases": _list_cases(changes),
        },
        sentences=tuple(sentences[:_IN_ANSWER]),
        figures=(_render_figure(upgrade, sentences, renderer),),
        tables={"changes": changes.cases},
        summary={"changes": _summarize(upgrade, sentences)},
    )


def _summarize(upgrade: Upgrade, sentences: list[str]) -> dict[str, Any]:
    """As ``summary.json`` has it: ``answer`` are those of the sentences that the report's answer has too."""
    plain = upgrade.changes.as_dict()
    return {
        "answer": sentences[:_IN_ANSWER],
        "sentences": sentences,
        "settle_with": upgrade.settle_with,
        **plain,
        "cases": [{name: row[name] for name in _SUMMARY} for row in plain["cases"]],
    }


def _render_figure(upgrade: Upgrade, sentences: list[str], renderer: Renderer) -> ReportFigure:
    return ReportFigure(
        key="changes_by_layer",
        title=_TITLE,
        how_to_read="Each mark is a case: its time in the new environment over that in the one before, with "
        "its 95 % interval. Right of 1 it became slower. Coloured triangles are changes beyond chance and "
        "noise; grey dots are the same, grey crosses undecided.",
        says=" ".join(sentences),
        rendered=renderer.render(draw_changes, upgrade.changes.cases),
    )


def _list_cases(changes: Changes) -> Table:
    """Every case, the largest changes first."""
    rows = sorted(changes.cases.to_dict("records"), key=_rank)
    columns = (
        Column("case"),
        Column("layer", shown=False),
        Column("direction", shown=False),
        Column("verdict", VERDICT),
        Column("time ratio", NUMBER),
        Column("95 % interval"),
        Column("before, ms", NUMBER),
        Column("now, ms", NUMBER),
        Column("kernels that changed"),
        Column("kernels before", shown=False),
        Column("kernels now", shown=False),
    )
    return Table(
        key=_KEY,
        title=_TITLE,
        columns=columns,
        rows=[_write_row(row) for row in rows],
        details=[_list_details(row) for row in rows],
    )


def _rank(row: Mapping[str, Any]) -> tuple[int, float]:
    return (_ORDER.index(row["verdict"]), -abs(math.log(row["ratio"])))


def _write_row(row: Mapping[str, Any]) -> list[str]:
    is_known = row["low"] > 0 and math.isfinite(row["high"])
    return [
        row["id"],
        row["layer"],
        row["direction"],
        row["verdict"],
        format_number(row["ratio"]),
        f"{format_number(row['low'])} to {format_number(row['high'])}" if is_known else "unknown",
        format_milliseconds(row["base_seconds"]),
        format_milliseconds(row["new_seconds"]),
        row["kernel_changes"],
        row["base_implementations"],
        row["new_implementations"],
    ]


def _list_details(row: Mapping[str, Any]) -> list[Detail]:
    details = [
        *(Detail(f"another kernel: {words}") for words in split_kernel_changes(row["kernel_changes"])),
        Detail(f"{row['verdict']}: {verdicts.REASONS[row['reason_code']]}"),
        Detail(f"{row['base_runs']} runs before, {row['new_runs']} now"),
    ]
    if math.isfinite(row["detectable"]):
        details.append(
            Detail(f"smallest change that would have been called one: {format_percent(row['detectable'])}")
        )
    if math.isfinite(row["needs"]):
        details.append(Detail(f"{row['needs']:.0f} more runs of each could decide"))
    return details
