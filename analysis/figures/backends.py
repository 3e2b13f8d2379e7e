"""The separable layer's time ratio on one framework against that on another."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.style import DIRECTION_COLOURS, FAINT, INK, MANY, distances, scale_logarithmic
from analysis.wording import FRAMEWORKS
from bench.contract.cases import DIRECTIONS


def draw_backends(ratios: pd.DataFrame, backends: Sequence[str]) -> Figure | None:
    """A panel for each of ``backends`` after the first: its ratio over the first one's, with intervals.

    ``ratios`` is ``Frameworks.ratios``.
    """
    first, *others = backends
    panels = {other: ratios.dropna(subset=[f"{first}_ratio", f"{other}_ratio"]) for other in others}
    panels = {other: rows for other, rows in panels.items() if len(rows)}
    if not panels:
        return None
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 4.4), sharex=True, sharey=True, squeeze=False
    )
    for axis, (other, rows) in zip(axes.flat, panels.items(), strict=True):
        for direction in DIRECTIONS:
            chosen = rows[rows["direction"] == direction]
            if chosen.empty:
                continue
            axis.errorbar(
                chosen[f"{first}_ratio"],
                chosen[f"{other}_ratio"],
                xerr=_reach(chosen, first),
                yerr=_reach(chosen, other),
                fmt="o",
                markersize=3,
                linewidth=0.7,
                color=DIRECTION_COLOURS[direction],
                label=direction,
                rasterized=len(chosen) > MANY,
            )
        scale_logarithmic(axis, x=True, y=True)
        for line in (axis.axhline, axis.axvline):
            line(1, color=INK, linewidth=1)
        both = rows[[f"{first}_ratio", f"{other}_ratio"]]
        ends = np.array([both.min().min(), both.max().max()])
        axis.plot(ends, ends, color=FAINT, linewidth=0.8, linestyle=":")
        _corner(axis, 0.98, 0.98, "slower on both")
        _corner(axis, 0.02, 0.98, f"slower with {FRAMEWORKS[other]} alone")
        _corner(axis, 0.98, 0.02, f"slower with {FRAMEWORKS[first]} alone")
        axis.set_xlabel(f"time ratio with {FRAMEWORKS[first]}")
        axis.set_ylabel(f"time ratio with {FRAMEWORKS[other]}")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _corner(axis: plt.Axes, x: float, y: float, words: str) -> None:
    axis.text(
        x, y, words, transform=axis.transAxes, fontsize=8, color=FAINT,
        ha="left" if x < 0.5 else "right", va="bottom" if y < 0.5 else "top",
    )  # fmt: skip


def _reach(rows: pd.DataFrame, backend: str) -> np.ndarray:
    return distances(*(rows[f"{backend}_{name}"] for name in ("ratio", "low", "high")))
