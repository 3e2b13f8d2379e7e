"""A measured ratio, factor by factor; the time of its slow kernels, cause by cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.answers.reasons import name_layers_kernel
from analysis.figures.style import (
    DENSE_COLOUR,
    FAINT,
    INK,
    SEPARABLE_COLOUR,
    add_legend_above,
    format_ratio,
    scale_logarithmic,
)
from analysis.reasons.causes.parts import (
    CAUSE_NAMES,
    COLD_DATA,
    EMPTY_LANES,
    FIXED_COST,
    IMPLEMENTATION,
    KERNEL_CEILING,
    LARGE_DATA,
    THREADS,
)
from analysis.reasons.explanation import Explanation
from analysis.wording import format_milliseconds

#: Okabe and Ito's palette again, without the two colours of the layers. What can be changed has a colour;
#: what cannot, or has no known cause, is grey.
_CAUSE_COLOURS = {
    COLD_DATA: "#56B4E9",
    FIXED_COST: "#E69F00",
    THREADS: "#009E73",
    LARGE_DATA: "#8C6D31",
    EMPTY_LANES: "#F0E442",
    IMPLEMENTATION: "#CC79A7",
    KERNEL_CEILING: FAINT,
}
#: Inches of a bar with its gap, of a line of the legend, and of the axis below.
_BAR, _LEGEND_LINE, _BELOW = 0.36, 0.17, 0.65
_LEGEND_COLUMNS = 2
_LEAST, _LEFT = "least time", "left, without a known cause"
_STYLES: dict[str, dict[str, Any]] = {
    _LEAST: {"color": INK},
    **{CAUSE_NAMES[code]: {"color": colour} for code, colour in _CAUSE_COLOURS.items()},
    _LEFT: {"facecolor": "none", "edgecolor": FAINT, "hatch": "////"},
}


def draw_waterfall(explanation: Explanation) -> Figure:
    """From Conv2D's time, factor by factor, to SeparableConv2D's."""
    factors = {
        "FLOPs": explanation.factors.flops,
        "what the hardware allows": explanation.factors.limit,
        "how good the kernels are": explanation.factors.kernels,
        "what is outside kernels": explanation.factors.outside,
    }
    figure, axis = plt.subplots(figsize=(6.6, 2.1))
    reached = 1.0
    for place, factor in enumerate(factors.values()):
        _draw_factor(axis, place, reached, factor)
        reached *= factor
    _draw_measured(axis, len(factors), explanation)
    axis.axvline(1, color=INK, linewidth=1)
    axis.set_yticks(range(len(factors) + 1), [*factors, "measured"])
    axis.invert_yaxis()
    scale_logarithmic(axis, x=True)
    left, right = axis.get_xlim()
    axis.set_xlim(left / 1.1, right * 1.6)
    axis.set_xlabel("time, SeparableConv2D / Conv2D")
    axis.grid(visible=False, axis="y")
    return figure


def _draw_factor(axis: Axes, place: int, reached: float, factor: float) -> None:
    """A bar from the ratio that earlier factors have reached to the one that this factor leads to."""
    left, right = sorted((reached, reached * factor))
    colour = DENSE_COLOUR if factor < 1 else SEPARABLE_COLOUR
    axis.barh(place, right - left, left=left, height=0.62, color=colour, alpha=0.85)
    axis.plot([reached * factor] * 2, [place - 0.31, place + 1.31], color=INK, linewidth=0.8)
    axis.annotate(f"×{format_ratio(factor)}", (right, place), (4, 0), textcoords="offset points", va="center")


def _draw_measured(axis: Axes, place: int, explanation: Explanation) -> None:
    low, high = explanation.ratio - explanation.low, explanation.high - explanation.ratio
    axis.errorbar(
        explanation.ratio,
        place,
        xerr=np.maximum(0, [[low], [high]]),
        fmt="D",
        color=INK,
        markersize=4,
    )
    axis.annotate(
        format_ratio(explanation.ratio),
        (explanation.high, place),
        (6, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold",
    )


def draw_kernel_sums(kernels: pd.DataFrame) -> Figure:
    """A bar a kernel of ``select_tested``: its least time, each cause, and what is left, in ms."""
    rows = kernels.to_dict("records")
    parts = {words: lengths for words, lengths in _divide_times(rows).items() if lengths.any()}
    legend_lines = -(-len(parts) // _LEGEND_COLUMNS)
    figure, axis = plt.subplots(figsize=(6.6, _BELOW + _LEGEND_LINE * legend_lines + _BAR * len(rows)))
    reached = np.zeros(len(rows))
    for words, lengths in parts.items():
        axis.barh(
            range(len(rows)), lengths, left=reached, height=0.62, linewidth=0, label=words, **_STYLES[words]
        )
        reached += lengths
    for place, row in enumerate(rows):
        axis.annotate(
            f"{format_milliseconds(row['seconds'])} ms",
            (reached[place], place),
            (4, 0),
            textcoords="offset points",
            va="center",
        )
        _name_bar(axis, place, row)
    axis.set_yticks(range(len(rows)), [])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlim(0, reached.max() * 1.18)
    axis.set_xlabel("ms of a step")
    axis.grid(visible=False, axis="y")
    add_legend_above(figure, _LEGEND_COLUMNS)
    return figure


def _name_bar(axis: Axes, place: int, row: Mapping[str, Any]) -> None:
    """The layer in one line, below it the kernel: in a single line both would take half of the figure.

    They are two texts, each of which ends at the axis in whatever font a browser has.
    """
    for height, words in zip((5, -5), name_layers_kernel(row).split(": "), strict=True):
        axis.annotate(
            words,
            (0, place),
            (-6, height),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
        )


def _divide_times(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """What part of each kernel's time goes where, in ms, in the order in which it is drawn."""
    causes = [{cause.cause: cause.seconds for cause in row["causes"]} for row in rows]
    seconds = {
        _LEAST: [row["limit_seconds"] for row in rows],
        **{words: [of.get(code, 0.0) for of in causes] for code, words in CAUSE_NAMES.items()},
        _LEFT: [row["remainder_seconds"] for row in rows],
    }
    return {words: 1e3 * np.array(values) for words, values in seconds.items()}
