"""Rows -> one row a comparison: SeparableConv2D against Conv2D."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any

import pandas as pd

from analysis.limits import roofline
from analysis.pairs.judging import ControlNoise, Rows, judge_ratios
from analysis.results.tables import Results
from analysis.statistics.estimates import Estimate
from analysis.statistics.verdicts import Verdict
from bench.contract.cases import DENSE_OF, DIRECTIONS, FIELDS

#: What identifies a comparison: every field of its cases but the layer.
SETTINGS = tuple(name for name in FIELDS if name != "layer")
_OF_LAYERS = (
    "seconds",
    "flops",
    "bytes",
    "flops_per_second",
    "bytes_per_second",
    "limit_seconds",
    "of_limit",
    "call_share",
)


def tabulate_pairs(results: Results) -> pd.DataFrame:
    """One row a comparison that has both layers.

    Columns: ``pair``, ``dense_case`` and ``separable_case``, ``name``, ``shape`` and the comparison's
    settings; ``ratio`` (separable time over dense time) with ``low`` and ``high`` of its 95 %
    interval, ``replicates``; ``verdict``, its ``reason`` and the ``noise`` it was judged by;
    ``promised`` (the ratio of FLOPs); for each of ``dense`` and ``separable``, what
    ``roofline.limit_layers`` knows of it as ``dense_seconds`` and so on; ``settled``, ``contaminated``.
    """
    layers = roofline.limit_layers(results)
    layers = layers[layers["ratio"].notna()]
    dense: dict[str, list[dict[str, Any]]] = defaultdict(list)
    separable: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in layers.to_dict("records"):
        side = separable if row["layer"] in DENSE_OF else dense
        side[row["pair"]].append(row)
    pairs = [pair for pair in dict.fromkeys(layers["pair"]) if pair in dense and pair in separable]
    noise = ControlNoise(results.layers)
    noises = [noise.estimate(separable[pair][0]["case"], len(separable[pair])) for pair in pairs]
    judged = judge_ratios([separable[pair] for pair in pairs], noises)
    rows = []
    for pair, (ratio, verdict), threshold in zip(pairs, judged, noises, strict=True):
        rows.append(_build_row(dense[pair], separable[pair], ratio, verdict, threshold))
    return pd.DataFrame(sorted(rows, key=_order_naturally))


def _order_naturally(row: Mapping[str, Any]) -> tuple:
    """Names with their numbers as numbers; then everything as it reads, directions as they happen."""
    name = [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", row["name"])]
    settings = [row[key] for key in SETTINGS if key != "direction"]
    return (name, *settings, DIRECTIONS.index(row["direction"]))


def _build_row(
    dense: Rows, separable: Rows, ratio: Estimate, verdict: Verdict, threshold: float
) -> dict[str, Any]:
    case = separable[0]["case"]
    row: dict[str, Any] = {
        "pair": separable[0]["pair"],
        "dense_case": dense[0]["case"],
        "separable_case": case,
        "name": separable[0]["name"],
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
        "settled": all(one["settled"] for one in (*dense, *separable)),
        "contaminated": any(one["contaminated"] for one in (*dense, *separable)),
    }
    for word, rows in (("dense", dense), ("separable", separable)):
        row[f"{word}_bound_by"] = rows[0]["bound_by"]
        row |= {f"{word}_{name}": float(median(one[name] for one in rows)) for name in _OF_LAYERS}
    row["promised"] = row["separable_flops"] / row["dense_flops"]
    return row
