"""Figures as the page shows them: with a title, how to read them, and the data behind them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from analysis import answer, sweeps
from analysis.figures import comparisons, rooflines
from analysis.figures.style import close, png, settle, style, svg
from analysis.roofline import Ceilings

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
    says: str
    svg: bytes
    #: For where SVG cannot be shown; the small pictures of explanations have none.
    png: bytes | None
    data: pd.DataFrame

    @property
    def data_uri(self) -> str:
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode("ascii")


def drawn(
    key: str,
    title: str,
    how_to_read: str,
    says: str,
    data: pd.DataFrame,
    figure: Figure,
    *,
    small: bool = False,
) -> Picture:
    """``says``: what the figure shows, for those who do not see it."""
    settle(figure)
    made = svg(figure), None if small else png(figure)
    close(figure)
    return Picture(key, title, how_to_read, says, *made, data)


def of_comparisons(table: pd.DataFrame, ceilings: Mapping[str, Ceilings]) -> list[Picture]:
    """Those that a table of comparisons (see ``pairs.table``) has something to show for."""
    if table.empty:
        return []
    plane = sweeps.plane(table)
    centre, arms = sweeps.arms(table)
    start = answer.in_words(centre) if centre is not None else ""
    with style():
        candidates = [
            _picture(
                "plane",
                "Where it wins and where it loses",
                "Time of SeparableConv2D over time of Conv2D, below each its 95 % interval. Blue: separable "
                "is faster; orange: slower; white: no difference.",
                plane,
                comparisons.heatmaps,
            ),
            _picture(
                "named_shapes",
                "Named shapes",
                "Time of SeparableConv2D over time of Conv2D with 95 % intervals; right of the line it is "
                "slower.",
                table.loc[table["name"] != "", ["name", *_OF_PROMISE]],
                comparisons.named_shapes,
            ),
            _picture(
                "promise",
                "What FLOPs promise and what arrives",
                "Each point is a comparison. On the diagonal, time shrinks as FLOPs do; above the horizontal "
                "line, the layer with fewer FLOPs is the slower one.",
                table[_OF_PROMISE],
                comparisons.promise,
            ),
            _picture(
                "arms",
                "One factor at a time",
                f"From {start} (hollow points) one setting changes, the others stay; filters follow "
                "channels. Time of SeparableConv2D over time of Conv2D with 95 % intervals; above the "
                "line it is slower.",
                arms,
                comparisons.arms,
            ),
            _picture(
                "roofline",
                "How far from what the machine can do",
                "Achieved FLOP/s over FLOP per byte of compulsory traffic. The lines are this machine's "
                "measured ceilings, with the bandwidth of the smallest and of the largest working set.",
                rooflines.roofline_points(table, ceilings),
                lambda points: rooflines.rooflines(points, ceilings),
            ),
        ]
    return [picture for picture in candidates if picture]


def _picture(
    key: str, title: str, how_to_read: str, data: pd.DataFrame, draw: Callable[[pd.DataFrame], Figure | None]
) -> Picture | None:
    figure = draw(data)
    if figure is None:
        return None
    counts = data["verdict"].value_counts()
    says = ", ".join(f"{word} {count}" for word, count in counts.items())
    return drawn(key, title, how_to_read, f"{len(data)} comparisons: {says}.", data, figure)
