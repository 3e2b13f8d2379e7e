"""SeparableConv2D against Conv2D over planes, arms and named shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from analysis.figures.style import (
    DENSE_COLOUR,
    DIRECTION_COLOURS,
    FAINT,
    INK,
    MANY,
    SEPARABLE_COLOUR,
    distances,
    escape_text,
    format_ratio,
    scale_logarithmic,
)
from analysis.pairs.planes_and_arms import PANELS
from bench.contract.cases import DIRECTIONS

#: Blue where the separable layer is faster, orange where it is slower, white at no difference.
_RATIO_COLOURS = LinearSegmentedColormap.from_list("ratio", [DENSE_COLOUR, "#ffffff", SEPARABLE_COLOUR])
#: Ratios beyond this factor share the deepest colour.
_DEEPEST = 8.0


def draw_heatmaps(plane: pd.DataFrame) -> Figure | None:
    """Time ratio over channels and kernel size: a row a device, dtype and mode, a column a direction."""
    if plane.empty:
        return None
    rows = list(plane.groupby(list(PANELS[:-1]), sort=False))
    directions = [d for d in DIRECTIONS if d in set(plane["direction"])]
    channels, kernels = sorted(set(plane["in_channels"])), sorted(set(plane["kernel_size"]))
    figure, axes = plt.subplots(
        len(rows),
        len(directions),
        figsize=(
            0.6 + len(directions) * max(2.2, 1.05 * len(kernels)),
            len(rows) * (0.9 + 0.45 * len(channels)),
        ),
        squeeze=False,
    )
    for line, (panel, cells) in zip(axes, rows, strict=True):
        for axis, direction in zip(line, directions, strict=True):
            _heatmap(axis, cells[cells["direction"] == direction], channels, kernels)
            device, dtype, mode = panel
            axis.set_title(f"{direction}\n{mode}, {dtype}, {device}")
        line[0].set_ylabel("input channels → filters")
    return figure


def _heatmap(axis: Axes, cells: pd.DataFrame, channels: list, kernels: list) -> None:
    def grid(column: str) -> pd.DataFrame:
        return cells.pivot_table(index="in_channels", columns="kernel_size", values=column).reindex(
            index=channels[::-1], columns=kernels
        )

    ratios, low, high = grid("ratio"), grid("low"), grid("high")
    text = ratios.astype(object)
    for i, j in np.ndindex(*ratios.shape):
        value = ratios.iat[i, j]
        text.iat[i, j] = (
            ""
            if math.isnan(value)
            else f"{format_ratio(value)}\n{format_ratio(low.iat[i, j])}–{format_ratio(high.iat[i, j])}"
        )
    sns.heatmap(
        np.log2(ratios.astype(float)),
        ax=axis,
        cmap=_RATIO_COLOURS,
        center=0,
        vmin=-math.log2(_DEEPEST),
        vmax=math.log2(_DEEPEST),
        annot=text,
        fmt="",
        annot_kws={"fontsize": 8},
        cbar=False,
        linewidths=1,
    )
    axis.set_xticks(np.arange(len(kernels)) + 0.5, ["×".join(map(str, k)) for k in kernels], rotation=0)
    filters = dict(zip(cells["in_channels"], cells["filters"], strict=True))
    labels = [f"{count} → {filters.get(count, '')}" for count in channels[::-1]]
    axis.set_yticks(np.arange(len(channels)) + 0.5, labels, rotation=0)
    axis.set_xlabel("kernel")
    axis.set_ylabel("")


def draw_promise(pairs: pd.DataFrame) -> Figure | None:
    """Measured time ratio against the ratio of FLOPs; on the diagonal the promise is kept."""
    if pairs.empty:
        return None
    figure, axis = plt.subplots(figsize=(6.4, 5.2))
    for direction in DIRECTIONS:
        rows = pairs[pairs["direction"] == direction]
        _points_with_intervals(axis, rows["promised"], rows, DIRECTION_COLOURS[direction], direction)
    ends = np.array([pairs["promised"].min(), pairs["promised"].max()]) * [0.8, 1.25]
    axis.plot(ends, ends, color=FAINT, linewidth=1)
    axis.annotate(
        "as promised", (ends[0], ends[0]), (4, -4), textcoords="offset points", color=FAINT, va="top"
    )
    axis.axhline(1, color=INK, linewidth=1)
    axis.annotate(
        "above: slower than Conv2D",
        (0, 1),
        (4, 4),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
    )
    scale_logarithmic(axis, x=True, y=True)
    axis.set_xlabel("FLOPs, SeparableConv2D / Conv2D (promised)")
    axis.set_ylabel("time, SeparableConv2D / Conv2D (measured)")
    axis.legend(frameon=False, loc="best")
    return figure


def draw_arms(table: pd.DataFrame) -> Figure | None:
    """What one factor does to the time ratio, all others at the centre (hollow point)."""
    if table.empty:
        return None
    names = list(dict.fromkeys(table["axis"]))
    columns = min(4, len(names))
    lines = math.ceil(len(names) / columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(2.7 * columns, 2.3 * lines), sharey=True, squeeze=False
    )
    for axis, name in zip(axes.flat, names, strict=False):
        rows = table[table["axis"] == name]
        values = _in_order(rows)
        places = {value: index for index, value in enumerate(values)}
        for shift, direction in zip((-0.15, 0, 0.15), DIRECTIONS, strict=True):
            chosen = rows[rows["direction"] == direction]
            x = _places(chosen["value"], places) + shift
            _points_with_intervals(axis, x, chosen, DIRECTION_COLOURS[direction], direction)
            centre = chosen["is_centre"].to_numpy(dtype=bool)
            axis.scatter(
                x[centre],
                chosen["ratio"][centre],
                s=16,
                color="white",
                edgecolor=DIRECTION_COLOURS[direction],
                zorder=3,
            )
        axis.axhline(1, color=INK, linewidth=1)
        axis.set_title(name)
        turned = max(map(len, values)) * len(values) > 20
        axis.set_xticks(
            range(len(values)),
            [escape_text(value) for value in values],
            rotation=35 if turned else 0,
            ha="right" if turned else "center",
        )
        axis.set_xlim(-0.6, len(values) - 0.4)
        scale_logarithmic(axis, y=True)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for line in axes:
        line[0].set_ylabel("time ratio")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _in_order(rows: pd.DataFrame) -> list[str]:
    """Values as numbers where they are numbers, else the centre first."""
    values = list(dict.fromkeys(rows["value"]))
    try:
        return sorted(values, key=lambda value: [float(part) for part in value.split("×")])
    except ValueError:
        centre = rows.loc[rows["is_centre"], "value"]
        first = list(dict.fromkeys(centre))
        return first + [value for value in values if value not in first]


def draw_named_shapes(pairs: pd.DataFrame) -> Figure | None:
    """Time ratios of shapes that carry a name, in the order of the file."""
    rows = pairs[pairs["name"] != ""]
    if rows.empty or rows["name"].nunique() > 60:
        return None
    names = list(dict.fromkeys(rows["name"]))
    places = {name: index for index, name in enumerate(names)}
    figure, axis = plt.subplots(figsize=(6.8, 1.0 + 0.32 * len(names)))
    for shift, direction in zip((-0.2, 0, 0.2), DIRECTIONS, strict=True):
        chosen = rows[rows["direction"] == direction]
        y = _places(chosen["name"], places) + shift
        axis.errorbar(
            chosen["ratio"],
            y,
            xerr=distances(chosen["ratio"], chosen["low"], chosen["high"]),
            fmt="o",
            markersize=3.5,
            linewidth=1,
            color=DIRECTION_COLOURS[direction],
            label=direction,
        )
    axis.axvline(1, color=INK, linewidth=1)
    axis.set_yticks(range(len(names)), [escape_text(name) for name in names])
    axis.invert_yaxis()
    scale_logarithmic(axis, x=True)
    axis.set_xlabel("time, SeparableConv2D / Conv2D")
    axis.legend(frameon=False, loc="best")
    return figure


def _places(values: pd.Series, places: Mapping[str, int]) -> np.ndarray:
    return np.array([places[value] for value in values], dtype=float)


def _points_with_intervals(
    axis: Axes, x: np.ndarray | pd.Series, rows: pd.DataFrame, colour: str, label: str
) -> None:
    axis.errorbar(
        x, rows["ratio"], yerr=distances(rows["ratio"], rows["low"], rows["high"]), fmt="o", markersize=3.5,
        linewidth=1, color=colour, label=label, rasterized=len(rows) > MANY,
    )  # fmt: skip
