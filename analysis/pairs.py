"""Rows -> one row a comparison: SeparableConv2D against Conv2D."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import roofline, stats, verdicts
from analysis.results import Results
from analysis.verdicts import Verdict
from bench.cases import DENSE_OF, DIRECTIONS, FIELDS, ConvCase

#: What identifies a comparison: every field of its cases but the layer.
SETTINGS = tuple(name for name in FIELDS if name != "layer")
_OF_LAYERS = (
    *("seconds", "flops", "bytes", "flops_per_second", "bytes_per_second", "limit_seconds", "of_limit"),
    "call_share",
)


def noise(layers: pd.DataFrame, case: ConvCase, replicates: int) -> float:
    """The noise that a comparison like ``case``, measured so often, is judged by.

    From the controls among ``layers`` (``Results.layers``) on its device and in its mode or, where there
    are none, from all.
    """
    controls = layers[layers["control_ratio"].notna()]
    alike = controls[(controls["device"] == case.device) & (controls["mode"] == case.mode)]
    return verdicts.noise((alike if len(alike) else controls)["control_ratio"], replicates)


def judge(
    groups: Sequence[pd.DataFrame], noises: Sequence[float], scales: Sequence[float] | None = None
) -> list[tuple[stats.Estimate, Verdict]]:
    """The ratio of each comparison and its verdict, all judged together.

    A group has a row a run, with ``ratio`` and the ``ratios`` of its turns; ``scales`` are factors on
    them. From one run, the median of its turns is taken; from several, one ratio a run, since runs are
    what varies.
    """
    scaled = list(zip(groups, noises, scales or [1.0] * len(groups), strict=True))
    several = [np.log(scale * group["ratio"].to_numpy(float)) for group, _, scale in scaled if len(group) > 1]
    changes = iter(stats.changes(several))
    found, p_values = [], []
    for group, noise, scale in scaled:
        if len(group) > 1:
            change = next(changes)
            found.append(change.ratio())
            p_values.append(change.p)
        else:
            turns = [scale * ratio for ratio in group.iloc[0]["ratios"]]
            found.append(stats.median(turns))
            # What one run cannot see is in the noise, so that it is what must be exceeded.
            p_values.append(stats.beyond(turns, noise))
    rates = stats.false_discovery_rates(p_values)
    return [
        (ratio, verdicts.judge(ratio, noise, rate))
        for ratio, noise, rate in zip(found, noises, rates, strict=True)
    ]


def table(results: Results) -> pd.DataFrame:
    """One row a comparison that has both layers.

    Columns: ``pair``, ``dense_case`` and ``separable_case``, ``name``, ``shape`` and the comparison's
    settings; ``ratio`` (separable time over dense time) with ``low`` and ``high`` of its 95 %
    interval, ``replicates``; ``verdict``, its ``reason`` and the ``noise`` it was judged by;
    ``promised`` (the ratio of FLOPs); for each of ``dense`` and ``separable``, what
    ``roofline.with_limits`` knows of it as ``dense_seconds`` and so on; ``settled``, ``contaminated``.
    """
    layers = results.layers[results.layers["ratio"].notna()]
    layers = roofline.with_limits(layers, roofline.ceilings(results.ceilings))
    groups = [
        group
        for _, group in layers.groupby("pair", sort=False)
        if group["layer"].isin(list(DENSE_OF)).any() and group["layer"].isin(list(DENSE_OF.values())).any()
    ]
    separable = [group[group["layer"].isin(list(DENSE_OF))] for group in groups]
    noises = [noise(results.layers, rows.iloc[0]["case"], len(rows)) for rows in separable]
    rows = [
        _row(group, ratio, verdict, threshold)
        for group, (ratio, verdict), threshold in zip(groups, judge(separable, noises), noises, strict=True)
    ]
    return pd.DataFrame(sorted(rows, key=_natural_order))


def _natural_order(row: dict[str, object]) -> tuple:
    """Names with their numbers as numbers; then everything as it reads, directions as they happen."""
    name = [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", row["name"])]
    settings = [row[key] for key in SETTINGS if key != "direction"]
    return (name, *settings, DIRECTIONS.index(row["direction"]))


def _row(group: pd.DataFrame, ratio: stats.Estimate, verdict: Verdict, threshold: float) -> dict[str, object]:
    separable = group[group["layer"].isin(list(DENSE_OF))]
    dense = group[~group.index.isin(separable.index)]
    case = separable.iloc[0]["case"]
    row = {
        "pair": separable.iloc[0]["pair"],
        "dense_case": dense.iloc[0]["case"],
        "separable_case": case,
        "name": separable.iloc[0]["name"],
        "shape": case.shape,
        "is_1d": case.is_1d,
        **{name: getattr(case, name) for name in SETTINGS},
        "activation": case.activation or "linear",
        "ratio": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "replicates": len(separable),
        "verdict": verdict.word,
        "reason": verdict.reason,
        "noise": threshold,
        "settled": bool(group["settled"].all()),
        "contaminated": bool(group["contaminated"].any()),
    }
    for word, rows in (("dense", dense), ("separable", separable)):
        row[f"{word}_bound_by"] = rows.iloc[0]["bound_by"]
        row |= {f"{word}_{name}": float(rows[name].median()) for name in _OF_LAYERS}
    row["promised"] = row["separable_flops"] / row["dense_flops"]
    return row
