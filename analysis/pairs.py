"""Rows -> one row a comparison: SeparableConv2D against Conv2D."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import geometric_mean, median
from typing import Any

import pandas as pd

from analysis import roofline, stats, verdicts
from analysis.results import Results
from analysis.verdicts import Verdict
from bench.cases import DENSE_OF, DIRECTIONS, FIELDS, ConvCase

#: What identifies a comparison: every field of its cases but the layer.
SETTINGS = tuple(name for name in FIELDS if name != "layer")
#: Fewer controls of one kind say little about their 95th percentile.
_ENOUGH_CONTROLS = 5
#: What noise may depend on: device and mode.
_Kind = tuple[str, str]
#: What was measured of one case, a row a run.
Rows = Sequence[Mapping[str, Any]]
_OF_LAYERS = (
    *("seconds", "flops", "bytes", "flops_per_second", "bytes_per_second", "limit_seconds", "of_limit"),
    "call_share",
)


class Noise:
    """What the controls among ``layers`` (each as ``Results.layers``) show, by device and mode.

    An average over n runs is judged by averages of n runs of a control, for what varies between processes
    averages out in both alike.
    """

    def __init__(self, *layers: pd.DataFrame) -> None:
        tables = [table[table["control_ratio"].notna()] for table in layers]
        #: The ratios of each control's runs.
        self._controls: dict[_Kind, list[list[float]]] = {}
        for table in tables:
            for (device, mode, _), rows in table.groupby(["device", "mode", "id"], sort=False):
                self._controls.setdefault((device, mode), []).append(list(rows["control_ratio"]))
        self._known: dict[tuple[_Kind, int], float] = {}

    def of(self, case: ConvCase, replicates: int) -> float:
        """The noise that a comparison like ``case``, measured so often, is judged by.

        From the controls on its device and in its mode; where there are too few for a percentile, never less
        than from all.
        """
        key = ((case.device, case.mode), replicates)
        if key not in self._known:
            samples = [_averages(self._controls.get(key[0], ()), replicates)]
            if len(samples[0]) < _ENOUGH_CONTROLS:
                samples.append(_averages(chain(*self._controls.values()), replicates))
            self._known[key] = max(verdicts.noise(sample, replicates) for sample in samples)
        return self._known[key]


def _averages(controls: Iterable[Sequence[float]], runs: int) -> list[float]:
    """Of each control, averages over so many of its runs, each run in one; over all where it has fewer."""
    return [
        geometric_mean(ratios[first : first + runs])
        for ratios in controls
        for first in range(0, max(len(ratios) - runs, 0) + 1, runs)
    ]


def judge(
    groups: Sequence[Rows], noises: Sequence[float], scales: Sequence[float] | None = None
) -> list[tuple[stats.Estimate, Verdict]]:
    """The ratio of each comparison and its verdict, all judged together.

    A group has a row a run, with ``ratio`` and the ``ratios`` of its turns; ``scales`` are factors on
    them. From one run, the median of its turns is taken; from several, one ratio a run, since runs are
    what varies.
    """
    scaled = list(zip(groups, noises, scales or [1.0] * len(groups), strict=True))
    several = [(rows, scale) for rows, _, scale in scaled if len(rows) > 1]
    changes = iter(
        stats.changes(
            [[math.log(scale * row["ratio"]) for row in rows] for rows, scale in several],
            [[row["run"] for row in rows] for rows, _ in several],
        )
    )
    found, p_values = [], []
    for rows, noise, scale in scaled:
        if len(rows) > 1:
            change = next(changes)
            found.append(change.ratio())
            p_values.append(change.p)
        else:
            turns = [scale * ratio for ratio in rows[0]["ratios"]]
            found.append(stats.median(turns))
            # What one run cannot see is in the noise, so that it is what must be exceeded.
            p_values.append(stats.beyond(turns, noise))
    rates = stats.false_discovery_rates(p_values)
    return [
        (ratio, verdicts.judge(ratio, noise, rate, len(rows)))
        for rows, ratio, noise, rate in zip(groups, found, noises, rates, strict=True)
    ]


def table(results: Results) -> pd.DataFrame:
    """One row a comparison that has both layers.

    Columns: ``pair``, ``dense_case`` and ``separable_case``, ``name``, ``shape`` and the comparison's
    settings; ``ratio`` (separable time over dense time) with ``low`` and ``high`` of its 95 %
    interval, ``replicates``; ``verdict``, its ``reason`` and the ``noise`` it was judged by;
    ``promised`` (the ratio of FLOPs); for each of ``dense`` and ``separable``, what
    ``roofline.limited`` knows of it as ``dense_seconds`` and so on; ``settled``, ``contaminated``.
    """
    layers = roofline.limited(results)
    layers = layers[layers["ratio"].notna()]
    both: dict[str, tuple[list, list]] = {}
    for row in layers.to_dict("records"):
        both.setdefault(row["pair"], ([], []))[row["layer"] in DENSE_OF].append(row)
    pairs = [(dense, separable) for dense, separable in both.values() if dense and separable]
    noise = Noise(results.layers)
    noises = [noise.of(separable[0]["case"], len(separable)) for _, separable in pairs]
    judged = judge([separable for _, separable in pairs], noises)
    rows = [
        _row(dense, separable, *verdict, threshold)
        for (dense, separable), verdict, threshold in zip(pairs, judged, noises, strict=True)
    ]
    return pd.DataFrame(sorted(rows, key=_natural_order))


def _natural_order(row: dict[str, object]) -> tuple:
    """Names with their numbers as numbers; then everything as it reads, directions as they happen."""
    name = [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", row["name"])]
    settings = [row[key] for key in SETTINGS if key != "direction"]
    return (name, *settings, DIRECTIONS.index(row["direction"]))


def _row(
    dense: Rows, separable: Rows, ratio: stats.Estimate, verdict: Verdict, threshold: float
) -> dict[str, object]:
    case = separable[0]["case"]
    row = {
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
