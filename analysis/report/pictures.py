"""Figures as the page shows them: with a title, how to read them, and the data behind them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis import answer
from analysis.figures import comparisons, rooflines
from analysis.report.drawing import Drawings, Drawn
from analysis.roofline import Ceilings
from analysis.sweeps import Sweeps

_OF_PROMISE = [
    *("pair", "direction", "mode", "dtype", "device", "promised", "ratio", "low", "high", "verdict"),
    *("dense_seconds", "separable_seconds"),
]


@dataclass(frozen=True)
class Picture:
    """One figure of the report. ``how_to_read`` is its caption and, with ``says``, its text alternative."""

    key: str
    title: str
    how_to_read: str
    #: What the figure shows, for those who do not see it.
    says: str
    data: pd.DataFrame
    #: Waited for when it is looked at.
    drawn: Future[Drawn | None]

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


def of_comparisons(
    table: pd.DataFrame, sweeps: Sweeps, ceilings: Mapping[str, Ceilings], drawings: Drawings
) -> list[Picture]:
    """What a table of comparisons (see ``pairs.table``) may have something to show for."""
    if table.empty:
        return []
    start = answer.in_words(sweeps.centre) if sweeps.centre is not None else ""
    return [
        _picture(
            drawings,
            "plane",
            "Where it wins and where it loses",
            "Time of SeparableConv2D over time of Conv2D, below each its 95 % interval. Blue: separable "
            "is faster; orange: slower; white: no difference.",
            sweeps.plane,
            comparisons.heatmaps,
        ),
        _picture(
            drawings,
            "named_shapes",
            "Named shapes",
            "Time of SeparableConv2D over time of Conv2D with 95 % intervals; right of the line it is "
            "slower.",
            table.loc[table["name"] != "", ["name", *_OF_PROMISE]],
            comparisons.named_shapes,
        ),
        _picture(
            drawings,
            "promise",
            "What FLOPs promise and what arrives",
            "Each point is a comparison. On the diagonal, time shrinks as FLOPs do; above the horizontal "
            "line, the layer with fewer FLOPs is the slower one.",
            table[_OF_PROMISE],
            comparisons.promise,
        ),
        _picture(
            drawings,
            "arms",
            "One factor at a time",
            f"From {start} (hollow points) one setting changes, the others stay; filters follow "
            "channels. Time of SeparableConv2D over time of Conv2D with 95 % intervals; above the "
            "line it is slower.",
            sweeps.arms,
            comparisons.arms,
        ),
        _picture(
            drawings,
            "roofline",
            "How far from what the machine can do",
            "Achieved FLOP/s over FLOP per byte of compulsory traffic. The lines are this machine's "
            "measured ceilings, with the bandwidth of the smallest and of the largest working set.",
            rooflines.roofline_points(table, ceilings),
            rooflines.rooflines,
            ceilings,
        ),
    ]


def _picture(
    drawings: Drawings,
    key: str,
    title: str,
    how_to_read: str,
    data: pd.DataFrame,
    draw: Callable[..., Figure | None],
    *more: Any,
) -> Picture:
    counts = data["verdict"].value_counts() if len(data) else {}
    says = ", ".join(f"{word} {count}" for word, count in counts.items())
    drawn = drawings.draw(draw, data, *more)
    return Picture(key, title, how_to_read, f"{len(data)} comparisons: {says}.", data, drawn)
