"""Ratios of many comparisons -> verdicts, by the noise that controls show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import geometric_mean
from typing import Any, Protocol

import pandas as pd

from analysis.statistics import verdicts
from analysis.statistics.discoveries import compute_sign_test_p, control_false_discoveries
from analysis.statistics.estimates import Estimate, estimate_median
from analysis.statistics.moderation import estimate_log_ratios
from analysis.statistics.verdicts import Verdict
from bench.contract.thresholds import ENOUGH_CONTROLS

#: What noise may depend on: device and mode.
_Kind = tuple[str, str]
#: What was measured of one case or network, a row a run.
Rows = Sequence[Mapping[str, Any]]


class Measured(Protocol):
    """What was measured somewhere: a case or a network."""

    @property
    def device(self) -> str: ...
    @property
    def mode(self) -> str: ...


class ControlNoise:
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

    def estimate(self, measured: Measured, replicates: int) -> float:
        """The noise that a comparison like ``measured``, made so often, is judged by.

        From the controls on its device and in its mode; where there are too few for a percentile, never less
        than from all.
        """
        key = ((measured.device, measured.mode), replicates)
        if key not in self._known:
            samples = [_average_runs(self._controls.get(key[0], ()), replicates)]
            if len(samples[0]) < ENOUGH_CONTROLS:
                samples.append(_average_runs(chain(*self._controls.values()), replicates))
            self._known[key] = max(verdicts.estimate_noise(sample, replicates) for sample in samples)
        return self._known[key]


def _average_runs(controls: Iterable[Sequence[float]], runs: int) -> list[float]:
    """Of each control, averages over so many of its runs, each run in one; over all where it has fewer."""
    return [
        geometric_mean(ratios[first : first + runs])
        for ratios in controls
        for first in range(0, max(len(ratios) - runs, 0) + 1, runs)
    ]


def judge_ratios(
    groups: Sequence[Rows], noises: Sequence[float], scales: Sequence[float] | None = None
) -> list[tuple[Estimate, Verdict]]:
    """The ratio of each comparison and its verdict, all judged together.

    A group has a row a run, with ``ratio`` and the ``ratios`` of its turns; ``scales`` are factors on
    them. From one run, the median of its turns is taken; from several, one ratio a run, since runs are
    what varies.
    """
    scales = scales or [1.0] * len(groups)
    ratios, p_values = _estimate_ratios(groups, noises, scales)
    rates = control_false_discoveries(p_values)
    return [
        (ratio, verdicts.judge(ratio, noise, rate, len(rows)))
        for rows, ratio, noise, rate in zip(groups, ratios, noises, rates, strict=True)
    ]


def _estimate_ratios(
    groups: Sequence[Rows], noises: Sequence[float], scales: Sequence[float]
) -> tuple[list[Estimate], list[float]]:
    """The ratio of each group, and the p-value of there being a difference."""
    several = [place for place, rows in enumerate(groups) if len(rows) > 1]
    log_ratios = estimate_log_ratios(
        [[math.log(scales[place] * row["ratio"]) for row in groups[place]] for place in several],
        [[row["run"] for row in groups[place]] for place in several],
    )
    by_place = dict(zip(several, log_ratios, strict=True))
    ratios, p_values = [], []
    for place, rows in enumerate(groups):
        if place in by_place:
            ratios.append(by_place[place].compute_ratio())
            p_values.append(by_place[place].p)
        else:
            turns = [scales[place] * ratio for ratio in rows[0]["ratios"]]
            ratios.append(estimate_median(turns))
            # What one run cannot see is in the noise, so that it is what must be exceeded.
            p_values.append(compute_sign_test_p(turns, noises[place]))
    return ratios, p_values
