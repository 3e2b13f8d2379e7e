"""What was measured of one case in two environments -> how sure a change is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.pairs.judging import Rows
from analysis.statistics import verdicts
from analysis.statistics.discoveries import control_false_discoveries
from analysis.statistics.estimates import CONFIDENCE
from analysis.statistics.moderation import LogRatio, estimate_log_differences, estimate_log_ratios

#: How many more runs are worth naming.
_MOST_RUNS = 1000


@dataclass(frozen=True)
class Sample:
    """Logarithms of what was measured of one case, by run: of ratios where ``paired``, else of seconds."""

    paired: bool
    values: dict[Hashable, float]
    bases: dict[Hashable, float]

    @property
    def runs(self) -> int:
        """As many as each side has, or fewer on one of them."""
        return len(self.values) if self.paired else min(len(self.values), len(self.bases))


def _in_pairs(base: Rows, new: Rows) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Runs whose turns were the same; of the others those of one replicate, where that is one of each side.

    Campaigns of the same name number their replicates alike, so that a replicate alone does not tell.
    """
    found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for key in ("together", "turns_with"):
        matched = {row["run"] for row, _ in found}, {row["run"] for _, row in found}
        one, other = (
            _by_unique(key, [row for row in side if row["run"] not in runs])
            for side, runs in zip((base, new), matched, strict=True)
        )
        found += [(row, other[value]) for value, row in one.items() if value in other]
    return found


def _by_unique(key: str, rows: Rows) -> dict[Hashable, Mapping[str, Any]]:
    """The rows by what they have as ``key``, where it is theirs alone."""
    counts = Counter(row[key] for row in rows)
    return {row[key]: row for row in rows if row[key] and counts[row[key]] == 1}


def take_sample(base: Rows, new: Rows) -> Sample:
    together = _in_pairs(base, new)
    # Pairs say more than groups, but not one pair more than ten runs.
    if together and len(together) == min(len(base), len(new)):
        return Sample(True, {new["run"]: _log_ratio(base, new) for base, new in together}, {})
    # The two sides number their runs each for itself.
    logs = [
        {(side, row["run"]): math.log(row["seconds"]) for row in rows}
        for side, rows in (("new", new), ("base", base))
    ]
    return Sample(False, *logs)


def _log_ratio(base: Mapping[str, Any], new: Mapping[str, Any]) -> float:
    """Of two runs that took turns: the median over the turns, where all were the same."""
    same = base["together"] and base["together"] == new["together"]
    if same and len(base["turns"]) == len(new["turns"]):
        return float(np.median(np.log(np.array(new["turns"]) / np.array(base["turns"]))))
    return math.log(new["seconds"] / base["seconds"])


def judge_samples(samples: list[Sample], noises: list[float]) -> list[dict[str, Any]]:
    found = _changes(samples)
    p_values = [change.p for change in found]
    rates = control_false_discoveries(p_values)
    discoveries = rates <= verdicts.FALSE_DISCOVERIES
    judged = []
    for sample, change, noise, rate in zip(samples, found, noises, rates, strict=True):
        ratio = change.ratio()
        verdict = verdicts.judge(ratio, noise, rate)
        # So small a p would make it a discovery, given all others.
        others = int(discoveries.sum()) - int(rate <= verdicts.FALSE_DISCOVERIES)
        least_p = verdicts.FALSE_DISCOVERIES * min(1.0, (others + 1) / len(samples))
        judged.append(
            {
                "ratio": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "verdict": verdict.word,
                "reason": verdict.code,
                "p": change.p,
                "false_discovery_rate": float(rate),
                "noise": noise,
                "detectable": max(noise, _expm1(change.reach(1 - least_p))),
                "needs": _needs(change, noise, least_p, sample.paired)
                if verdict.word == verdicts.UNDECIDED
                else math.nan,
            }
        )
    return judged


def _changes(samples: list[Sample]) -> list[LogRatio]:
    """In the order of ``samples``; pairs and groups vary differently, so that each inform their own kind."""
    matched, groups = ([sample for sample in samples if sample.paired is kind] for kind in (True, False))
    paired = iter(
        estimate_log_ratios(
            [list(one.values.values()) for one in matched], [list(one.values) for one in matched]
        )
    )
    grouped = iter(
        estimate_log_differences(
            [list(one.values.values()) for one in groups],
            [list(one.bases.values()) for one in groups],
            [list(one.values) for one in groups],
            [list(one.bases) for one in groups],
        )
    )
    return [next(paired if sample.paired else grouped) for sample in samples]


def _needs(change: LogRatio, noise: float, least_p: float, paired: bool) -> float:
    """How many more runs of each would decide, if they went on like these; NaN where none would.

    A mean beyond the noise must be told from no change, one that may be the same must have an interval within
    the margin of that; nothing is decided between the two.
    """
    if not change.degrees:
        # Nothing is known of how runs vary; two are the fewest that show it.
        return float(max(1, 2 - change.values))
    size, margin = abs(change.value), math.log1p(verdicts.same_margin(2))
    if size > math.log1p(noise):
        confidence, room = 1 - least_p, size
    elif size <= math.log1p(verdicts.LEAST_NOISE) and noise <= verdicts.same_margin(2):
        confidence, room = CONFIDENCE, margin - size
    else:
        return math.nan
    for more in range(1, _MOST_RUNS):
        if change.with_more(more, degrees_each=1 if paired else 2).reach(confidence) < room:
            return float(more)
    return math.nan


def _expm1(value: float) -> float:
    return math.expm1(value) if value < 100 else math.inf
