"""SeparableConv2D against Conv2D: over planes and arms, by name, and against what FLOPs promise."""

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
    DIRECTION_COLOURS,
    FAINT,
    INK,
    MANY,
    add_legend_above,
    compute_error_bars,
    escape_text,
    format_ratio,
    scale_logarithmic,
)
from analysis.pairs.plane_and_arms import PANELS
from bench.contract.cases import DIRECTIONS

#: Blue where the separable layer is faster, orange where it is slower, white at no difference. The ends are a
#: shade off the layers' own colours, which a dark page makes lighter: a cell must keep its place in the row.
_RATIO_COLOURS = LinearSegmentedColormap.from_list("ratio", ["#0071b1", "#ffffff", "#d45d00"])
#: Ratios beyond this factor share the deepest colour.
_DEEPEST = 8.0
#: More named shapes than this make no figure.
_MOST_NAMES = 60


def draw_heatmaps(plane: pd.DataFrame) -> Figure:
    """Time ratio over channels and kernel size: a row a device, dtype and mode, a column a direction."""
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
            _draw_heatmap(axis, cells[cells["direction"] == direction], channels, kernels)
            device, dtype, mode = panel
            axis.set_title(f"{direction}\n{mode}, {dtype}, {device}")
        line[0].set_ylabel("input channels → filters")
    return figure


def _draw_heatmap(axis: Axes, cells: pd.DataFrame, channels: list, kernels: list) -> None:
    grids = {
        name: cells.pivot_table(index="in_channels", columns="kernel_size", values=name).reindex(
            index=channels[::-1], columns=kernels
        )
        for name in ("ratio", "low", "high")
    }
    sns.heatmap(
        np.log2(grids["ratio"].astype(float)),
        ax=axis,
        cmap=_RATIO_COLOURS,
        center=0,
        vmin=-math.log2(_DEEPEST),
        vmax=math.log2(_DEEPEST),
        annot=_write_cells(grids),
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


def _write_cells(grids: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A text for each cell: the ratio, below it the interval; empty where nothing was measured."""
    text = grids["ratio"].astype(object)
    for line, column in np.ndindex(*text.shape):
        ratio = grids["ratio"].iat[line, column]
        low, high = grids["low"].iat[line, column], grids["high"].iat[line, column]
        interval = f"{format_ratio(low)}–{format_ratio(high)}"
        text.iat[line, column] = "" if math.isnan(ratio) else f"{format_ratio(ratio)}\n{interval}"
    return text


def draw_promise(pairs: pd.DataFrame) -> Figure:
    """Measured time ratio against the ratio of FLOPs; on the diagonal the promise is kept."""
    figure, axis = plt.subplots(figsize=(6.4, 5.2))
    for direction in DIRECTIONS:
        rows = pairs[pairs["direction"] == direction]
        _draw_points(axis, rows["promised"], rows, DIRECTION_COLOURS[direction], direction)
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


def draw_arms(table: pd.DataFrame) -> Figure:
    """What one factor does to the time ratio: a panel a factor, all others at the centre (hollow point)."""
    names = list(dict.fromkeys(table["axis"]))
    columns = min(4, len(names))
    lines = math.ceil(len(names) / columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(2.7 * columns, 2.3 * lines), sharey=True, squeeze=False
    )
    for axis, name in zip(axes.flat, names, strict=False):
        _draw_arm(axis, name, table[table["axis"] == name])
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for line in axes:
        line[0].set_ylabel("time ratio")
    add_legend_above(figure, 3)
    return figure


def _draw_arm(axis: Axes, name: str, rows: pd.DataFrame) -> None:
    values = _order_values(rows)
    places = {value: index for index, value in enumerate(values)}
    for shift, direction in zip((-0.15, 0, 0.15), DIRECTIONS, strict=True):
        chosen = rows[rows["direction"] == direction]
        x = _find_places(chosen["value"], places) + shift
        _draw_points(axis, x, chosen, DIRECTION_COLOURS[direction], direction)
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


def _order_values(rows: pd.DataFrame) -> list[str]:
    """The values of an arm: by size where they are numbers, else the centre's first."""
    values = list(dict.fromkeys(rows["value"]))
    try:
        return sorted(values, key=lambda value: [float(part) for part in value.split("×")])
    except ValueError:
        centre = rows.loc[rows["is_centre"], "value"]
        first = list(dict.fromkeys(centre))
        return first + [value for value in values if value not in first]


def choose_named_shapes(pairs: pd.DataFrame) -> pd.DataFrame:
    """The comparisons whose shapes carry a name; none where there are too many names for a figure."""
    rows = pairs[pairs["name"] != ""]
    return rows if rows["name"].nunique() <= _MOST_NAMES else rows.iloc[:0]


def draw_named_shapes(rows: pd.DataFrame) -> Figure:
    """Time ratios of shapes that carry a name (see :func:`choose_named_shapes`), in the order of the file."""
    names = list(dict.fromkeys(rows["name"]))
    places = {name: index for index, name in enumerate(names)}
    figure, axis = plt.subplots(figsize=(6.8, 1.0 + 0.32 * len(names)))
    for shift, direction in zip((-0.2, 0, 0.2), DIRECTIONS, strict=True):
        chosen = rows[rows["direction"] == direction]
        y = _find_places(chosen["name"], places) + shift
        axis.errorbar(
            chosen["ratio"],
            y,
            xerr=compute_error_bars(chosen["ratio"], chosen["low"], chosen["high"]),
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


def _find_places(values: pd.Series, places: Mapping[str, int]) -> np.ndarray:
    return np.array([places[value] for value in values], dtype=float)


def _draw_points(axis: Axes, x: np.ndarray | pd.Series, rows: pd.DataFrame, colour: str, label: str) -> None:
    """The ratios of ``rows`` at ``x``, with their intervals."""
    axis.errorbar(
        x,
        rows["ratio"],
        yerr=compute_error_bars(rows["ratio"], rows["low"], rows["high"]),
        fmt="o",
        markersize=3.5,
        linewidth=1,
        color=colour,
        label=label,
        rasterized=len(rows) > MANY,
    )
