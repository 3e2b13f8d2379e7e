"""The section Why: explanations, their figures, and the tables beside them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.figures import explanations, rooflines
from analysis.figures.rendering import Renderer
from analysis.limits.roofline import Ceilings
from analysis.pairs.remedies import describe_gains
from analysis.reasons.explanation import Explained, Explanation
from analysis.report.figure import ReportFigure

#: Explanations on the page; the tables in data/ hold all.
_TOLD = 40
#: Of these, unfolded from the start.
_OPEN = 4


@dataclass(frozen=True)
class ShownExplanation:
    """One explanation as the page shows it: its waterfall, and what its advice gained."""

    explanation: Explanation
    waterfall: ReportFigure
    #: Sentences on what the findings advise, as far as it was measured for this case.
    measured: list[str]
    #: Layer -> its trace's folder, as a link from the page.
    links: Mapping[str, str]
    #: Whether the page shows it unfolded: the first of those with the same foremost reason.
    is_open: bool

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return self.waterfall.key


def show_explanations(
    explained: Explained, gains: pd.DataFrame, folder: Path, drawings: Renderer
) -> list[ShownExplanation]:
    """The explanations to show: as many as a reader will look at, the slowest first."""
    shown = []
    foremost: set[str] = set()
    for place, explanation in enumerate(explained.pairs[:_TOLD]):
        waterfall = ReportFigure(
            f"why_{place + 1:02}",
            explanation.pair,
            "",
            explanation.sentence,
            pd.DataFrame([dataclasses.asdict(explanation.factors)]),
            drawings.draw(explanations.draw_waterfall, explanation, small=True),
        )
        reason = next((found.code for found in explanation.findings), "")
        shown.append(
            ShownExplanation(
                explanation,
                waterfall,
                describe_gains(explanation.remedies, explanation.separable, gains),
                {
                    layer: Path(os.path.relpath(trace, folder)).as_posix()
                    for layer, trace in explanation.traces.items()
                },
                is_open=reason not in foremost and len(foremost) < _OPEN,
            )
        )
        foremost.add(reason)
    return shown


def list_figures(
    explained: Explained, ceilings: Mapping[str, Ceilings], drawings: Renderer
) -> list[ReportFigure]:
    """Every traced operation under the roofs, where something was traced."""
    points = rooflines.find_operation_points(explained.pairs, ceilings)
    return [
        ReportFigure(
            "operations_roofline",
            "Every operation under the roofs",
            "Achieved FLOP/s over FLOP per byte of compulsory traffic, for each traced convolution.",
            f"{len(points)} operations.",
            points,
            drawings.draw(rooflines.draw_operation_roofline, points, ceilings),
        )
    ]


def list_tables(explained: Explained, gains: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Factors, operations, findings and remedies, each as a table of its own."""
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
    found = [
        {"pair": one.pair, **finding.as_dict(), "trace": str(one.traces[finding.layer])}
        for one in explained.pairs
        for finding in one.findings
    ]
    found_tables = {
        "factors": pd.DataFrame(factors),
        "findings": pd.DataFrame(found),
        "operations": pd.concat([one.operations.assign(pair=one.pair) for one in explained.pairs])
        if explained.pairs
        else pd.DataFrame(),
        "remedies": gains.assign(remedied_id=gains["remedied"].map(lambda case: case.id)).drop(
            columns=["case", "remedied"]
        ),
    }
    return {name: table for name, table in found_tables.items() if len(table)}


def count_untraced(explained: Explained) -> dict[str, int]:
    """Why comparisons have no explanation, and how many for each reason."""
    return explained.missing["reason"].value_counts().to_dict()
