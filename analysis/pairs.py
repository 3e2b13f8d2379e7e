"""Rows -> one row a comparison: SeparableConv2D against Conv2D."""

from __future__ import annotations

import re

import pandas as pd

from analysis import cost, roofline, stats, verdicts
from analysis.results import Results
from bench.cases import DENSE_OF, DIRECTIONS, FIELDS

#: What identifies a comparison: every field of its cases but the layer.
SETTINGS = tuple(name for name in FIELDS if name != "layer")


def noise(results: Results, replicates: int) -> float:
    """This environment's noise, from the controls of all its runs, for a comparison measured so often."""
    return verdicts.noise(results.layers["control_ratio"].dropna(), replicates)


def table(results: Results) -> pd.DataFrame:
    """One row a comparison that has both layers.

    Columns: ``pair``, ``name``, ``shape`` and the comparison's settings; ``ratio`` (separable time
    over dense time) with ``low`` and ``high`` of its 95 % interval, ``replicates``; ``verdict``, its
    ``reason`` and the ``noise`` it was judged by; ``promised`` (the ratio of FLOPs); for each of
    ``dense`` and ``separable``: ``_seconds``, ``_flops``, ``_bytes``, ``_limit_seconds``,
    ``_bound_by`` and ``_of_limit`` (the share of the limit that was reached; missing without
    ceilings); ``settled``, ``contaminated``.
    """
    devices = roofline.ceilings(results.ceilings)
    layers = results.layers[results.layers["ratio"].notna()]
    rows = [
        _row(group, devices, results)
        for _, group in layers.groupby("pair", sort=False)
        if group["layer"].isin(list(DENSE_OF)).any() and group["layer"].isin(list(DENSE_OF.values())).any()
    ]
    return pd.DataFrame(sorted(rows, key=_natural_order))


def _natural_order(row: dict[str, object]) -> tuple:
    """Names with their numbers as numbers; then everything as it reads, directions as they happen."""
    name = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", row["name"])]
    settings = [str(row[key]) if isinstance(row[key], str) else row[key] for key in SETTINGS[1:]]
    return (name, *settings, DIRECTIONS.index(row["direction"]))


def _row(group: pd.DataFrame, devices: dict[str, roofline.Ceilings], results: Results) -> dict[str, object]:
    separable = group[group["layer"].isin(list(DENSE_OF))]
    dense = group[~group.index.isin(separable.index)]
    case = separable.iloc[0]["case"]
    ratio = _ratio(separable)
    threshold = noise(results, replicates=len(separable))
    verdict = verdicts.judge(ratio, threshold)
    row = {
        "pair": separable.iloc[0]["pair"],
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
        row |= {f"{word}_{key}": value for key, value in _layer(rows, devices).items()}
    row["promised"] = row["separable_flops"] / row["dense_flops"]
    return row


def _ratio(separable: pd.DataFrame) -> stats.Estimate:
    """From one run, the median of its turns; from several, one ratio a run, since runs are what varies."""
    if len(separable) == 1:
        return stats.median(separable.iloc[0]["ratios"])
    return stats.geometric_mean(separable["ratio"])


def _layer(rows: pd.DataFrame, devices: dict[str, roofline.Ceilings]) -> dict[str, object]:
    case, seconds = rows.iloc[0]["case"], float(rows["seconds"].median())
    found = {
        "id": case.id,
        "seconds": seconds,
        "flops": cost.flops(case),
        "bytes": cost.least_bytes(case),
        "limit_seconds": float("nan"),
        "bound_by": "",
    }
    ceilings = devices.get(case.device)
    if ceilings and ceilings.can_judge(case):
        limit = roofline.limit(case, ceilings)
        found |= {"limit_seconds": limit.seconds, "bound_by": limit.bound_by}
    return {**found, "of_limit": found["limit_seconds"] / seconds}
