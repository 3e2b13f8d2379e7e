"""Comparisons -> the answer in plain sentences, most important first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.pairs.plane_and_arms import PlaneAndArms
from analysis.pairs.remedies import HARMS, HELPS, NO_HELP
from analysis.statistics import verdicts
from analysis.wording import LAYER_NAMES, format_number, format_speed, join_words
from bench.contract.cases import DIRECTIONS
from bench.contract.remedies import DENSE_INSTEAD

#: Remedies that a sentence names; the section has all.
_NAMED = 4
#: Named shapes that a sentence names.
_NAMED_SHAPES = 6


def write_answer(pairs: pd.DataFrame, plane_and_arms: PlaneAndArms) -> list[str]:
    """What the comparisons in ``pairs`` (see ``tabulate_pairs``) say, as sentences with numbers.

    The first answers the question; where layers of one dimension were compared too, the second answers it for
    them. The rest say where the border runs, what a single setting changes and what became of the promise of
    the FLOPs. Without comparisons, one sentence says so.
    """
    if pairs.empty:
        return [
            "Nothing here compares SeparableConv2D with Conv2D in lock-step: measure both layers of a shape, "
            "without --in-turn."
        ]
    return [
        *_write_counts(pairs),
        *_write_borders(plane_and_arms.plane),
        *_write_turning_settings(plane_and_arms.centre, plane_and_arms.arms),
        *_write_named_shapes(pairs),
        _write_promise(pairs, plane_and_arms.centre),
        _write_extremes(pairs),
    ]


def write_remedies(gains: pd.DataFrame) -> list[str]:
    """What helped, and what did not; ``gains`` is of ``tabulate_remedies``."""
    tried = gains[gains["name"] != DENSE_INSTEAD]
    helped = tried[tried["verdict"] == HELPS]
    useless = tried[tried["verdict"].isin([NO_HELP, HARMS])]
    sentences = []
    if len(helped):
        sentences.append(f"What helps, measured here: {_write_gains(helped)}.")
    if len(useless):
        sentences.append(f"What does not help here: {_write_gains(useless)}.")
    return sentences


def _write_gains(tried: pd.DataFrame) -> str:
    """The first few remedies, each with where and what it gained."""
    parts = [
        f"{row['name']} ({row['case_id']}) {format_speed(1 / row['gain'])}"
        for row in tried.iloc[:_NAMED].to_dict("records")
    ]
    if len(tried) > _NAMED:
        parts.append(f"and {len(tried) - _NAMED} more, below")
    return "; ".join(parts)


def describe_shape(row: pd.Series) -> str:
    """A comparison's shape: ``batch 8, 32×32, 64 channels to 64 filters, kernel 3×3``."""
    options = row["shape"].split("-")[3:]
    size = f"{row['width']}" if row["is_1d"] else f"{row['height']}×{row['width']}"
    text = (
        f"batch {row['batch']}, {size}, {row['in_channels']} channels to {row['filters']} filters, "
        f"kernel {'×'.join(map(str, row['kernel_size']))}"
    )
    return f"{text} ({', '.join(options)})" if options else text


def _write_counts(pairs: pd.DataFrame) -> list[str]:
    """A sentence on each of the two comparisons that were made: of layers of two dimensions, then of one."""
    by_layer = [rows for _, rows in pairs.groupby("is_1d")]
    return [_write_counts_of_layer(rows) for rows in by_layer]


def _write_counts_of_layer(pairs: pd.DataFrame) -> str:
    """How many comparisons have each verdict, and in which modes and directions the layer is slower.

    All of ``pairs`` compare the same two layers.
    """
    first = pairs.iloc[0]
    separable, dense = LAYER_NAMES[first["separable_case"].layer], LAYER_NAMES[first["dense_case"].layer]
    counts = pairs["verdict"].value_counts()
    words = {
        verdicts.FASTER: "faster",
        verdicts.SAME: "about the same",
        verdicts.UNDECIDED: "undecided",
    }
    others = [f"{word} in {counts[verdict]}" for verdict, word in words.items() if verdict in counts]
    where = [_describe_mode(mode, rows) for mode, rows in pairs.groupby("mode", sort=False)]
    return (
        f"{separable} is slower than {dense} in {counts.get(verdicts.SLOWER, 0)} of the {len(pairs)} "
        f"comparisons measured here{', ' if others else ''}{join_words(others)}. "
        f"Slower are {'; '.join(where)}."
    )


def _describe_mode(mode: str, rows: pd.DataFrame) -> str:
    """How many comparisons of a mode are slower, by direction unless it is none or all."""
    slower = rows[rows["verdict"] == verdicts.SLOWER]
    undecided = _write_undecided(rows)
    if slower.empty:
        return f"in {mode} mode none of {len(rows)}{undecided}"
    if len(slower) == len(rows):
        return f"in {mode} mode all of {len(rows)}{undecided}"
    measured, slow = rows["direction"].value_counts(), slower["direction"].value_counts()
    parts = [
        f"{direction} {slow.get(direction, 0)} of {measured[direction]}"
        for direction in DIRECTIONS
        if direction in measured
    ]
    return f"in {mode} mode {', '.join(parts)}{undecided}"


def _write_undecided(rows: pd.DataFrame) -> str:
    """How many of ``rows`` are undecided, in brackets; nothing where none is."""
    undecided = int((rows["verdict"] == verdicts.UNDECIDED).sum())
    return f" ({undecided} undecided)" if undecided else ""


def _write_named_shapes(pairs: pd.DataFrame) -> list[str]:
    """Which of the shapes that carry a name are slower, in their worst direction."""
    named = pairs[pairs["name"] != ""]
    if named.empty:
        return []
    count = named["name"].nunique()
    slower = named[named["verdict"] == verdicts.SLOWER].sort_values("ratio", ascending=False)
    if len(slower):
        worst = slower.drop_duplicates("name").to_dict("records")
        return [
            f"Named shapes slower in some direction, {len(worst)} of {count}, at worst: "
            f"{'; '.join(_describe_worst(worst))}."
        ]
    if (named["verdict"] == verdicts.UNDECIDED).any():
        return [
            f"None of the {count} named shapes is called slower in any direction{_write_undecided(named)}."
        ]
    return [f"None of the {count} named shapes is slower in any direction."]


def _describe_worst(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each named shape with its ratio; the last ones only counted where they are many."""
    parts = [
        f"{row['name']}, {row['direction']} {format_speed(row['ratio'], row['low'], row['high'])}"
        for row in rows
    ]
    # "1 more" would be no shorter than its name.
    if len(parts) <= _NAMED_SHAPES + 1:
        return parts
    return [*parts[:_NAMED_SHAPES], f"{len(parts) - _NAMED_SHAPES} more"]


def _write_borders(plane: pd.DataFrame) -> list[str]:
    """Where slower ends and faster begins on the plane of channels and kernel sizes, by mode."""
    sentences = []
    for (device, dtype, mode), panel in plane.groupby(["device", "dtype", "mode"], sort=False):
        parts = []
        for direction in DIRECTIONS:
            cells = panel[panel["direction"] == direction]
            if len(cells):
                parts.append(f"{direction} {_describe_border(cells)}")
        kernels = join_words(_format_sizes(panel["kernel_size"]))
        channels = sorted(set(panel["in_channels"]))
        span = f"{channels[0]} to {channels[-1]}" if len(channels) > 1 else f"{channels[0]}"
        sentences.append(
            f"Over {span} channels and kernels {kernels} ({mode}, {dtype}, {device}): {'; '.join(parts)}."
        )
    return sentences


def _describe_border(cells: pd.DataFrame) -> str:
    """Where the layer is slower, and from how many channels on it is always faster."""
    is_undecided = cells["verdict"] == verdicts.UNDECIDED
    text = _describe_slower_cells(cells)
    always_faster = _find_always_faster(cells)
    if always_faster is not None:
        return f"{text}, faster with every kernel from {always_faster} on"
    if is_undecided.all():
        return text
    return f"{text}, and not called faster with every kernel at the most channels"


def _describe_slower_cells(cells: pd.DataFrame) -> str:
    slower = cells[cells["verdict"] == verdicts.SLOWER]
    undecided = _write_undecided(cells)
    if slower.empty:
        return f"nowhere called slower{undecided}" if undecided else "nowhere slower"
    parts = [
        f"{channels} ({', '.join(_format_sizes(rows['kernel_size']))})"
        for channels, rows in slower.groupby("in_channels")
    ]
    return f"slower at {join_words(parts)}{undecided}"


def _find_always_faster(cells: pd.DataFrame) -> int | None:
    """The fewest channels from which on the layer is faster with every kernel; ``None`` without any."""
    found = None
    for channels, rows in sorted(cells.groupby("in_channels"), reverse=True):
        if set(rows["verdict"]) != {verdicts.FASTER}:
            break
        found = channels
    return found


def _write_turning_settings(centre: pd.Series | None, arms: pd.DataFrame) -> list[str]:
    """Single settings that make the layer slower where the shape they start from is known not to be."""
    if centre is None:
        return []
    starts = arms[arms["is_centre"]].drop_duplicates("direction").set_index("direction")["verdict"]
    changed = arms[~arms["is_centre"] & (arms["verdict"] == verdicts.SLOWER)]
    changed = changed[changed["direction"].map(starts).isin([verdicts.FASTER, verdicts.SAME])]
    # The plane has these.
    changed = changed[~changed["axis"].isin(["channels", "kernel size"])]
    if changed.empty:
        return []
    worst = changed.sort_values("ratio", ascending=False).drop_duplicates(["axis", "value"])
    parts = [
        f"{row['axis']} {row['value']}, {row['direction']} "
        f"{format_speed(row['ratio'], row['low'], row['high'])}"
        for row in worst.to_dict("records")
    ]
    return [
        f"Starting from {describe_shape(centre)}, single settings that make it slower: {'; '.join(parts)}."
    ]


def _write_promise(pairs: pd.DataFrame, centre: pd.Series | None) -> str:
    """What FLOPs promise against what arrives, at the centre or, without one, over all."""
    if centre is not None:
        return _write_promise_at(pairs, centre)
    promised, measured = pairs["promised"].median(), pairs["ratio"].median()
    return (
        f"FLOPs promise that it is {format_speed(promised)} (median of all comparisons); "
        f"measured, it is {format_speed(measured)}."
    )


def _write_promise_at(pairs: pd.DataFrame, centre: pd.Series) -> str:
    names = ["shape", "mode", "dtype", "device"]
    rows = pairs[(pairs[names] == centre[names]).all(axis=1)]
    rows = rows.sort_values("direction", key=lambda column: column.map(DIRECTIONS.index)).to_dict("records")
    parts = [f"{row['direction']} {format_speed(row['ratio'], row['low'], row['high'])}" for row in rows]
    promised = list(dict.fromkeys(format_number(1 / row["promised"]) for row in rows))
    return (
        f"At {describe_shape(centre)} ({centre['mode']}, {centre['dtype']}): {'; '.join(parts)}. "
        f"FLOPs promise {' to '.join(promised)} times as fast."
    )


def _write_extremes(pairs: pd.DataFrame) -> str:
    best, worst = pairs.loc[pairs["ratio"].idxmin()], pairs.loc[pairs["ratio"].idxmax()]
    return (
        f"The extremes: {format_speed(best['ratio'], best['low'], best['high'])} at {best['pair']}, "
        f"{format_speed(worst['ratio'], worst['low'], worst['high'])} at {worst['pair']}."
    )


def _format_sizes(sizes: Iterable[tuple[int, int]]) -> list[str]:
    """Kernel sizes as they are written, each once, the smallest first."""
    return ["×".join(map(str, size)) for size in sorted(set(sizes))]
