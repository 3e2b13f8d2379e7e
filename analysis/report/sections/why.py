"""Why: explanations with their figures, and the tables beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis import commands
from analysis.answers.reasons import (
    name_layers_kernel,
    write_controls,
    write_interval,
    write_reasons,
    write_sum,
)
from analysis.figures.explanations import draw_kernel_sums, draw_waterfall
from analysis.figures.rendering import Renderer
from analysis.figures.rooflines import draw_operation_roofline, find_operation_points
from analysis.reasons import stopwatches
from analysis.reasons.causes.parts import CAUSE_NAMES, Cause, select_tested
from analysis.reasons.explanation import Explained, Explanation, write_operations_as_text
from analysis.reasons.shown_operations import (
    LEAST_SHARE_ON_PAGE,
    choose_shown_operations,
    name_instruction,
    ran_beside_others,
)
from analysis.report.explanations import ShownExplanation
from analysis.report.figure import ReportFigure
from analysis.report.section import Section
from analysis.report.study import Study


def build_section(study: Study, renderer: Renderer) -> Section:
    explained, elsewhere = study.explained, study.tested_elsewhere
    shown = (*study.shown_explanations, *(elsewhere.shown if elsewhere else ()))
    waterfalls = {one.anchor: _render_waterfall(one, renderer) for one in shown}
    kernel_sums = _render_kernel_sums(shown, renderer)
    rooflines = _render_rooflines(study, renderer)
    return Section(
        key="why",
        title="Why",
        template="why.html.j2",
        content={
            "explained": explained,
            "shown": study.shown_explanations,
            "not_shown": len(explained.pairs) - len(study.shown_explanations),
            "elsewhere": elsewhere,
            "waterfalls": waterfalls,
            "kernel_sums": kernel_sums,
            "sums": {one.anchor: _list_sums(one.explanation) for one in shown},
            "controls": write_controls(elsewhere.explained if elsewhere else explained),
            "rooflines": rooflines,
            "unexplained": explained.missing["reason"].value_counts().to_dict(),
            "operations": {one.anchor: _list_operations(one.explanation) for one in shown},
            "long_kernel_seconds": stopwatches.LONG,
            "stopwatch_agreement": stopwatches.AGREEMENT,
            "trace_all": commands.TRACE_ALL,
            "trace_telling": commands.TRACE_TELLING,
        },
        sentences=tuple(write_reasons(explained)),
        figures=(*rooflines, *waterfalls.values(), *kernel_sums.values()),
        tables=_list_tables(explained),
        added_by=commands.TRACE_TELLING,
        is_there=explained.traced or bool(elsewhere),
    )


def _list_operations(explanation: Explanation) -> list[dict[str, Any]]:
    """The rows of an explanation's table: operations, with what the page says of them beside numbers."""
    shown = choose_shown_operations(explanation.operations, LEAST_SHARE_ON_PAGE)
    return [
        {**row, "instruction": name_instruction(row), "ran_beside_others": ran_beside_others(row)}
        for row in shown.to_dict("records")
    ]


def _list_sums(explanation: Explanation) -> dict[str, Any]:
    """The table of where tested kernels' time goes: the causes that any of them has, and a row a kernel."""
    kernels = select_tested(explanation.operations).to_dict("records")
    claimed = [{cause.cause: cause for cause in row["causes"]} for row in kernels]
    codes = [code for code in CAUSE_NAMES if any(code in causes for causes in claimed)]
    return {
        "causes": [CAUSE_NAMES[code] for code in codes],
        "rows": [
            {
                "kernel": name_layers_kernel(row),
                "seconds": row["seconds"],
                "least": row["limit_seconds"],
                "parts": [_describe_part(causes.get(code)) for code in codes],
                "left": {
                    "seconds": row["remainder_seconds"],
                    "interval": write_interval(row["remainder_interval"]),
                },
            }
            for row, causes in zip(kernels, claimed, strict=True)
        ],
    }


def _describe_part(cause: Cause | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {"seconds": cause.seconds, "interval": write_interval(cause.interval)}


def _render_kernel_sums(shown: Sequence[ShownExplanation], renderer: Renderer) -> dict[str, ReportFigure]:
    """By anchor, the picture of where slow kernels' time goes; none where no kernel was tested."""
    tested = {one.anchor: (one, select_tested(one.explanation.operations)) for one in shown}
    return {
        anchor: ReportFigure(
            key=f"{anchor}_kernels",
            title=f"Where slow kernels' time goes, {one.explanation.pair}",
            how_to_read="",
            says="; ".join(
                f"{name_layers_kernel(row)}: {write_sum(row)}" for row in kernels.to_dict("records")
            ),
            rendered=renderer.render(draw_kernel_sums, kernels, small=True),
        )
        for anchor, (one, kernels) in tested.items()
        if len(kernels)
    }


def _render_waterfall(shown: ShownExplanation, renderer: Renderer) -> ReportFigure:
    return ReportFigure(
        key=shown.anchor,
        title=shown.explanation.pair,
        how_to_read="",
        says=shown.explanation.sentence,
        rendered=renderer.render(draw_waterfall, shown.explanation, small=True),
    )


def _render_rooflines(study: Study, renderer: Renderer) -> list[ReportFigure]:
    """Every traced operation under the roofs, where something was traced."""
    points = find_operation_points(study.explained.pairs, study.ceilings)
    if points.empty:
        return []
    return [
        ReportFigure(
            key="operations_roofline",
            title="Every operation under the roofs",
            how_to_read="Achieved FLOP/s over FLOP per byte of compulsory traffic, for each traced "
            "convolution.",
            says=f"{len(points)} operations.",
            rendered=renderer.render(draw_operation_roofline, points, study.ceilings),
            data=write_operations_as_text(points),
        )
    ]


def _list_tables(explained: Explained) -> dict[str, pd.DataFrame]:
    """Factors, findings and operations, each a table of its own; none where nothing was explained."""
    if not explained.pairs:
        return {}
    factors = [
        {
            "pair": one.pair,
            "direction": one.direction,
            "ratio": one.ratio,
            **dataclasses.asdict(one.factors),
            **{f"accounted_{layer}": share for layer, share in one.accounted.items()},
        }
        for one in explained.pairs
    ]
    findings = [
        {"pair": one.pair, **finding.as_dict(), "trace": str(one.traces[finding.layer])}
        for one in explained.pairs
        for finding in one.findings
    ]
    tables = {
        "factors": pd.DataFrame(factors),
        "findings": pd.DataFrame(findings),
        "operations": write_operations_as_text(
            pd.concat([one.operations.assign(pair=one.pair) for one in explained.pairs])
        ),
    }
    return {name: table for name, table in tables.items() if len(table)}
