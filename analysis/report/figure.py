"""Figures as the page shows them: with a title, how to read them, and the data behind them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.answers.sentences import describe_shape
from analysis.figures import comparisons, rooflines
from analysis.figures.rendering import RenderedFigure, Renderer
from analysis.limits.roofline import Ceilings
from analysis.pairs.planes_and_arms import Sweeps

_OF_PROMISE = [
    *("pair", "direction", "mode", "dtype", "device", "promised", "ratio", "low", "high", "verdict"),
    *("dense_seconds", "separable_seconds"),
]


@dataclass(frozen=True)
class ReportFigure:
    """One figure of the report. ``how_to_read`` is its caption and, with ``says``, its text alternative."""

    key: str
    title: str
    how_to_read: str
    #: What the figure shows, for those who do not see it.
    says: str
    data: pd.DataFrame
    #: Waited for when it is looked at.
    drawn: Future[RenderedFigure | None]

    @property
    def exists(self) -> bool:
        """Whether there was something to draw."""
        return self.drawn.result() is not None

    @property
    def svg(self) -> bytes:
        return self.drawn.result().svg

    @property
    def png(self) -> bytes | None:
        return self.drawn.result().png

    @property
    def data_uri(self) -> str:
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode("ascii")


def list_comparison_figures(
    table: pd.DataFrame, sweeps: Sweeps, ceilings: Mapping[str, Ceilings], drawings: Renderer
) -> list[ReportFigure]:
    """What a table of comparisons (see ``tabulate_pairs``) may have something to show for."""
    if table.empty:
        return []
    start = describe_shape(sweeps.centre) if sweeps.centre is not None else ""
    return [
        _picture(
            drawings,
            "plane",
            "Where it wins and where it loses",
            "Time of SeparableConv2D over time of Conv2D, below each its 95 % interval. Blue: separable "
            "is faster; orange: slower; white: no difference.",
            sweeps.plane,
            comparisons.draw_heatmaps,
        ),
        _picture(
            drawings,
            "named_shapes",
            "Named shapes",
            "Time of SeparableConv2D over time of Conv2D with 95 % intervals; right of the line it is "
            "slower.",
            table.loc[table["name"] != "", ["name", *_OF_PROMISE]],
            comparisons.draw_named_shapes,
        ),
        _picture(
            drawings,
            "promise",
            "What FLOPs promise and what arrives",
            "Each point is a comparison. On the diagonal, time shrinks as FLOPs do; above the horizontal "
            "line, the layer with fewer FLOPs is the slower one.",
            table[_OF_PROMISE],
            comparisons.draw_promise,
        ),
        _picture(
            drawings,
            "arms",
            "One factor at a time",
            f"From {start} (hollow points) one setting changes, the others stay; filters follow "
            "channels. Time of SeparableConv2D over time of Conv2D with 95 % intervals; above the "
            "line it is slower.",
            sweeps.arms,
            comparisons.draw_arms,
        ),
        _picture(
            drawings,
            "roofline",
            "How far from what the machine can do",
            "Achieved FLOP/s over FLOP per byte of compulsory traffic. The lines are this machine's "
            "measured ceilings, with the bandwidth of the smallest and of the largest working set.",
            rooflines.find_layer_points(table, ceilings),
            rooflines.draw_layer_roofline,
            ceilings,
        ),
    ]


def _picture(
    drawings: Renderer,
    key: str,
    title: str,
    how_to_read: str,
    data: pd.DataFrame,
    draw: Callable[..., Figure | None],
    *more: Any,
) -> ReportFigure:
    counts = data["verdict"].value_counts() if len(data) else {}
    says = ", ".join(f"{word} {count}" for word, count in counts.items())
    drawn = drawings.draw(draw, data, *more)
    return ReportFigure(key, title, how_to_read, f"{len(data)} comparisons: {says}.", data, drawn)
