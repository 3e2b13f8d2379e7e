"""A campaign over several environments, such as releases: where times stepped, and by how much."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from analysis.environments.changes import find_changes
from analysis.pairs.table import tabulate_pairs
from analysis.results.tables import MeasuredRun, Results
from analysis.statistics import verdicts
from analysis.wording import format_speed
from bench.contract.cases import LAYERS_1D
from bench.contract.fingerprint import find_differences

#: The largest steps, of which a sentence tells each.
_NAMED_STEPS = 4
_COLUMNS = [
    "id",
    "comparison",
    "layer",
    "direction",
    "place",
    "label",
    "seconds",
    "relative",
    "low",
    "high",
    "ratio",
    "ratio_low",
    "ratio_high",
    "verdict",
    "detectable",
]


@dataclass(frozen=True)
class History:
    """The same cases in the environments of one campaign, in the order of their versions.

    ``steps`` has a row a case and environment:

    - ``id``, ``comparison``, ``layer``, ``direction`` of the case;
    - ``place`` and ``label`` of the environment;
    - ``seconds``, the median over its runs;
    - ``relative``, over the time in the first environment that has the case, with ``low`` and ``high`` of its
      95 % interval;
    - ``ratio``, over the time in the environment before, with ``ratio_low`` and ``ratio_high``; its
      ``verdict``, and what was ``detectable``. For the first the verdict is empty and the others are missing.
    """

    name: str
    labels: tuple[str, ...]
    environments: tuple[Mapping[str, Any], ...]
    steps: pd.DataFrame
    #: By environment: in how many comparisons the separable layer is the slower one, and of how many.
    separable_slower: tuple[tuple[int, int], ...]
    #: Verdicts of the last environment against the first.
    counts: Mapping[str, int]

    @property
    def are_releases(self) -> bool:
        """Whether they differ in their versions, and not in settings alone."""
        return len({_read_version(environment) for environment in self.environments}) > 1

    @property
    def sentences(self) -> list[str]:
        """What changed, most important first."""
        first, last = self.labels[0], self.labels[-1]
        total = sum(self.counts.values())
        counted = ", ".join(f"{word} in {count}" for word, count in self.counts.items() if count)
        return [
            f"From {first} to {last}, of {total} cases {last} is {counted}.",
            *self._describe_largest_steps(),
            *self._describe_separable(),
        ]

    def _describe_largest_steps(self) -> list[str]:
        changed = self.steps[self.steps["verdict"].isin([verdicts.SLOWER, verdicts.FASTER])]
        size = changed["ratio"].where(changed["ratio"] > 1, 1 / changed["ratio"])
        largest = changed.loc[size.sort_values(ascending=False).index[:_NAMED_STEPS]]
        return [
            f"With {row['label']}, {row['id']} became "
            f"{format_speed(row['ratio'], row['ratio_low'], row['ratio_high'])}."
            for row in largest.to_dict("records")
        ]

    def _describe_separable(self) -> list[str]:
        """How often the separable layer is the slower one at both ends, where every environment says so."""
        if not all(measured for _, measured in self.separable_slower):
            return []
        (slow_first, of_first), (slow_last, of_last) = self.separable_slower[0], self.separable_slower[-1]
        has_1d = self.steps["layer"].isin(LAYERS_1D).any()
        layers = (
            "The separable layer is slower than the dense one"
            if has_1d
            else "SeparableConv2D is slower than Conv2D"
        )
        return [
            f"{layers} in {slow_first} of {of_first} comparisons with "
            f"{self.labels[0]}, in {slow_last} of {of_last} with {self.labels[-1]}."
        ]

    @property
    def differences(self) -> list[str]:
        """What differs from one environment to the next."""
        described = []
        for place in range(1, len(self.labels)):
            differences = find_differences(self.environments[place - 1], self.environments[place])
            words = "; ".join(map(str, differences)) or "nothing lasting"
            described.append(f"{self.labels[place]}: {words}")
        return described


def find_histories(results: Results) -> list[History]:
    """One a campaign whose environments differ; runs by themselves have none.

    Campaigns of the same name count together. One over several backends is no history (see
    ``analysis.environments.backends``).
    """
    histories = []
    for name, by_label in _group_campaigns(results).items():
        runs = [run for of_label in by_label.values() for run in of_label]
        fingerprints = {run.fingerprint for run in runs}
        backends = {run.backend for run in runs}
        if len(fingerprints) > 1 and len(backends) == 1:
            histories.append(_build_history(name, results, by_label))
    return histories


def _group_campaigns(results: Results) -> dict[str, dict[str, list[MeasuredRun]]]:
    """By campaign and by the label of an environment, the runs."""
    campaigns: dict[str, dict[str, list[MeasuredRun]]] = {}
    for run in results.runs:
        if run.campaign:
            by_label = campaigns.setdefault(run.campaign.id, {})
            by_label.setdefault(run.campaign.label, []).append(run)
    return campaigns


def _build_history(name: str, results: Results, by_label: Mapping[str, list[MeasuredRun]]) -> History:
    labels = sorted(by_label, key=lambda label: (_read_version(by_label[label][-1].environment), label))
    of_each = [results.select_runs({run.number for run in by_label[label]}) for label in labels]

    # Every case of an environment asks for the same changes.
    @cache
    def find_changes_between(base: int, new: int) -> dict[str, dict[str, Any]]:
        return find_changes(of_each[base], of_each[new])

    last = find_changes_between(0, len(labels) - 1)
    return History(
        name=name,
        labels=tuple(labels),
        environments=tuple(one.environment for one in of_each),
        steps=_tabulate_steps(labels, of_each, find_changes_between),
        separable_slower=tuple(_count_separable_slower(one) for one in of_each),
        counts=Counter(row["verdict"] for row in last.values()),
    )


def _tabulate_steps(
    labels: Sequence[str],
    of_each: Sequence[Results],
    find_changes_between: Callable[[int, int], Mapping[str, Mapping[str, Any]]],
) -> pd.DataFrame:
    """``History.steps``. ``find_changes_between`` is given the places of two environments."""
    rows = []
    #: By case id, the place of the first environment that has it.
    first: dict[str, int] = {}
    for place, (label, here) in enumerate(zip(labels, of_each, strict=True)):
        for case, layers in here.layers.groupby("id", sort=False):
            first.setdefault(case, place)
            row = _describe_step(place, label, layers)
            if first[case] < place:
                row |= _describe_since_first(find_changes_between(first[case], place)[case])
            if place and case in find_changes_between(place - 1, place):
                row |= _describe_since_last(find_changes_between(place - 1, place)[case])
            rows.append(row)
    return pd.DataFrame(rows, columns=_COLUMNS)


def _describe_step(place: int, label: str, layers: pd.DataFrame) -> dict[str, Any]:
    """The row of a case in the first environment that has it; ``layers`` are its runs there."""
    case = layers.iloc[0]["case"]
    return {
        "id": case.id,
        "comparison": case.comparison,
        "layer": case.layer,
        "direction": case.direction,
        "place": place,
        "label": label,
        "seconds": float(layers["seconds"].median()),
        "relative": 1.0,
        "low": 1.0,
        "high": 1.0,
        "verdict": "",
    }


def _describe_since_first(change: Mapping[str, Any]) -> dict[str, Any]:
    return {"relative": change["ratio"], "low": change["low"], "high": change["high"]}


def _describe_since_last(change: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ratio": change["ratio"],
        "ratio_low": change["low"],
        "ratio_high": change["high"],
        "verdict": change["verdict"],
        "detectable": change["detectable"],
    }


def _count_separable_slower(results: Results) -> tuple[int, int]:
    """In how many comparisons the separable layer is the slower one, and of how many."""
    pairs = tabulate_pairs(results)
    if pairs.empty:
        return 0, 0
    return int((pairs["verdict"] == verdicts.SLOWER).sum()), len(pairs)


def _read_version(environment: Mapping[str, Any]) -> tuple[int, ...]:
    """The version of the backend as numbers, three at most."""
    version = str(environment.get(environment["backend"], ""))
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
