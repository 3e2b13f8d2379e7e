"""Each case's time from one environment to the next, oldest first: where it stepped, by how much, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from analysis.environments.changes import find_changes, select_largest
from analysis.environments.kernels import collect_kernels, describe_kernels
from analysis.environments.series import Series, find_series
from analysis.pairs.table import tabulate_pairs
from analysis.results.tables import Results
from analysis.statistics import verdicts
from analysis.wording import format_speed
from bench.contract.cases import LAYERS_1D

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
    "implementations",
    "kernel_changes",
    "kernels_known",
]


@dataclass(frozen=True)
class History:
    """The same cases in the environments of a series, oldest first.

    ``steps`` has a row a case and environment:

    - ``id``, ``comparison``, ``layer``, ``direction`` of the case;
    - ``place`` and ``label`` of the environment;
    - ``seconds``, the median over its runs;
    - ``relative``, over the time in the first environment that has the case, with ``low`` and ``high`` of its
      95 % interval;
    - ``ratio``, over the time in the environment before, with ``ratio_low`` and ``ratio_high``; its
      ``verdict``, and what was ``detectable``. For the first the verdict is empty and the others are missing;
    - ``implementations``, which kernel ran each role, in words; ``kernel_changes``, the roles that another
      kernel ran than in the environment before; ``kernels_known``, whether those of both are known.
    """

    series: Series
    steps: pd.DataFrame
    #: By environment: in how many comparisons the separable layer is the slower one, and of how many.
    separable_slower: tuple[tuple[int, int], ...]
    #: Verdicts of the last environment against the first.
    counts: Mapping[str, int]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.series.labels

    @property
    def environments(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(member.environment for member in self.series.members)

    @property
    def are_releases(self) -> bool:
        """Whether they differ in their versions, and not in settings alone."""
        return len({member.newest_run.version for member in self.series.members}) > 1

    @property
    def sentences(self) -> list[str]:
        """What changed, most important first."""
        first, last = self.labels[0], self.labels[-1]
        total = sum(self.counts.values())
        counted = ", ".join(f"{word} in {count}" for word, count in self.counts.items() if count)
        if not total:
            return [f"{first} and {last} share no case.", *self._describe_largest_steps()]
        return [
            f"From {first} to {last}, of {total} cases {last} is {counted}.",
            *self._describe_largest_steps(),
            *self._describe_separable(),
        ]

    def _describe_largest_steps(self) -> list[str]:
        return [
            f"With {row['label']}, {row['id']} became "
            f"{format_speed(row['ratio'], row['ratio_low'], row['ratio_high'])}{_describe_cause(row)}."
            for row in select_largest(self.steps, _NAMED_STEPS).to_dict("records")
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


def _describe_cause(row: Mapping[str, Any]) -> str:
    """What is known of the kernels behind a step, as the end of a sentence."""
    if row["kernel_changes"]:
        return f"; {row['kernel_changes']}"
    return "; the same kernels ran" if row["kernels_known"] else ""


def find_histories(results: Results, told: Set[str] = frozenset()) -> list[History]:
    """One a series of environments (``analysis.environments.series``), without that over those ``told``.

    ``told`` are the fingerprints of environments.
    """
    return [_build_history(series) for series in find_series(results) if series.fingerprints != told]


def _build_history(series: Series) -> History:
    # Every case of an environment asks for the same changes.
    @cache
    def find_changes_between(base: int, new: int) -> dict[str, dict[str, Any]]:
        return find_changes(series.members[base], series.members[new])

    last = find_changes_between(0, len(series.members) - 1)
    return History(
        series=series,
        steps=_tabulate_steps(series, find_changes_between),
        separable_slower=tuple(_count_separable_slower(member) for member in series.members),
        counts=Counter(row["verdict"] for row in last.values()),
    )


def _tabulate_steps(
    series: Series, find_changes_between: Callable[[int, int], Mapping[str, Mapping[str, Any]]]
) -> pd.DataFrame:
    """``History.steps``. ``find_changes_between`` is given the places of two environments."""
    rows = []
    #: By case id, the place of the first environment that has it.
    first: dict[str, int] = {}
    for place, (label, here) in enumerate(zip(series.labels, series.members, strict=True)):
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
        "implementations": describe_kernels(collect_kernels(layers.to_dict("records"))),
        "kernel_changes": "",
        "kernels_known": False,
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
        "kernel_changes": change["kernel_changes"],
        "kernels_known": change["kernels_known"],
    }


def _count_separable_slower(results: Results) -> tuple[int, int]:
    """In how many comparisons the separable layer is the slower one, and of how many."""
    pairs = tabulate_pairs(results)
    if pairs.empty:
        return 0, 0
    return int((pairs["verdict"] == verdicts.SLOWER).sum()), len(pairs)
