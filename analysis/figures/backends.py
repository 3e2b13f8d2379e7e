"""The separable layer's time ratio on one framework against that on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import (
    DIRECTION_COLOURS,
    FAINT,
    INK,
    MANY,
    add_legend_above,
    compute_error_bars,
    scale_logarithmic,
)
from analysis.wording import FRAMEWORK_NAMES
from bench.contract.cases import DIRECTIONS


def choose_panels(ratios: pd.DataFrame, backends: Sequence[str]) -> dict[str, pd.DataFrame]:
    """For each of ``backends`` after the first, the comparisons that both measured, if there are any.

    ``ratios`` is ``Backends.ratios``.
    """
    first, *others = backends
    panels = {}
    for other in others:
        rows = ratios.dropna(subset=[f"{first}_ratio", f"{other}_ratio"])
        if len(rows):
            panels[other] = rows
    return panels


def draw_backends(panels: Mapping[str, pd.DataFrame], first: str) -> Figure:
    """A panel for each backend (see :func:`choose_panels`): its ratio over that of the backend ``first``."""
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 4.4), sharex=True, sharey=True, squeeze=False
    )
    for axis, (other, rows) in zip(axes.flat, panels.items(), strict=True):
        _draw_panel(axis, rows, first, other)
    add_legend_above(figure, 3)
    return figure


def _draw_panel(axis: Axes, rows: pd.DataFrame, first: str, other: str) -> None:
    for direction in DIRECTIONS:
        chosen = rows[rows["direction"] == direction]
        if chosen.empty:
            continue
        axis.errorbar(
            chosen[f"{first}_ratio"],
            chosen[f"{other}_ratio"],
            xerr=_compute_error_bars_of(chosen, first),
            yerr=_compute_error_bars_of(chosen, other),
            fmt="o",
            markersize=3,
            linewidth=0.7,
            color=DIRECTION_COLOURS[direction],
            label=direction,
            rasterized=len(chosen) > MANY,
        )
    scale_logarithmic(axis, x=True, y=True)
    axis.axhline(1, color=INK, linewidth=1)
    axis.axvline(1, color=INK, linewidth=1)
    both = rows[[f"{first}_ratio", f"{other}_ratio"]]
    ends = np.array([both.min().min(), both.max().max()])
    axis.plot(ends, ends, color=FAINT, linewidth=0.8, linestyle=":")
    _write_in_corner(axis, 0.98, 0.98, "slower on both")
    _write_in_corner(axis, 0.02, 0.98, f"slower with {FRAMEWORK_NAMES[other]} alone")
    _write_in_corner(axis, 0.98, 0.02, f"slower with {FRAMEWORK_NAMES[first]} alone")
    axis.set_xlabel(f"time ratio with {FRAMEWORK_NAMES[first]}")
    axis.set_ylabel(f"time ratio with {FRAMEWORK_NAMES[other]}")


def _write_in_corner(axis: Axes, x: float, y: float, words: str) -> None:
    axis.text(
        x,
        y,
        words,
        transform=axis.transAxes,
        fontsize=8,
        color=FAINT,
        ha="left" if x < 0.5 else "right",
        va="bottom" if y < 0.5 else "top",
    )


def _compute_error_bars_of(rows: pd.DataFrame, backend: str) -> np.ndarray:
    return compute_error_bars(rows[f"{backend}_ratio"], rows[f"{backend}_low"], rows[f"{backend}_high"])
