"""The parts alone: the depthwise and the pointwise layer, each measured by itself."""

from __future__ import annotations

import pandas as pd

from analysis.figures.rendering import Renderer
from analysis.pairs.parts_alone import tabulate_parts
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.report.tables import NUMBER, Column, Table
from analysis.wording import format_milliseconds, format_number, format_percent


def build_section(study: Study, renderer: Renderer) -> Section:
    parts = tabulate_parts(study.results)
    return Section(
        key="parts",
        title="The parts alone",
        template="parts.html.j2",
        content={"parts": _list_parts(parts)},
        tables={"parts": parts},
        is_there=bool(len(parts)),
    )


def _list_parts(parts: pd.DataFrame) -> Table:
    columns = (
        Column("comparison"),
        Column("depthwise, ms", NUMBER),
        Column("depthwise of limit", NUMBER),
        Column("pointwise, ms", NUMBER),
        Column("pointwise of limit", NUMBER),
        Column("separable, ms", NUMBER),
        Column("sum / whole", NUMBER),
    )
    rows = [
        [
            row["pair"],
            format_milliseconds(row["depthwise_seconds"]),
            format_percent(row["depthwise_of_limit"], missing=""),
            format_milliseconds(row["pointwise_seconds"]),
            format_percent(row["pointwise_of_limit"], missing=""),
            format_milliseconds(row["separable_seconds"]),
            format_number(row["parts_over_whole"]),
        ]
        for row in parts.to_dict("records")
    ]
    return Table(key="parts", title="The parts alone", columns=columns, rows=rows)
