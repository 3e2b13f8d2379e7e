"""Times from one environment to the next."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.environments.history import History
from analysis.figures.style import (
    DENSE_COLOUR,
    FAINT,
    INK,
    SEPARABLE_COLOUR,
    add_legend_above,
    compute_error_bars,
    escape_text,
)
from analysis.statistics import verdicts
from bench.contract.cases import DENSE_OF

#: Comparisons that the figure shows; the table has all.
_PANELS = 12
_COLUMNS = 3
_STEP_MARKERS = {verdicts.SLOWER: "^", verdicts.FASTER: "v"}


def choose_shown_steps(history: History) -> pd.DataFrame:
    """The rows of ``history.steps`` that :func:`draw_history` shows: of the comparisons that changed most."""
    layers = history.steps[history.steps["layer"].isin([*DENSE_OF, *DENSE_OF.values()])]
    spread = np.log(layers["relative"]).abs().groupby(layers["comparison"]).max()
    chosen = set(spread.sort_values(ascending=False, kind="stable").index[:_PANELS])
    return layers[layers["comparison"].isin(chosen)]


def draw_history(steps: pd.DataFrame, labels: tuple[str, ...]) -> Figure:
    """A panel a comparison: both layers' times over the environments called ``labels``, steps marked."""
    comparisons = list(dict.fromkeys(steps["comparison"]))
    columns = min(_COLUMNS, len(comparisons))
    lines = math.ceil(len(comparisons) / columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(3.6 * columns, 2.3 * lines), sharex=True, squeeze=False
    )
    for axis, comparison in zip(axes.flat, comparisons, strict=False):
        for layer, rows in steps[steps["comparison"] == comparison].groupby("layer", sort=True):
            _draw_layer(axis, layer, rows)
        axis.set_title(escape_text(comparison), fontsize=8)
        axis.set_ylim(bottom=0)
        axis.set_xticks(range(len(labels)), [escape_text(label) for label in labels], rotation=60, ha="right")
        axis.axhline(0, color=FAINT, linewidth=0.5)
    for place, axis in enumerate(axes.flat):
        # The lowest panel of each column names the environments, wherever it ends.
        axis.tick_params(labelbottom=place + columns >= len(comparisons))
    for axis in axes.flat[len(comparisons) :]:
        axis.set_visible(False)
    for line in axes:
        line[0].set_ylabel("ms a call")
    add_legend_above(figure, 2)
    return figure


def _draw_layer(axis: Axes, layer: str, rows: pd.DataFrame) -> None:
    colour = SEPARABLE_COLOUR if layer in DENSE_OF else DENSE_COLOUR
    first = float(rows.iloc[0]["seconds"]) * 1e3
    level = first * rows["relative"]
    axis.errorbar(
        rows["place"],
        level,
        yerr=compute_error_bars(level, first * rows["low"], first * rows["high"]),
        fmt="o-",
        markersize=3,
        linewidth=1.2,
        color=colour,
        label=layer,
    )
    for verdict, marker in _STEP_MARKERS.items():
        stepped = (rows["verdict"] == verdict).to_numpy()
        axis.scatter(
            rows["place"][stepped],
            level[stepped],
            s=42,
            marker=marker,
            color=colour,
            edgecolor=INK,
            linewidth=0.8,
            zorder=3,
        )
