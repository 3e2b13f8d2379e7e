"""A campaign over several environments, such as releases: where times stepped, and by how much."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from analysis.environments.changes import find_changes
from analysis.pairs.table import tabulate_pairs
from analysis.results.tables import Results
from analysis.statistics import verdicts
from analysis.wording import speed
from bench.contract.cases import ConvCase
from bench.contract.fingerprint import find_differences

#: Steps worth a sentence.
_TOLD = 4
_COLUMNS = (
    *("id", "comparison", "layer", "direction", "place", "label", "seconds", "relative", "low", "high"),
    *("ratio", "ratio_low", "ratio_high", "verdict", "detectable"),
)


@dataclass(frozen=True)
class History:
    """The same cases in the environments of one campaign, in the order of their versions.

    ``steps`` has a row a case and environment: ``id``, ``comparison``, ``layer``, ``direction``, ``place``
    and ``label`` of the environment, ``seconds`` (the median over its runs), ``relative`` (over the time in
    the first environment that has the case) with ``low`` and ``high`` of its 95 % interval; ``ratio`` (over
    the time in the one before) with ``ratio_low`` and ``ratio_high``, its ``verdict`` and what was
    ``detectable`` (empty and missing for the first).
    """

    name: str
    labels: tuple[str, ...]
    environments: tuple[Mapping[str, Any], ...]
    steps: pd.DataFrame
    #: By environment: of how many comparisons the separable layer is the slower one.
    separable_slower: tuple[tuple[int, int], ...]
    #: Verdicts of the last environment against the first.
    counts: Mapping[str, int]

    @property
    def are_releases(self) -> bool:
        """Whether they differ in their versions, and not in settings alone."""
        return len({_version(environment) for environment in self.environments}) > 1

    @property
    def sentences(self) -> list[str]:
        """What changed, most important first."""
        first, last = self.labels[0], self.labels[-1]
        total = sum(self.counts.values())
        counted = ", ".join(f"{word} in {count}" for word, count in self.counts.items() if count)
        found = [f"From {first} to {last}, of {total} cases {last} is {counted}."]
        found += [
            f"With {row['label']}, {row['id']} became "
            f"{speed(row['ratio'], row['ratio_low'], row['ratio_high'])}."
            for row in self._largest_steps()
        ]
        if all(measured for _, measured in self.separable_slower):
            (slow_first, of_first), (slow_last, of_last) = self.separable_slower[0], self.separable_slower[-1]
            found.append(
                f"SeparableConv2D is slower than Conv2D in {slow_first} of {of_first} comparisons with "
                f"{first}, in {slow_last} of {of_last} with {last}."
            )
        return found

    def _largest_steps(self) -> Iterator[dict[str, Any]]:
        changed = self.steps[self.steps["verdict"].isin([verdicts.SLOWER, verdicts.FASTER])]
        size = changed["ratio"].where(changed["ratio"] > 1, 1 / changed["ratio"])
        yield from changed.loc[size.sort_values(ascending=False).index[:_TOLD]].to_dict("records")

    @property
    def differences(self) -> list[str]:
        """What differs from one environment to the next."""
        return [
            f"{label}: {'; '.join(map(str, find_differences(before, after))) or 'nothing lasting'}"
            for label, before, after in zip(
                self.labels[1:], self.environments[:-1], self.environments[1:], strict=True
            )
        ]


def find_histories(results: Results) -> list[History]:
    """One a campaign whose environments differ; runs by themselves have none.

    Campaigns of the same name count together. One over several backends is no history (see
    ``analysis.environments.backends``).
    """
    campaigns: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for run in results.runs.to_dict("records"):
        if run["turns_with"]:
            label = run["run_campaign"]["label"]
            campaigns.setdefault(run["turns_with"][0], {}).setdefault(label, []).append(run)
    found = []
    for name, by_label in campaigns.items():
        facts = [run["environment"] for runs in by_label.values() for run in runs]
        differ = {name: len({one[name] for one in facts}) > 1 for name in ("fingerprint", "backend")}
        if differ["fingerprint"] and not differ["backend"]:
            found.append(_history(name, results, by_label))
    return found


def _history(name: str, results: Results, by_label: Mapping[str, list[dict[str, Any]]]) -> History:
    labels = sorted(by_label, key=lambda label: (_version(by_label[label][-1]["environment"]), label))
    of_label = [results.of_runs({run["run"] for run in by_label[label]}) for label in labels]
    has = [set(one.layers["id"]) for one in of_label]

    @cache
    def between(base: int, new: int) -> dict[str, dict[str, Any]]:
        return find_changes(of_label[base], of_label[new])

    rows = []
    for place, (label, here) in enumerate(zip(labels, of_label, strict=True)):
        for case, layers in here.layers.groupby("id", sort=False):
            first = next(one for one in range(place + 1) if case in has[one])
            since = between(first, place).get(case) if first < place else None
            before = between(place - 1, place).get(case) if place else None
            rows.append(_row(layers.iloc[0]["case"], place, label, layers, since, before))
    return History(
        name,
        tuple(labels),
        tuple(one.environment for one in of_label),
        pd.DataFrame(rows, columns=_COLUMNS),
        tuple(_separable_slower(one) for one in of_label),
        Counter(row["verdict"] for row in between(0, len(labels) - 1).values()),
    )


def _row(
    case: ConvCase,
    place: int,
    label: str,
    layers: pd.DataFrame,
    since: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None,
) -> dict[str, Any]:
    row = {
        **{name: getattr(case, name) for name in ("id", "comparison", "layer", "direction")},
        "place": place,
        "label": label,
        "seconds": float(layers["seconds"].median()),
        "relative": 1.0,
        "low": 1.0,
        "high": 1.0,
        "verdict": "",
    }
    if since:
        row |= {"relative": since["ratio"], "low": since["low"], "high": since["high"]}
    if before:
        names = {"ratio": "ratio", "ratio_low": "low", "ratio_high": "high"}
        row |= {own: before[name] for own, name in names.items()}
        row |= {"verdict": before["verdict"], "detectable": before["detectable"]}
    return row


def _separable_slower(results: Results) -> tuple[int, int]:
    table = tabulate_pairs(results)
    if table.empty:
        return 0, 0
    return int((table["verdict"] == verdicts.SLOWER).sum()), len(table)


def _version(environment: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(
        int(part) for part in re.findall(r"\d+", str(environment.get(environment["backend"], "")))[:3]
    )
