"""A measured ratio, factor by factor."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from analysis.figures.style import DENSE_COLOUR, INK, SEPARABLE_COLOUR, format_ratio, scale_logarithmic
from analysis.reasons.explanation import Explanation


def draw_waterfall(explanation: Explanation) -> Figure:
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
        axis.plot([reached * factor] * 2, [place - 0.31, place + 1.31], color=INK, linewidth=0.8)
        axis.annotate(
            f"×{format_ratio(factor)}",
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
        color=INK,
        markersize=4,
    )
    axis.annotate(
        f"{format_ratio(explanation.ratio)}",
        (explanation.high, len(steps)),
        (6, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold",
    )
    axis.axvline(1, color=INK, linewidth=1)
    axis.set_yticks(range(len(steps) + 1), [*(name for name, _ in steps), "measured"])
    axis.invert_yaxis()
    scale_logarithmic(axis, x=True)
    left, right = axis.get_xlim()
    axis.set_xlim(left / 1.1, right * 1.6)
    axis.set_xlabel("time, SeparableConv2D / Conv2D")
    axis.grid(visible=False, axis="y")
    return figure
