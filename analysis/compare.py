"""Two environments -> a verdict a case: did it get slower?

The unit is the run, since runs are what varies: tests over the rounds of two runs "find" a change in
half of all cases that have none. Runs that took turns with each other (``bench.campaign``) are compared
in pairs, turn by turn, so that drift of the machine does not pass for a change; others as two groups.
All work is done with logarithms of times, and the variances of all cases inform each other
(``stats.Prior``).
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from analysis import pairs, stats, verdicts
from analysis.results import Results, ResultsError
from analysis.selection import in_words
from analysis.stats import Change
from bench.fingerprint import Difference, differences

#: How many more runs are worth naming.
_MOST_RUNS = 1000


@dataclass(frozen=True)
class Compared:
    """``base`` and ``new`` are environments.

    ``cases`` has a row a case measured in both: ``id``, ``comparison``, ``layer``, ``direction``;
    ``base_seconds`` and ``new_seconds`` (medians over runs); ``ratio`` (new time over base time) with
    ``low`` and ``high`` of its 95 % interval; ``verdict`` of the new one, ``reason`` as a code;
    ``p`` and its ``false_discovery_rate``; ``noise`` it was judged by; ``detectable``, the smallest
    relative change that would have been called one; ``effect_size`` (Cliff's delta of the runs' times, 1:
    every new run slower than every base run); ``base_runs``, ``new_runs``, ``paired``; ``needs``, how many
    more runs of each could bring a verdict where there is none (missing where none could).
    """

    base: Mapping[str, Any]
    new: Mapping[str, Any]
    cases: pd.DataFrame
    only_in_base: list[str]
    only_in_new: list[str]
    #: What was met in the files and left out.
    notes: tuple[str, ...] = ()

    @property
    def differences(self) -> list[Difference]:
        return differences(self.base, self.new)

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing any number."""
        machine = [difference for difference in self.differences if difference.is_of_machine]
        found = [*self.notes]
        if machine:
            found.append(
                f"these are two machines, so every difference may be theirs: {'; '.join(map(str, machine))}"
            )
        if not self.differences:
            found.append("nothing lasting differs between these environments: any difference is noise")
        if len(self.cases) and not self.cases["paired"].all():
            found.append(
                "their runs did not take turns: drift of the machine may pass for a change; "
                "python -m bench.campaign measures them in lock-step"
            )
        return found

    def counts(self) -> dict[str, int]:
        """Cases by verdict."""
        found = self.cases["verdict"].value_counts()
        return {word: int(found.get(word, 0)) for word in verdicts.WORDS}

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it; numbers that do not exist are null."""
        return {
            "base": in_words(self.base),
            "new": in_words(self.new),
            "differences": [dataclasses.asdict(difference) for difference in self.differences],
            "warnings": self.warnings,
            "verdicts": self.counts(),
            "cases": [_as_dict(row) for row in self.cases.to_dict("records")],
            "only_in_base": self.only_in_base,
            "only_in_new": self.only_in_new,
        }


def compare(base: Results, new: Results) -> Compared:
    """Judge every case that both have. Raises :class:`ResultsError` where they share none, or share runs."""
    common = set(base.runs["identity"]) & set(new.runs["identity"])
    if common:
        raise ResultsError(
            f"BASE and NEW share {len(common)} run(s): a run that is compared with itself shows nothing"
        )
    of_base, of_new = _by_case(base), _by_case(new)
    ids = [case for case in of_base if case in of_new]
    if not ids:
        raise ResultsError("BASE and NEW have no case in common: measure the same grid in both")
    samples = [_sample(of_base[case], of_new[case]) for case in ids]
    noise = pairs.Noise(base.layers, new.layers)
    # A single run has no interval and so no verdict; that is told without a margin for it.
    noises = [
        noise.of(of_new[case][0]["case"], max(2, sample.runs))
        for case, sample in zip(ids, samples, strict=True)
    ]
    judged = _judge(samples, noises)
    table = pd.DataFrame(
        [
            {**_described(of_base[case], of_new[case], sample), **verdict}
            for case, sample, verdict in zip(ids, samples, judged, strict=True)
        ]
    )
    return Compared(
        base.environment,
        new.environment,
        table,
        [case for case in of_base if case not in of_new],
        [case for case in of_new if case not in of_base],
        tuple(dict.fromkeys((*base.notes, *new.notes))),
    )


def changes(base: Results, new: Results) -> dict[str, dict[str, Any]]:
    """By case, its row of ``Compared.cases``; empty where the two have none in common."""
    if set(base.layers["id"]).isdisjoint(new.layers["id"]):
        return {}
    return {row["id"]: row for row in compare(base, new).cases.to_dict("records")}


def _by_case(results: Results) -> dict[str, list[dict[str, Any]]]:
    """What was measured of each case, a row a run, with the run's ``turns_with``."""
    turns_with = dict(zip(results.runs["run"], results.runs["turns_with"], strict=True))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in results.layers.to_dict("records"):
        found.setdefault(row["id"], []).append({**row, "turns_with": turns_with[row["run"]]})
    return found


@dataclass(frozen=True)
class _Sample:
    """Logarithms of what was measured of one case, by run: of ratios where ``paired``, else of seconds."""

    paired: bool
    values: dict[Hashable, float]
    bases: dict[Hashable, float]

    @property
    def runs(self) -> int:
        """As many as each side has, or fewer on one of them."""
        return len(self.values) if self.paired else min(len(self.values), len(self.bases))


def _in_pairs(base: pairs.Rows, new: pairs.Rows) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
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


def _by_unique(key: str, rows: pairs.Rows) -> dict[Hashable, Mapping[str, Any]]:
    """The rows by what they have as ``key``, where it is theirs alone."""
    counts = Counter(row[key] for row in rows)
    return {row[key]: row for row in rows if row[key] and counts[row[key]] == 1}


def _sample(base: pairs.Rows, new: pairs.Rows) -> _Sample:
    together = _in_pairs(base, new)
    # Pairs say more than groups, but not one pair more than ten runs.
    if together and len(together) == min(len(base), len(new)):
        return _Sample(True, {new["run"]: _log_ratio(base, new) for base, new in together}, {})
    # The two sides number their runs each for itself.
    logs = [
        {(side, row["run"]): math.log(row["seconds"]) for row in rows}
        for side, rows in (("new", new), ("base", base))
    ]
    return _Sample(False, *logs)


def _log_ratio(base: Mapping[str, Any], new: Mapping[str, Any]) -> float:
    """Of two runs that took turns: the median over the turns, where all were the same."""
    same = base["together"] and base["together"] == new["together"]
    if same and len(base["turns"]) == len(new["turns"]):
        return float(np.median(np.log(np.array(new["turns"]) / np.array(base["turns"]))))
    return math.log(new["seconds"] / base["seconds"])


def _judge(samples: list[_Sample], noises: list[float]) -> list[dict[str, Any]]:
    found = _changes(samples)
    p_values = [change.p for change in found]
    rates = stats.false_discovery_rates(p_values)
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


def _changes(samples: list[_Sample]) -> list[Change]:
    """In the order of ``samples``; pairs and groups vary differently, so that each inform their own kind."""
    matched, groups = ([sample for sample in samples if sample.paired is kind] for kind in (True, False))
    paired = iter(
        stats.changes([list(one.values.values()) for one in matched], [list(one.values) for one in matched])
    )
    grouped = iter(
        stats.differences(
            [list(one.values.values()) for one in groups],
            [list(one.bases.values()) for one in groups],
            [list(one.values) for one in groups],
            [list(one.bases) for one in groups],
        )
    )
    return [next(paired if sample.paired else grouped) for sample in samples]


def _needs(change: Change, noise: float, least_p: float, paired: bool) -> float:
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
        confidence, room = stats.CONFIDENCE, margin - size
    else:
        return math.nan
    for more in range(1, _MOST_RUNS):
        if change.with_more(more, degrees_each=1 if paired else 2).reach(confidence) < room:
            return float(more)
    return math.nan


def _described(base: pairs.Rows, new: pairs.Rows, sample: _Sample) -> dict[str, Any]:
    case = new[0]["case"]
    base_seconds, new_seconds = ([row["seconds"] for row in side] for side in (base, new))
    return {
        "id": case.id,
        "comparison": case.comparison,
        "layer": case.layer,
        "direction": case.direction,
        "base_seconds": median(base_seconds),
        "new_seconds": median(new_seconds),
        "base_runs": len(base),
        "new_runs": len(new),
        "paired": sample.paired,
        "effect_size": stats.cliffs_delta(new_seconds, base_seconds),
    }


def _as_dict(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if name not in ("low", "high")}
    found = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in plain.items()
    }
    interval = [row["low"], row["high"]] if row["low"] > 0 and math.isfinite(row["high"]) else None
    return {**found, "interval": interval}


def _expm1(value: float) -> float:
    return math.expm1(value) if value < 100 else math.inf
