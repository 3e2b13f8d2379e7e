"""What was achieved under the measured ceilings: whole layers, and the operations in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import wording
from analysis.figures.style import DENSE_COLOUR, INK, MANY, SEPARABLE_COLOUR, scale_logarithmic
from analysis.limits.roofline import Ceilings
from analysis.reasons.explanation import Explanation

_ROLE_MARKERS = {"forward": "o", "input_gradient": "^", "weight_gradient": "s"}
_OPERATION_COLOURS = {"dense": DENSE_COLOUR, "depthwise": SEPARABLE_COLOUR, "pointwise": "#E69F00"}


def find_layer_points(pairs: pd.DataFrame, ceilings: Mapping[str, Ceilings]) -> pd.DataFrame:
    """The layers that :func:`draw_layer_roofline` shows, a row each: those of the commonest device and dtype.

    Empty where the ceilings of that device and dtype are unknown.
    """
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


def draw_layer_roofline(points: pd.DataFrame, ceilings: Mapping[str, Ceilings]) -> Figure:
    """Achieved FLOP/s over FLOPs a byte, under the ceilings of the points' device."""
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
            rasterized=len(rows) > MANY,
            label=name,
        )
    _draw_roofs(axis, limits, dtype, float(points["flops_per_byte"].max()))
    axis.set_title(f"{device}, {dtype}, all directions and modes")
    axis.legend(frameon=False, loc="lower right")
    return figure


def find_operation_points(
    explanations: Iterable[Explanation], ceilings: Mapping[str, Ceilings]
) -> pd.DataFrame:
    """The kernels that :func:`draw_operation_roofline` shows, a row each: of the commonest device and dtype.

    Empty where nothing was explained.
    """
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


def draw_operation_roofline(points: pd.DataFrame, ceilings: Mapping[str, Ceilings]) -> Figure:
    """Every traced kernel under the roofs of its device: its operation by colour, its role by shape."""
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
            rasterized=len(rows) > MANY,
            label=f"{operation} {role.replace('_', ' ')}",
        )
    _draw_roofs(axis, ceilings[device], dtype, float(points["flops_per_byte"].max()))
    axis.set_title(f"{device}, {dtype}, the operations of all traced layers")
    axis.legend(frameon=False, loc="lower right", fontsize=7)
    return figure


def _draw_roofs(axis: Axes, limits: Ceilings, dtype: str, highest_intensity: float) -> None:
    """Draw the measured ceilings, and give the axes their units."""
    intensities = np.geomspace(0.3, 2 * highest_intensity, 200)
    for size, bandwidth in (limits.bandwidths[0], limits.bandwidths[-1]):
        roof = np.minimum(intensities * bandwidth, limits.peak_flops[dtype])
        axis.plot(intensities, roof, color=INK, linewidth=1)
        axis.annotate(
            f"{bandwidth / 1e9:.0f} GB/s at {wording.format_size(size)}",
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
    scale_logarithmic(axis, x=True, y=True, scale_y=1e9)
    axis.set_xlabel("FLOP per byte of compulsory traffic")
    axis.set_ylabel("GFLOP/s achieved")
