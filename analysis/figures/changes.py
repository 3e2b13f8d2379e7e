"""How much slower or faster each case is in one environment than in another."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import (
    DENSE_COLOUR,
    FAINT,
    INK,
    MANY,
    SEPARABLE_COLOUR,
    compute_error_bars,
    scale_logarithmic,
)
from analysis.statistics import verdicts
from analysis.wording import LAYER_NAMES
from bench.contract.cases import DENSE_OF, DIRECTIONS

#: How each verdict is marked; what is neither slower nor faster is faint.
_MARKERS = {verdicts.SLOWER: ">", verdicts.FASTER: "<", verdicts.SAME: "o", verdicts.UNDECIDED: "x"}
#: Of the room between two layers, so much is for the cases of one.
_SPREAD = 0.8


def draw_changes(cases: pd.DataFrame) -> Figure:
    """A panel a direction, a band a layer: new time over base time of each case (``Changes.cases``)."""
    directions = [direction for direction in DIRECTIONS if cases["direction"].eq(direction).any()]
    layers = sorted(cases["layer"].unique(), key=lambda layer: (layer in DENSE_OF, layer))
    figure, axes = plt.subplots(
        1,
        len(directions),
        figsize=(3.6 * len(directions), 1.3 + 0.9 * len(layers)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axis, direction in zip(axes.flat, directions, strict=True):
        for band, layer in enumerate(layers):
            _draw_band(axis, band, cases[cases["direction"].eq(direction) & cases["layer"].eq(layer)])
        axis.set_title(direction)
        axis.axvline(1, color=INK, linewidth=1)
        scale_logarithmic(axis, x=True)
        axis.set_xlabel("new time over base time")
    axes.flat[0].set_yticks(range(len(layers)), [LAYER_NAMES.get(layer, layer) for layer in layers])
    axes.flat[0].set_ylim(-0.5, len(layers) - 0.5)
    return figure


def _draw_band(axis: Axes, band: int, cases: pd.DataFrame) -> None:
    """The cases of one layer and direction, smallest ratio lowest."""
    in_order = cases.sort_values("ratio", kind="stable")
    heights = band + _SPREAD * (np.linspace(0, 1, len(in_order) + 2)[1:-1] - 0.5)
    for verdict, marker in _MARKERS.items():
        chosen = in_order["verdict"].eq(verdict).to_numpy()
        rows = in_order[chosen]
        if rows.empty:
            continue
        axis.errorbar(
            rows["ratio"],
            heights[chosen],
            xerr=compute_error_bars(
                rows["ratio"].to_numpy(), rows["low"].to_numpy(), rows["high"].to_numpy()
            ),
            fmt=marker,
            markersize=4,
            linewidth=0.8,
            color=_choose_colour(rows.iloc[0]["layer"], verdict),
            rasterized=len(cases) > MANY,
        )


def _choose_colour(layer: str, verdict: str) -> str:
    if verdict in (verdicts.SAME, verdicts.UNDECIDED):
        return FAINT
    return SEPARABLE_COLOUR if layer in DENSE_OF else DENSE_COLOUR
