"""Which comparisons form a plane of channels and kernel sizes, and which the arms of one factor.

Found in the data, not handed over: whatever grid or shapes file was measured, comparisons that
differ in one thing alone belong together.
"""

from __future__ import annotations

import pandas as pd

from analysis.pairs import SETTINGS

PLANE_AXES = ("in_channels", "filters", "kernel_size")
#: How a plane's panels differ.
PANELS = ("device", "dtype", "mode", "direction")

#: The axes of the arms, in the order of the report: a readable name and the columns that vary together.
ARMS: dict[str, tuple[str, ...]] = {
    "channels": ("in_channels", "filters"),
    "filters": ("filters",),
    "kernel size": ("kernel_size",),
    "batch": ("batch",),
    "image size": ("height", "width"),
    "strides": ("strides",),
    "padding": ("padding",),
    "dilation": ("dilation_rate",),
    "depth multiplier": ("depth_multiplier",),
    "data format": ("data_format",),
    "activation": ("activation",),
    "bias": ("use_bias",),
    "needs input gradient": ("input_gradient",),
    "dtype": ("dtype",),
    "mode": ("mode",),
    "device": ("device",),
}


def plane(pairs: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of the largest plane of channels x kernel sizes, all its panels.

    A channel count appears with one number of filters: the one measured with most kernel sizes.
    Empty where fewer than four comparisons of a panel vary in nothing else.
    """
    if pairs.empty:
        return pairs
    shared = [name for name in SETTINGS if name not in (*PLANE_AXES, *PANELS, "input_gradient")]
    candidates = pairs[~pairs["is_1d"] & pairs["input_gradient"]]
    best = candidates.iloc[:0]
    for _, group in candidates.groupby(shared, dropna=False, sort=False):
        chosen = _one_filter_count(group)
        cells = chosen.groupby(list(PANELS)).size()
        chosen = chosen[
            chosen[list(PANELS)].apply(tuple, axis=1).isin([panel for panel, n in cells.items() if n >= 4])
        ]
        if len(chosen) > len(best):
            best = chosen
    return best


def arms(pairs: pd.DataFrame) -> tuple[pd.Series | None, pd.DataFrame]:
    """The centre that most one-factor arms start from, and the arms.

    The centre is a row of ``pairs`` (any direction of it); the arms are rows of ``pairs`` with
    ``axis`` (a key of :data:`ARMS`), ``value`` (readable) and ``is_centre``, for every direction.
    ``None`` and an empty table where nothing varies alone.
    """
    empty = pairs.iloc[:0].assign(axis="", value="", is_centre=False)
    if pairs.empty:
        return None, empty
    # Whether a comparison has neighbours along each axis.
    has_arm = pd.DataFrame(
        {axis: _neighbours(pairs, columns) > 1 for axis, columns in ARMS.items()}, index=pairs.index
    )
    numbers = has_arm.sum(axis=1)
    if numbers.max() == 0:
        return None, empty
    centre = pairs.loc[numbers.idxmax()]
    found = []
    for direction, rows in pairs.groupby("direction", sort=False):
        start = {**centre[list(SETTINGS)], "direction": direction}
        for axis, columns in ARMS.items():
            fixed = [name for name in SETTINGS if name not in columns]
            on_axis = rows[_equal(rows, start, fixed)]
            if axis == "channels":
                on_axis = _one_filter_count(on_axis)
            if len(on_axis) > 1:
                is_centre = _equal(on_axis, start, columns)
                values = on_axis[list(columns)].apply(_readable, axis=1, name=axis)
                found.append(on_axis.assign(axis=axis, value=values, is_centre=is_centre))
    return centre, pd.concat(found) if found else empty


def _neighbours(pairs: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    fixed = [name for name in SETTINGS if name not in columns]
    return pairs.groupby([pairs[name].astype(str) for name in fixed])["pair"].transform("size")


def _one_filter_count(rows: pd.DataFrame) -> pd.DataFrame:
    """For every channel count the filters that most rows have; of equals, as many as channels."""
    if rows.empty:
        return rows
    counts = rows.groupby(["in_channels", "filters"]).size().rename("rows").reset_index()
    counts["distance"] = (counts["filters"] - counts["in_channels"]).abs()
    kept = counts.sort_values(["rows", "distance"], ascending=[False, True]).drop_duplicates("in_channels")
    filters = kept.set_index("in_channels")["filters"]
    return rows[rows["filters"] == rows["in_channels"].map(filters)]


def _equal(rows: pd.DataFrame, values: dict, columns: tuple[str, ...] | list[str]) -> pd.Series:
    same = pd.Series(True, index=rows.index)
    for name in columns:
        wanted = values[name]
        same &= rows[name].map(lambda value, wanted=wanted: value == wanted)
    return same


def _readable(row: pd.Series, name: str) -> str:
    """The value on the axis called ``name``, as a tick label."""
    values = list(row)
    if name in ("image size", "kernel size", "strides", "dilation"):
        numbers = values if name == "image size" else values[0]
        return "×".join(str(number) for number in numbers)
    if name in ("bias", "needs input gradient"):
        return "yes" if values[0] else "no"
    return str(values[0])
