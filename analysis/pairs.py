"""Rows -> one row a comparison: SeparableConv2D against Conv2D."""

from __future__ import annotations

import re

import pandas as pd

from analysis import roofline, stats, verdicts
from analysis.results import Results
from bench.cases import DENSE_OF, DIRECTIONS, FIELDS, ConvCase

#: What identifies a comparison: every field of its cases but the layer.
SETTINGS = tuple(name for name in FIELDS if name != "layer")
_OF_LAYERS = (
    *("seconds", "flops", "bytes", "flops_per_second", "bytes_per_second", "limit_seconds", "of_limit"),
    "call_share",
)


def noise(results: Results, case: ConvCase, replicates: int) -> float:
    """The noise that a comparison like ``case``, measured so often, is judged by.

    From the controls on its device and in its mode or, where there are none, from all.
    """
    controls = results.layers[results.layers["control_ratio"].notna()]
    alike = controls[(controls["device"] == case.device) & (controls["mode"] == case.mode)]
    return verdicts.noise((alike if len(alike) else controls)["control_ratio"], replicates)


def estimate(rows: pd.DataFrame, scale: float = 1.0) -> stats.Estimate:
    """The ratio of one comparison, from ``ratio`` and ``ratios`` of ``rows``, a row a run; times ``scale``.

    From one run, the median of its turns; from several, one ratio a run, since runs are what varies.
    """
    if len(rows) == 1:
        return stats.median([scale * ratio for ratio in rows.iloc[0]["ratios"]])
    return stats.geometric_mean(scale * rows["ratio"])


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
    rows = [
        _row(group, results)
        for _, group in layers.groupby("pair", sort=False)
        if group["layer"].isin(list(DENSE_OF)).any() and group["layer"].isin(list(DENSE_OF.values())).any()
    ]
    return pd.DataFrame(sorted(rows, key=_natural_order))


def _natural_order(row: dict[str, object]) -> tuple:
    """Names with their numbers as numbers; then everything as it reads, directions as they happen."""
    name = [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", row["name"])]
    settings = [row[key] for key in SETTINGS if key != "direction"]
    return (name, *settings, DIRECTIONS.index(row["direction"]))


def _row(group: pd.DataFrame, results: Results) -> dict[str, object]:
    separable = group[group["layer"].isin(list(DENSE_OF))]
    dense = group[~group.index.isin(separable.index)]
    case = separable.iloc[0]["case"]
    ratio = estimate(separable)
    threshold = noise(results, case, replicates=len(separable))
    verdict = verdicts.judge(ratio, threshold)
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
