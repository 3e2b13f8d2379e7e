"""The figures of the report: one visual language, the same colour for the same thing everywhere.

Each function takes a table and returns a matplotlib figure, or ``None`` where the table has
nothing to show.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.explain import Explanation
from analysis.roofline import Ceilings
from analysis.sweeps import PANELS
from bench.cases import DIRECTIONS

# Okabe and Ito's palette, safe for colour-blind readers.
DENSE_COLOUR, SEPARABLE_COLOUR = "#0072B2", "#D55E00"
DIRECTION_COLOURS = {"forward": "#009E73", "backward": "#CC79A7", "train": "#56B4E9"}
_INK, _FAINT = "#222222", "#999999"
#: Blue where the separable layer is faster, orange where it is slower, white at no difference.
_RATIO_COLOURS = LinearSegmentedColormap.from_list("ratio", [DENSE_COLOUR, "#ffffff", SEPARABLE_COLOUR])
#: Ratios beyond this factor share the deepest colour.
_DEEPEST = 8.0


@contextmanager
def style() -> Iterator[None]:
    """Settings for all figures; SVG text stays text and ids are reproducible."""
    with (
        sns.axes_style("whitegrid", {"grid.color": "#e6e6e6"}),
        plt.rc_context(
            {
                "font.size": 9,
                "axes.titlesize": 10,
                "axes.labelcolor": _INK,
                "text.color": _INK,
                "svg.fonttype": "none",
                "svg.hashsalt": "separable-conv-bench",
                "figure.constrained_layout.use": True,
            }
        ),
    ):
        yield


def heatmaps(plane: pd.DataFrame) -> Figure | None:
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
            "" if math.isnan(value) else f"{_plain(value)}\n{_plain(low.iat[i, j])}–{_plain(high.iat[i, j])}"
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


def promise(pairs: pd.DataFrame) -> Figure | None:
    """Measured time ratio against the ratio of FLOPs; on the diagonal the promise is kept."""
    if pairs.empty:
        return None
    figure, axis = plt.subplots(figsize=(6.4, 5.2))
    for direction in DIRECTIONS:
        rows = pairs[pairs["direction"] == direction]
        _points_with_intervals(axis, rows["promised"], rows, DIRECTION_COLOURS[direction], direction)
    ends = np.array([pairs["promised"].min(), pairs["promised"].max()]) * [0.8, 1.25]
    axis.plot(ends, ends, color=_FAINT, linewidth=1)
    axis.annotate(
        "as promised", (ends[0], ends[0]), (4, -4), textcoords="offset points", color=_FAINT, va="top"
    )
    axis.axhline(1, color=_INK, linewidth=1)
    axis.annotate(
        "above: slower than Conv2D",
        (0, 1),
        (4, 4),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
    )
    _logarithmic(axis, x=True, y=True)
    axis.set_xlabel("FLOPs, SeparableConv2D / Conv2D (promised)")
    axis.set_ylabel("time, SeparableConv2D / Conv2D (measured)")
    axis.legend(frameon=False, loc="best")
    return figure


def roofline_points(pairs: pd.DataFrame, ceilings: Mapping[str, Ceilings]) -> pd.DataFrame:
    """The layers that :func:`rooflines` shows, one row each: those of the commonest device and dtype."""
    rows = pairs[pairs["device"].isin(list(ceilings))]
    if rows.empty:
        return pd.DataFrame()
    device, dtype = rows.groupby(["device", "dtype"]).size().idxmax()
    limits = ceilings[device]
    if dtype not in limits.peak_flops or not limits.bandwidths:
        return pd.DataFrame()
    rows = rows[(rows["device"] == device) & (rows["dtype"] == dtype)]
    return pd.concat(
        pd.DataFrame(
            {
                **{name: rows[name] for name in ("pair", "verdict", "device", "dtype", "mode", "direction")},
                "layer": word,
                "flops_per_byte": rows[f"{word}_flops"] / rows[f"{word}_bytes"],
                "flops_per_second": rows[f"{word}_flops_per_second"],
                "bytes_per_second": rows[f"{word}_bytes_per_second"],
                "of_limit": rows[f"{word}_of_limit"],
            }
        )
        for word in ("dense", "separable")
    )


def rooflines(points: pd.DataFrame, ceilings: Mapping[str, Ceilings]) -> Figure | None:
    """Achieved FLOP/s over FLOPs a byte, under the ceilings of the points' device."""
    if points.empty:
        return None
    device, dtype = points.iloc[0][["device", "dtype"]]
    limits = ceilings[device]
    figure, axis = plt.subplots(figsize=(6.8, 5.0))
    for word, colour, name in (
        ("dense", DENSE_COLOUR, "Conv2D"),
        ("separable", SEPARABLE_COLOUR, "SeparableConv2D"),
    ):
        rows = points[points["layer"] == word]
        axis.scatter(
            rows["flops_per_byte"],
            rows["flops_per_second"],
            s=14,
            color=colour,
            alpha=0.75,
            linewidth=0,
            label=name,
        )
    _roofs(axis, limits, dtype, float(points["flops_per_byte"].max()))
    axis.set_title(f"{device}, {dtype}, all directions and modes")
    axis.legend(frameon=False, loc="lower right")
    return figure


def _roofs(axis: Axes, limits: Ceilings, dtype: str, highest_intensity: float) -> None:
    """The measured ceilings, and axes in the units that they are read in."""
    intensities = np.geomspace(0.3, 2 * highest_intensity, 200)
    for size, bandwidth in (limits.bandwidths[0], limits.bandwidths[-1]):
        roof = np.minimum(intensities * bandwidth, limits.peak_flops[dtype])
        axis.plot(intensities, roof, color=_INK, linewidth=1)
        axis.annotate(
            f"{bandwidth / 1e9:.0f} GB/s at {size_in_words(size)}",
            (intensities[len(intensities) // 20], roof[len(intensities) // 20]),
            (6, -9),
            textcoords="offset points",
            fontsize=8,
            va="top",
        )
    axis.annotate(
        f"{limits.peak_flops[dtype] / 1e9:.0f} GFLOP/s, {dtype} matrix product",
        (intensities[-1], limits.peak_flops[dtype]),
        (0, 4),
        textcoords="offset points",
        ha="right",
        fontsize=8,
    )
    _logarithmic(axis, x=True, y=True, scale_y=1e9)
    axis.set_xlabel("FLOP per byte of compulsory traffic")
    axis.set_ylabel("GFLOP/s achieved")


#: The layer's kind by colour, the variant by line.
_MODEL_STYLES: dict[str, tuple[str, str]] = {
    "conv": (DENSE_COLOUR, "-"),
    "separable": (SEPARABLE_COLOUR, "-"),
    "hybrid": ("#009E73", "-"),
    "matched": ("#CC79A7", "-"),
    "conv-deeper": (DENSE_COLOUR, "--"),
    "separable-deeper": (SEPARABLE_COLOUR, "--"),
    "conv-shallower": (DENSE_COLOUR, ":"),
    "separable-shallower": (SEPARABLE_COLOUR, ":"),
}


def learning_curves(trainings: pd.DataFrame) -> Figure | None:
    """Validation accuracy and loss over epochs: every repeat thin, the mean of each model thick."""
    if trainings.empty or trainings["epochs"].max() < 2:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2))
    for axis, name in zip(axes, ("validation_accuracy", "validation_loss"), strict=True):
        for model, rows in trainings.groupby("model", sort=False):
            colour, line = _MODEL_STYLES.get(model, (_FAINT, "-"))
            curves = np.array([history[name] for history in rows["history"]])
            epochs = np.arange(1, curves.shape[1] + 1)
            axis.plot(epochs, curves.T, color=colour, linestyle=line, linewidth=0.5, alpha=0.35)
            axis.plot(epochs, curves.mean(axis=0), color=colour, linestyle=line, linewidth=1.8, label=model)
        axis.set_xlabel("epoch")
        axis.set_ylabel(name.replace("_", " "))
    last = np.concatenate([np.array(h["validation_accuracy"])[2:] for h in trainings["history"]])
    axes[0].set_ylim(np.percentile(last, 1) - 0.003, last.max() + 0.001)
    axes[1].set_yscale("log")
    axes[1].yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5), numticks=12))
    axes[1].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes[1].yaxis.set_minor_formatter(NullFormatter())
    axes[1].legend(frameon=False, fontsize=8)
    return figure


def model_strips(trainings: pd.DataFrame) -> Figure | None:
    """Test accuracy, test loss and time per sample: every repeat a point, the mean a line."""
    if trainings.empty or trainings["epochs"].max() < 2:
        return None
    panels = {
        "test_accuracy": "test accuracy",
        "test_loss": "test loss",
        "microseconds_a_sample": "training, µs a sample",
    }
    models = list(dict.fromkeys(trainings["model"]))
    colours = {model: _MODEL_STYLES.get(model, (_FAINT, "-"))[0] for model in models}
    figure, axes = plt.subplots(1, 3, figsize=(10, 0.9 + 0.34 * len(models)), sharey=True)
    for axis, (name, title) in zip(axes, panels.items(), strict=True):
        sns.stripplot(
            data=trainings, x=name, y="model", hue="model", palette=colours, order=models, hue_order=models,
            ax=axis, jitter=False, size=5, alpha=0.8, legend=False,
        )  # fmt: skip
        for place, model in enumerate(models):
            middle = trainings.loc[trainings["model"] == model, name].mean()
            axis.plot([middle, middle], [place - 0.32, place + 0.32], color=_INK, linewidth=1.5)
        axis.set_xlabel(title)
        axis.set_ylabel("")
    return figure


def waterfall(explanation: Explanation) -> Figure:
    """From Conv2D's time, factor by factor, to SeparableConv2D's."""
    factors = explanation.factors
    steps = [
        ("FLOPs", factors.flops),
        ("what the hardware allows", factors.limit),
        ("how good the kernels are", factors.kernels),
        ("what is outside kernels", factors.outside),
    ]
    figure, axis = plt.subplots(figsize=(6.6, 2.1))
    reached = 1.0
    for place, (_, factor) in enumerate(steps):
        ends = sorted((reached, reached * factor))
        colour = DENSE_COLOUR if factor < 1 else SEPARABLE_COLOUR
        axis.barh(place, ends[1] - ends[0], left=ends[0], height=0.62, color=colour, alpha=0.85)
        axis.plot([reached * factor] * 2, [place - 0.31, place + 1.31], color=_INK, linewidth=0.8)
        axis.annotate(
            f"×{_plain(factor)}",
            (ends[1], place),
            (4, 0),
            textcoords="offset points",
            va="center",
        )
        reached *= factor
    low, high = explanation.ratio - explanation.low, explanation.high - explanation.ratio
    axis.errorbar(
        explanation.ratio,
        len(steps),
        xerr=np.maximum(0, [[low], [high]]),
        fmt="D",
        color=_INK,
        markersize=4,
    )
    axis.annotate(
        f"{_plain(explanation.ratio)}",
        (explanation.high, len(steps)),
        (6, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold",
    )
    axis.axvline(1, color=_INK, linewidth=1)
    axis.set_yticks(range(len(steps) + 1), [*(name for name, _ in steps), "measured"])
    axis.invert_yaxis()
    _logarithmic(axis, x=True)
    left, right = axis.get_xlim()
    axis.set_xlim(left / 1.1, right * 1.6)
    axis.set_xlabel("time, SeparableConv2D / Conv2D")
    axis.grid(visible=False, axis="y")
    return figure


_ROLE_MARKERS = {"forward": "o", "input_gradient": "^", "weight_gradient": "s"}
_OPERATION_COLOURS = {"dense": DENSE_COLOUR, "depthwise": SEPARABLE_COLOUR, "pointwise": "#E69F00"}


def operation_points(explanations: Iterable[Explanation], ceilings: Mapping[str, Ceilings]) -> pd.DataFrame:
    """The kernels of all explained layers, one row each: those of the commonest device and dtype."""
    tables = []
    for explanation in explanations:
        case = explanation.separable
        if case.device in ceilings and ceilings[case.device].can_judge(case):
            kernels = explanation.operations[explanation.operations["operation"].isin(_OPERATION_COLOURS)]
            tables.append(
                kernels.assign(pair=explanation.pair, device=case.device, dtype=case.dtype, mode=case.mode)
            )
    if not tables:
        return pd.DataFrame()
    points = pd.concat(tables, ignore_index=True)
    device, dtype = points.groupby(["device", "dtype"]).size().idxmax()
    return points[(points["device"] == device) & (points["dtype"] == dtype)]


def operation_roofline(points: pd.DataFrame, ceilings: Mapping[str, Ceilings]) -> Figure | None:
    """Every traced kernel under the roofs of its device: its operation by colour, its role by shape."""
    if points.empty:
        return None
    device, dtype = points.iloc[0][["device", "dtype"]]
    figure, axis = plt.subplots(figsize=(6.8, 5.0))
    for (operation, role), rows in points.groupby(["operation", "role"]):
        axis.scatter(
            rows["flops_per_byte"].astype(float),
            rows["flops_per_second"].astype(float),
            s=20,
            marker=_ROLE_MARKERS[role],
            color=_OPERATION_COLOURS[operation],
            alpha=0.75,
            linewidth=0,
            label=f"{operation} {role.replace('_', ' ')}",
        )
    _roofs(axis, ceilings[device], dtype, float(points["flops_per_byte"].max()))
    axis.set_title(f"{device}, {dtype}, the operations of all traced layers")
    axis.legend(frameon=False, loc="lower right", fontsize=7)
    return figure


def arms(table: pd.DataFrame) -> Figure | None:
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
        axis.axhline(1, color=_INK, linewidth=1)
        axis.set_title(name)
        turned = max(map(len, values)) * len(values) > 20
        axis.set_xticks(
            range(len(values)),
            [_as_text(value) for value in values],
            rotation=35 if turned else 0,
            ha="right" if turned else "center",
        )
        axis.set_xlim(-0.6, len(values) - 0.4)
        _logarithmic(axis, y=True)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for line in axes:
        line[0].set_ylabel("time ratio")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def named_shapes(pairs: pd.DataFrame) -> Figure | None:
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
            xerr=_reach(chosen),
            fmt="o",
            markersize=3.5,
            linewidth=1,
            color=DIRECTION_COLOURS[direction],
            label=direction,
        )
    axis.axvline(1, color=_INK, linewidth=1)
    axis.set_yticks(range(len(names)), [_as_text(name) for name in names])
    axis.invert_yaxis()
    _logarithmic(axis, x=True)
    axis.set_xlabel("time, SeparableConv2D / Conv2D")
    axis.legend(frameon=False, loc="best")
    return figure


def _places(values: pd.Series, places: Mapping[str, int]) -> np.ndarray:
    return np.array([places[value] for value in values], dtype=float)


def _points_with_intervals(
    axis: Axes, x: np.ndarray | pd.Series, rows: pd.DataFrame, colour: str, label: str
) -> None:
    axis.errorbar(
        x, rows["ratio"], yerr=_reach(rows), fmt="o", markersize=3.5, linewidth=1, color=colour, label=label
    )


def _reach(rows: pd.DataFrame) -> np.ndarray:
    """The interval as distances from the ratio. The median of few values may lie on its edge."""
    below, above = rows["ratio"] - rows["low"], rows["high"] - rows["ratio"]
    return np.maximum(0, np.array([below, above], dtype=float))


def _as_text(name: str) -> str:
    """A name from a file is data: a dollar sign must not start mathematics."""
    return name.replace("$", r"\$")


def _in_order(rows: pd.DataFrame) -> list[str]:
    """Values as numbers where they are numbers, else the centre first."""
    values = list(dict.fromkeys(rows["value"]))
    try:
        return sorted(values, key=lambda value: [float(part) for part in value.split("×")])
    except ValueError:
        centre = rows.loc[rows["is_centre"], "value"]
        first = list(dict.fromkeys(centre))
        return first + [value for value in values if value not in first]


def _logarithmic(axis: Axes, *, x: bool = False, y: bool = False, scale_y: float = 1.0) -> None:
    """Log axes with ticks in plain numbers."""
    for wanted, which, scale, set_scale in (
        (x, axis.xaxis, 1.0, axis.set_xscale),
        (y, axis.yaxis, scale_y, axis.set_yscale),
    ):
        if wanted:
            set_scale("log")
            which.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
            which.set_major_formatter(FuncFormatter(lambda value, _, s=scale: f"{value / s:g}"))
            which.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def close(figure: Figure) -> None:
    plt.close(figure)


def size_in_words(size: int) -> str:
    return f"{size // 2**20} MiB" if size >= 2**20 else f"{size // 2**10} KiB"
