"""A measured ratio, factor by factor."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import DENSE_COLOUR, INK, SEPARABLE_COLOUR, format_ratio, scale_logarithmic
from analysis.reasons.explanation import Explanation


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
