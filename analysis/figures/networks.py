"""A network from input to output: the time of each layer, as it is and after the recommended changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import (
    DENSE_COLOUR,
    FAINT,
    SEPARABLE_COLOUR,
    add_legend_above,
    escape_text,
)
from analysis.wording import format_milliseconds
from bench.contract.networks import DENSE, SEPARABLE
from bench.contract.printable import make_printable

#: Letters of a name; its middle is left out.
_LONGEST_NAME = 34
#: Heights of rows, and inches of a height of 1; sizes of their text in points.
_ROW, _RUN, _INCHES = 1.0, 0.75, 0.22
_ROW_TEXT, _RUN_TEXT = 8.5, 7.5
#: What was there before a change is drawn paler than what took its place.
_PALE, _FULL = 0.4, 0.9
_COLOUR_OF = {DENSE: DENSE_COLOUR, SEPARABLE: SEPARABLE_COLOUR}
_WORDS = {
    DENSE_COLOUR: "dense convolution",
    SEPARABLE_COLOUR: "separable or depthwise",
}


def draw_network(rows: pd.DataFrame, are_network_times: bool) -> Figure:
    """A bar a row of ``networks.picture.choose_rows``, and a second one where something was changed.

    Times are those in the network, or else those of each layer alone.
    """
    heights = np.where(rows["is_run"], _RUN, _ROW)
    middles = np.cumsum(heights) - heights / 2
    figure, axis = plt.subplots(figsize=(10, 0.9 + _INCHES * heights.sum()))
    _name_colours(axis, rows)
    for middle, row in zip(middles, rows.to_dict("records"), strict=True):
        _draw_row(axis, middle, row)
    axis.set_yticks(middles, [_write_label(row) for row in rows.to_dict("records")])
    for label, is_run in zip(axis.get_yticklabels(), rows["is_run"], strict=True):
        label.set_fontsize(_RUN_TEXT if is_run else _ROW_TEXT)
    longest = np.nanmax(rows[["seconds", "after_seconds"]].to_numpy(dtype=float)) * 1e3
    axis.set_ylim(heights.sum(), 0)
    axis.set_xlim(0, longest * 1.16 or 1)
    axis.set_xlabel("ms of a traced step" if are_network_times else "ms, each layer measured alone")
    axis.grid(visible=False, axis="y")
    add_legend_above(figure, 4)
    return figure


def _write_label(row: Mapping[str, Any]) -> str:
    if not row["is_run"]:
        return _write_name(row["first"])
    if not row["convolutions"]:
        return _write_name(row["kind"])
    changed = f", {row['changed']} changed" if row["changed"] else ""
    return f"from {_write_name(row['first'])}: {row['layers']} layers{changed}"


def _write_name(name: str) -> str:
    """A name from a file, as text for matplotlib; without its middle where it is long."""
    printable = make_printable(name, keep="")
    if len(printable) > _LONGEST_NAME:
        half = _LONGEST_NAME // 2
        printable = f"{printable[: half - 1]}…{printable[-half:]}"
    return escape_text(printable)


def _name_colours(axis: Axes, rows: pd.DataFrame) -> None:
    """What the legend says: of colours that are there."""
    shown = [(_choose_colours(row), row) for row in rows.to_dict("records")]
    solid = {before if row["changed"] == 0 else after for (before, after), row in shown}
    for colour, words in {**_WORDS, FAINT: "other layers, or several"}.items():
        if colour in solid:
            axis.barh(0, 0, color=colour, alpha=_FULL, linewidth=0, label=words)
    pale = [before for (before, _), row in shown if row["changed"]]
    if pale:
        # Of a single layer, if there is one: others are as grey as what is not changed.
        chosen = next((colour for colour in pale if colour != FAINT), FAINT)
        axis.barh(0, 0, color=chosen, alpha=_PALE, linewidth=0, label="pale: before the change")


def _choose_colours(row: Mapping[str, Any]) -> tuple[str, str]:
    """Before and after the change, if there is one."""
    if row["is_run"]:
        return FAINT, FAINT
    is_separable = "Separable" in row["kind"] or "Depthwise" in row["kind"]
    before = SEPARABLE_COLOUR if is_separable else DENSE_COLOUR
    return before, _COLOUR_OF.get(row["becomes"], before)


def _draw_row(axis: Axes, middle: float, row: Mapping[str, Any]) -> None:
    height = _RUN if row["is_run"] else _ROW
    before, after = _choose_colours(row)
    times = [row[name] for name in ("seconds", "after_seconds") if not pd.isna(row[name])]
    bars = [seconds * 1e3 for seconds in times]
    if len(bars) == 2:
        quarter = 0.2 * height
        _draw_bar(axis, middle - quarter, bars[0], 1.8 * quarter, before, _PALE)
        _draw_bar(axis, middle + quarter, bars[1], 1.8 * quarter, after, _FULL)
    elif bars:
        _draw_bar(axis, middle, bars[0], 0.72 * height, before, _PALE if row["changed"] else _FULL)
    axis.annotate(
        " → ".join(map(format_milliseconds, times)) or "not measured",
        (max(bars, default=0), middle),
        (4, 0),
        textcoords="offset points",
        va="center",
        fontsize=_RUN_TEXT if row["is_run"] else _ROW_TEXT,
    )


def _draw_bar(axis: Axes, middle: float, length: float, height: float, colour: str, alpha: float) -> None:
    # An edge would be white, on a dark page too.
    axis.barh(middle, length, height=height, color=colour, alpha=alpha, linewidth=0)
