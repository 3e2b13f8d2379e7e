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
#: So many pairs say more than any number of runs beside them that took no turns.
_ENOUGH_PAIRS = 3


@dataclass(frozen=True)
class CaseTimes:
    """What was measured of one case, a value a run, by the run.

    Where ``is_paired``, each of ``values`` is the logarithm of a ratio, new over base, of two runs that took
    turns, and there are no ``bases``. Otherwise both are logarithms of seconds.
    """

    is_paired: bool
    values: Mapping[Hashable, float]
    bases: Mapping[Hashable, float]
    #: The runs that it is judged by, of either environment.
    base_rows: Rows = ()
    new_rows: Rows = ()

    @property
    def runs(self) -> int:
        """The runs of each side; of the side that has fewer, where they differ."""
        return len(self.values) if self.is_paired else min(len(self.values), len(self.bases))


def collect_case_times(base: Rows, new: Rows) -> CaseTimes:
    """What the runs of a case, ``base`` in one environment and ``new`` in the other, give to judge by.

    Pairs of runs that took turns, where there are enough of them or every run of one side has a partner; else
    two groups. Pairs say more than groups, but one pair does not say more than ten runs.
    """
    pairs = _pair_runs(base, new)
    if pairs and len(pairs) >= min(len(base), len(new), _ENOUGH_PAIRS):
        ratios = {row["run"]: _compute_log_ratio(partner, row) for partner, row in pairs}
        return CaseTimes(
            is_paired=True,
            values=ratios,
            bases={},
            base_rows=[partner for partner, _ in pairs],
            new_rows=[row for _, row in pairs],
        )
    # The two sides number their runs each for itself, so a number alone does not say which run it is.
    return CaseTimes(
        is_paired=False,
        values={("new", row["run"]): math.log(row["seconds"]) for row in new},
        bases={("base", row["run"]): math.log(row["seconds"]) for row in base},
        base_rows=base,
        new_rows=new,
    )


def _pair_runs(base: Rows, new: Rows) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Runs of ``base`` with their partners in ``new``.

    First those whose turns were the same. Of the others those of the same campaign and replicate, where each
    side has one such run: campaigns of the same name number their replicates alike.
    """
    pairs: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for key in ("together", "turns_with"):
        paired_base = {row["run"] for row, _ in pairs}
        paired_new = {row["run"] for _, row in pairs}
        left_base = _index_unique([row for row in base if row["run"] not in paired_base], key)
        left_new = _index_unique([row for row in new if row["run"] not in paired_new], key)
        pairs += [(row, left_new[value]) for value, row in left_base.items() if value in left_new]
    return pairs


def _index_unique(rows: Rows, key: str) -> dict[Hashable, Mapping[str, Any]]:
    """The rows by what they have as ``key``; without those that lack it or share it."""
    # What is missing in a table may be a number there (NaN), which is no name that two runs share.
    named = [row for row in rows if isinstance(row[key], str | tuple)]
    counts = Counter(row[key] for row in named)
    return {row[key]: row for row in named if counts[row[key]] == 1}


def _compute_log_ratio(base: Mapping[str, Any], new: Mapping[str, Any]) -> float:
    """The logarithm of the ratio of two runs: the median over the turns, where they took the same turns."""
    took_turns = base["together"] and base["together"] == new["together"]
    if took_turns and len(base["turns"]) == len(new["turns"]):
        return float(np.median(np.log(np.array(new["turns"]) / np.array(base["turns"]))))
    return math.log(new["seconds"] / base["seconds"])


def judge_case_times(times_of_cases: list[CaseTimes], noises: list[float]) -> list[dict[str, Any]]:
    """Of each case its ratio and verdict, all judged together; columns as ``Changes.cases`` has them.

    ``noises`` are what each is judged by.
    """
    changes = _estimate_changes(times_of_cases)
    rates = control_false_discoveries([change.p for change in changes])
    discoveries = int((rates <= verdicts.FALSE_DISCOVERIES).sum())
    judged = []
    for times, change, noise, rate in zip(times_of_cases, changes, noises, rates, strict=True):
        # So small a p would make it a discovery, given all others.
        others = discoveries - int(rate <= verdicts.FALSE_DISCOVERIES)
        least_p = verdicts.FALSE_DISCOVERIES * min(1.0, (others + 1) / len(times_of_cases))
        judged.append(_judge_change(times, change, noise, float(rate), least_p))
    return judged


def _judge_change(
    times: CaseTimes, change: LogRatio, noise: float, rate: float, least_p: float
) -> dict[str, Any]:
    ratio = change.compute_ratio()
    verdict = verdicts.judge(ratio, noise, rate)
    needs = math.nan
    if verdict.word == verdicts.UNDECIDED:
        needs = _count_runs_needed(change, noise, least_p, times.is_paired)
    return {
        "ratio": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "verdict": verdict.word,
        "reason_code": verdict.code,
        "p": change.p,
        "false_discovery_rate": rate,
        "noise": noise,
        "detectable": max(noise, _compute_relative_change(change.compute_reach(1 - least_p))),
        "needs": needs,
    }


def _estimate_changes(times_of_cases: list[CaseTimes]) -> list[LogRatio]:
    """In the order of ``times_of_cases``.

    Pairs and groups vary differently, so each kind is estimated by itself.
    """
    paired = [place for place, times in enumerate(times_of_cases) if times.is_paired]
    grouped = [place for place, times in enumerate(times_of_cases) if not times.is_paired]
    log_ratios = estimate_log_ratios(
        [list(times_of_cases[place].values.values()) for place in paired],
        [list(times_of_cases[place].values) for place in paired],
    )
    log_differences = estimate_log_differences(
        [list(times_of_cases[place].values.values()) for place in grouped],
        [list(times_of_cases[place].bases.values()) for place in grouped],
        [list(times_of_cases[place].values) for place in grouped],
        [list(times_of_cases[place].bases) for place in grouped],
    )
    by_place = dict(zip(paired, log_ratios, strict=True)) | dict(zip(grouped, log_differences, strict=True))
    return [by_place[place] for place in range(len(times_of_cases))]


def _count_runs_needed(change: LogRatio, noise: float, least_p: float, is_paired: bool) -> float:
    """How many more runs of each side would decide, if they went on like these; NaN where none would.

    A mean beyond the noise must be told from no change. A mean that may be the same must have an interval
    within the margin of *same*. Nothing is decided between the two.
    """
    if not change.degrees:
        # Nothing is known of how runs vary; two are the fewest that show it.
        return float(max(1, 2 - change.values))
    size, margin = abs(change.value), math.log1p(verdicts.compute_same_margin(2))
    if size > math.log1p(noise):
        confidence, room = 1 - least_p, size
    elif size <= math.log1p(verdicts.LEAST_NOISE) and noise <= verdicts.compute_same_margin(2):
        confidence, room = CONFIDENCE, margin - size
    else:
        return math.nan
    for more in range(1, _MOST_RUNS):
        if change.add_values(more, degrees_each=1 if is_paired else 2).compute_reach(confidence) < room:
            return float(more)
    return math.nan


def _compute_relative_change(log_ratio: float) -> float:
    """Infinite where the ratio would be too large for a number."""
    return math.expm1(log_ratio) if log_ratio < 100 else math.inf
