"""Two environments -> a verdict a case: did it get slower?

The unit is the run, since runs are what varies: tests over the rounds of two runs "find" a change in
half of all cases that have none. Runs that took turns with each other (``bench.campaign``) are compared
in pairs, turn by turn, so that drift of the machine does not pass for a change; others as two groups.
All work is done with logarithms of times, and the variances of all cases inform each other
(``Prior``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import pandas as pd

from analysis.environments.judging import Sample, judge_samples, take_sample
from analysis.pairs.judging import ControlNoise, Rows
from analysis.results.files import ResultsError
from analysis.results.selection import describe_environment
from analysis.results.tables import Results
from analysis.statistics import verdicts
from analysis.statistics.discoveries import compute_cliffs_delta
from bench.contract.fingerprint import Difference, find_differences


@dataclass(frozen=True)
class Changes:
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
        return find_differences(self.base, self.new)

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
            "base": describe_environment(self.base),
            "new": describe_environment(self.new),
            "differences": [dataclasses.asdict(difference) for difference in self.differences],
            "warnings": self.warnings,
            "verdicts": self.counts(),
            "cases": [_as_dict(row) for row in self.cases.to_dict("records")],
            "only_in_base": self.only_in_base,
            "only_in_new": self.only_in_new,
        }


def compare_environments(base: Results, new: Results) -> Changes:
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
    samples = [take_sample(of_base[case], of_new[case]) for case in ids]
    noise = ControlNoise(base.layers, new.layers)
    # A single run has no interval and so no verdict; that is told without a margin for it.
    noises = [
        noise.of(of_new[case][0]["case"], max(2, sample.runs))
        for case, sample in zip(ids, samples, strict=True)
    ]
    judged = judge_samples(samples, noises)
    table = pd.DataFrame(
        [
            {**_described(of_base[case], of_new[case], sample), **verdict}
            for case, sample, verdict in zip(ids, samples, judged, strict=True)
        ]
    )
    return Changes(
        base.environment,
        new.environment,
        table,
        [case for case in of_base if case not in of_new],
        [case for case in of_new if case not in of_base],
        tuple(dict.fromkeys((*base.notes, *new.notes))),
    )


def find_changes(base: Results, new: Results) -> dict[str, dict[str, Any]]:
    """By case, its row of ``Compared.cases``; empty where the two have none in common."""
    if set(base.layers["id"]).isdisjoint(new.layers["id"]):
        return {}
    return {row["id"]: row for row in compare_environments(base, new).cases.to_dict("records")}


def _by_case(results: Results) -> dict[str, list[dict[str, Any]]]:
    """What was measured of each case, a row a run, with the run's ``turns_with``."""
    turns_with = dict(zip(results.runs["run"], results.runs["turns_with"], strict=True))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in results.layers.to_dict("records"):
        found.setdefault(row["id"], []).append({**row, "turns_with": turns_with[row["run"]]})
    return found


def _described(base: Rows, new: Rows, sample: Sample) -> dict[str, Any]:
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
        "effect_size": compute_cliffs_delta(new_seconds, base_seconds),
    }


def _as_dict(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if name not in ("low", "high")}
    found = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in plain.items()
    }
    interval = [row["low"], row["high"]] if row["low"] > 0 and math.isfinite(row["high"]) else None
    return {**found, "interval": interval}
