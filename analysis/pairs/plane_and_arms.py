"""Which comparisons form a plane of channels and kernel sizes, and which the arms of one factor.

Found in the data, not handed over: whatever grid or shapes file was measured, comparisons that
differ in one thing alone belong together.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.pairs.table import SETTINGS

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


@dataclass(frozen=True)
class PlaneAndArms:
    """The plane and the arms of a table of comparisons."""

    plane: pd.DataFrame
    centre: pd.Series | None
    arms: pd.DataFrame


def find_plane_and_arms(pairs: pd.DataFrame) -> PlaneAndArms:
    """Both, in ``pairs`` (see ``tabulate_pairs``)."""
    centre, arms = find_arms(pairs)
    return PlaneAndArms(plane=find_plane(pairs), centre=centre, arms=arms)


def find_plane(pairs: pd.DataFrame) -> pd.DataFrame:
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
        chosen = _keep_one_filter_count(group)
        chosen = chosen[chosen.groupby(list(PANELS))["pair"].transform("size") >= 4]
        if len(chosen) > len(best):
            best = chosen
    return best


def find_arms(pairs: pd.DataFrame) -> tuple[pd.Series | None, pd.DataFrame]:
    """The centre that most one-factor arms start from, and the arms.

    The centre is a row of ``pairs`` (any direction of it); the arms are rows of ``pairs`` with
    ``axis`` (a key of :data:`ARMS`), ``value`` (readable) and ``is_centre``, for every direction.
    ``None`` and an empty table where nothing varies alone.
    """
    empty = pairs.iloc[:0].assign(axis="", value="", is_centre=False)
    if pairs.empty:
        return None, empty
    # Numbers are compared faster than what they stand for.
    codes = pairs[list(SETTINGS)].apply(lambda column: pd.factorize(column)[0])
    # Whether a comparison has neighbours along each axis.
    has_arm = pd.DataFrame({axis: _count_neighbours(codes, columns) > 1 for axis, columns in ARMS.items()})
    numbers = has_arm.sum(axis=1)
    if numbers.max() == 0:
        return None, empty
    start = numbers.idxmax()
    as_start = codes == codes.loc[start]
    found = []
    for _, rows in pairs.groupby("direction", sort=False):
        for axis, columns in ARMS.items():
            fixed = [name for name in SETTINGS if name not in (*columns, "direction")]
            on_axis = rows[as_start.loc[rows.index, fixed].all(axis=1)]
            if axis == "channels":
                on_axis = _keep_one_filter_count(on_axis)
            if len(on_axis) > 1:
                is_centre = as_start.loc[on_axis.index, list(columns)].all(axis=1)
                values = on_axis[list(columns)].apply(_write_value, axis=1, name=axis)
                found.append(on_axis.assign(axis=axis, value=values, is_centre=is_centre))
    return pairs.loc[start], pd.concat(found) if found else empty


def _count_neighbours(codes: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    """How many comparisons share all settings but ``columns`` with each."""
    fixed = [name for name in SETTINGS if name not in columns]
    return codes.groupby(fixed, sort=False)[columns[0]].transform("size")


def _keep_one_filter_count(rows: pd.DataFrame) -> pd.DataFrame:
    """For every channel count the filters that most rows have; of equals, as many as channels."""
    if rows.empty:
        return rows
    counts = rows.groupby(["in_channels", "filters"]).size().rename("rows").reset_index()
    counts["distance"] = (counts["filters"] - counts["in_channels"]).abs()
    kept = counts.sort_values(["rows", "distance"], ascending=[False, True]).drop_duplicates("in_channels")
    filters = kept.set_index("in_channels")["filters"]
    return rows[rows["filters"] == rows["in_channels"].map(filters)]


def _write_value(row: pd.Series, name: str) -> str:
    """The value on the axis called ``name``, as a tick label."""
    values = list(row)
    if name in ("image size", "kernel size", "strides", "dilation"):
        numbers = values if name == "image size" else values[0]
        return "×".join(str(number) for number in numbers)
    if name in ("bias", "needs input gradient"):
        return "yes" if values[0] else "no"
    return str(values[0])
