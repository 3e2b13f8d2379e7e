"""Comparisons -> the answer in plain sentences, most important first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from analysis.pairs.planes_and_arms import Sweeps
from analysis.pairs.remedies import DENSE_INSTEAD, HARMS, HELPS, NO_HELP
from analysis.reasons.explanation import Explained
from analysis.reasons.findings import UNEXPLAINED
from analysis.statistics import verdicts
from analysis.wording import number, speed
from bench.contract.cases import DIRECTIONS

#: Reasons and remedies that a sentence names; the sections have all.
_NAMED = 4


def write_answer(pairs: pd.DataFrame, sweeps: Sweeps) -> list[str]:
    """What the comparisons in ``pairs`` (see ``tabulate_pairs``) say, as sentences with numbers.

    The first answers the question; the rest say where the border runs, what a single setting
    changes and what became of the promise of the FLOPs. Without comparisons, one sentence says so.
    """
    if pairs.empty:
        return [
            "Nothing here compares SeparableConv2D with Conv2D in lock-step: measure both layers of a shape, "
            "without --in-turn."
        ]
    return [
        _how_many(pairs),
        *_border(sweeps.plane),
        *_turning(sweeps.centre, sweeps.arms),
        *_named(pairs),
        *_promise(pairs, sweeps.centre),
        *_extremes(pairs),
    ]


def order_sentences(compared: Sequence[str], reasons: Sequence[str], to_do: Sequence[str]) -> list[str]:
    """Is it, why, and what to do, in the first three sentences; then the rest, the border first."""
    return [*compared[:1], *reasons[:1], *to_do[:1], *compared[1:], *reasons[1:], *to_do[1:]]


def write_reasons(explained: Explained) -> list[str]:
    """What the traces show where the layer is slower: each reason with how often it was found."""
    slower = [one for one in explained.pairs if one.verdict == verdicts.SLOWER]
    if not slower:
        return []
    own = [
        {finding.code: finding.title for finding in one.findings if finding.layer == one.separable.layer}
        for one in slower
    ]
    unexplained = sum(UNEXPLAINED in codes for codes in own)
    reasons = Counter(title for codes in own for code, title in codes.items() if code != UNEXPLAINED)
    often = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{title} ({count})" for title, count in often[:_NAMED]]
    rarer = [f"{len(often) - _NAMED} rarer reasons"] if len(often) > _NAMED else []
    parts = [f"SeparableConv2D's time goes to {_listed([*named, *rarer])}"] if often else []
    parts += [f"in {unexplained} some kernel is slow and nothing captured says why"] if unexplained else []
    if not parts:
        return []
    return [f"Why: in the {len(slower)} comparisons that are slower and were traced, {'; '.join(parts)}."]


def write_remedies(gains: pd.DataFrame) -> list[str]:
    """What helped, and what did not."""
    tried = gains[gains["name"] != DENSE_INSTEAD]
    helped = tried[tried["verdict"] == HELPS]
    useless = tried[tried["verdict"].isin([NO_HELP, HARMS])]
    found = []
    if len(helped):
        found.append(f"What helps, measured here: {_with_gains(helped)}.")
    if len(useless):
        found.append(f"What does not help here: {_with_gains(useless)}.")
    return found


def _with_gains(tried: pd.DataFrame) -> str:
    """The first few remedies, each with where and what it gained."""
    parts = [f"{row['name']} ({row['case_id']}) {speed(1 / row['gain'])}" for _, row in tried.iterrows()]
    more = [f"and {len(parts) - _NAMED} more, below"] if len(parts) > _NAMED else []
    return "; ".join([*parts[:_NAMED], *more])


def describe_shape(row: pd.Series) -> str:
    """A comparison's shape: ``batch 8, 32×32, 64 channels to 64 filters, kernel 3×3``."""
    options = row["shape"].split("-")[3:]
    size = f"{row['width']}" if row["is_1d"] else f"{row['height']}×{row['width']}"
    text = (
        f"batch {row['batch']}, {size}, {row['in_channels']} channels to {row['filters']} filters, "
        f"kernel {'×'.join(map(str, row['kernel_size']))}"
    )
    return f"{text} ({', '.join(options)})" if options else text


def _how_many(pairs: pd.DataFrame) -> str:
    counts = pairs["verdict"].value_counts()
    slower = int(counts.get(verdicts.SLOWER, 0))
    others = [
        f"{words} in {int(counts[verdict])}"
        for verdict, words in (
            (verdicts.FASTER, "faster"),
            (verdicts.SAME, "about the same"),
            (verdicts.UNDECIDED, "undecided"),
        )
        if counts.get(verdict)
    ]
    where = []
    for mode, rows in pairs.groupby("mode", sort=False):
        slow = rows[rows["verdict"] == verdicts.SLOWER]
        if len(slow) in (0, len(rows)):
            where.append(f"in {mode} mode {'none' if slow.empty else 'all'} of {len(rows)}{_open(rows)}")
            continue
        measured, slower_ones = rows["direction"].value_counts(), slow["direction"].value_counts()
        by_direction = [
            f"{direction} {slower_ones.get(direction, 0)} of {measured[direction]}"
            for direction in DIRECTIONS
            if direction in measured
        ]
        where.append(f"in {mode} mode {', '.join(by_direction)}{_open(rows)}")
    return (
        f"SeparableConv2D is slower than Conv2D in {slower} of the {len(pairs)} comparisons measured here"
        f"{', ' if others else ''}{_listed(others)}. Slower are {'; '.join(where)}."
    )


def _open(rows: pd.DataFrame) -> str:
    """How many of ``rows`` nobody knows of, where there are any."""
    undecided = int((rows["verdict"] == verdicts.UNDECIDED).sum())
    return f" ({undecided} undecided)" if undecided else ""


def _named(pairs: pd.DataFrame) -> list[str]:
    """Which of the shapes that carry a name are slower, in their worst direction."""
    named = pairs[pairs["name"] != ""]
    slower = named[named["verdict"] == verdicts.SLOWER].sort_values("ratio", ascending=False)
    if named.empty:
        return []
    count = named["name"].nunique()
    if slower.empty and (named["verdict"] == verdicts.UNDECIDED).any():
        return [f"None of the {count} named shapes is called slower in any direction{_open(named)}."]
    if slower.empty:
        return [f"None of the {count} named shapes is slower in any direction."]
    parts = [
        f"{row['name']}, {row['direction']} {speed(row['ratio'], row['low'], row['high'])}"
        for _, row in slower.drop_duplicates("name").iterrows()
    ]
    shown = [*parts[:6], f"{len(parts) - 6} more"] if len(parts) > 7 else parts
    return [f"Named shapes slower in some direction, {len(parts)} of {count}, at worst: {'; '.join(shown)}."]


def _border(plane: pd.DataFrame) -> list[str]:
    """Where slower ends and faster begins on the plane of channels and kernel sizes."""
    found = []
    for (device, dtype, mode), panel in plane.groupby(["device", "dtype", "mode"], sort=False):
        parts = []
        for direction in DIRECTIONS:
            cells = panel[panel["direction"] == direction]
            if len(cells):
                parts.append(f"{direction} {_border_of(cells)}")
        kernels = _listed(_sizes(panel["kernel_size"]))
        channels = sorted(set(panel["in_channels"]))
        span = f"{channels[0]} to {channels[-1]}" if len(channels) > 1 else f"{channels[0]}"
        found.append(
            f"Over {span} channels and kernels {kernels} ({mode}, {dtype}, {device}): {'; '.join(parts)}."
        )
    return found


def _border_of(cells: pd.DataFrame) -> str:
    slower = [
        f"{channels} ({', '.join(_sizes(rows['kernel_size']))})"
        for channels, rows in cells[cells["verdict"] == verdicts.SLOWER].groupby("in_channels")
    ]
    always_faster: list[int] = []
    for channels, rows in sorted(cells.groupby("in_channels"), reverse=True):
        if set(rows["verdict"]) != {verdicts.FASTER}:
            break
        always_faster.insert(0, channels)
    undecided = cells["verdict"] == verdicts.UNDECIDED
    nowhere = f"nowhere called slower{_open(cells)}" if undecided.any() else "nowhere slower"
    text = f"slower at {_listed(slower)}{_open(cells)}" if slower else nowhere
    if always_faster:
        return f"{text}, faster with every kernel from {always_faster[0]} on"
    if undecided.all():
        return text
    return f"{text}, and not called faster with every kernel at the most channels"


def _turning(centre: pd.Series | None, arms: pd.DataFrame) -> list[str]:
    """Single settings that make the layer slower where the shape they start from is known not to be."""
    if centre is None:
        return []
    starts = arms[arms["is_centre"]].drop_duplicates("direction").set_index("direction")["verdict"]
    changed = arms[~arms["is_centre"] & (arms["verdict"] == verdicts.SLOWER)]
    changed = changed[changed["direction"].map(starts).isin([verdicts.FASTER, verdicts.SAME])]
    changed = changed[~changed["axis"].isin(("channels", "kernel size"))]
    if changed.empty:
        return []
    worst = changed.sort_values("ratio", ascending=False)
    parts = [
        f"{row['axis']} {row['value']}, {row['direction']} {speed(row['ratio'], row['low'], row['high'])}"
        for _, row in worst.drop_duplicates(["axis", "value"]).iterrows()
    ]
    return [
        f"Starting from {describe_shape(centre)}, single settings that make it slower: {'; '.join(parts)}."
    ]


def _promise(pairs: pd.DataFrame, centre: pd.Series | None) -> list[str]:
    """What FLOPs promise against what arrives, at the centre or, without one, over all."""
    if centre is None:
        promised, measured = pairs["promised"].median(), pairs["ratio"].median()
        return [
            f"FLOPs promise that it is {speed(promised)} (median of all comparisons); "
            f"measured, it is {speed(measured)}."
        ]
    names = ["shape", "mode", "dtype", "device"]
    rows = pairs[(pairs[names] == centre[names]).all(axis=1)]
    rows = _by_direction(rows)
    parts = [
        f"{row['direction']} {speed(row['ratio'], row['low'], row['high'])}" for _, row in rows.iterrows()
    ]
    promised = list(dict.fromkeys(number(1 / promise) for promise in rows["promised"]))
    return [
        f"At {describe_shape(centre)} ({centre['mode']}, {centre['dtype']}): {'; '.join(parts)}. "
        f"FLOPs promise {' to '.join(promised)} times as fast."
    ]


def _extremes(pairs: pd.DataFrame) -> list[str]:
    best, worst = pairs.loc[pairs["ratio"].idxmin()], pairs.loc[pairs["ratio"].idxmax()]
    return [
        f"The extremes: {speed(best['ratio'], best['low'], best['high'])} at {best['pair']}, "
        f"{speed(worst['ratio'], worst['low'], worst['high'])} at {worst['pair']}."
    ]


def _by_direction(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values("direction", key=lambda column: column.map(DIRECTIONS.index))


def _sizes(pairs_of_sizes: Iterable[tuple[int, int]]) -> list[str]:
    return ["×".join(map(str, size)) for size in sorted(set(pairs_of_sizes))]


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
