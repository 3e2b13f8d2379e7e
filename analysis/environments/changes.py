"""Two environments -> a verdict a case: did it get slower?

The unit is the run, since runs are what varies: tests over the rounds of two runs "find" a change in half of
all cases that have none. Runs that took turns with each other (``bench.campaign``) are judged in pairs, turn
by turn, so that drift of the machine does not pass for a change; others as two groups. All work is done with
logarithms of times, and the variances of all cases inform each other (``analysis.statistics.moderation``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import pandas as pd

from analysis.environments.judging import CaseTimes, collect_case_times, judge_case_times
from analysis.environments.kernels import (
    can_be_compared,
    collect_kernels,
    describe_kernel_changes,
    describe_kernels,
)
from analysis.pairs.judging import ControlNoise, Rows
from analysis.results.files import ResultsError
from analysis.results.selection import write_environment
from analysis.results.tables import Results
from analysis.statistics import verdicts
from analysis.statistics.discoveries import compute_cliffs_delta
from bench.contract.fingerprint import Difference, find_differences


@dataclass(frozen=True)
class Changes:
    """What changed from the environment ``base`` to the environment ``new``.

    ``cases`` has a row a case measured in both:

    - ``id``, ``comparison``, ``layer``, ``direction``;
    - ``base_seconds`` and ``new_seconds``, medians over the runs that it is judged by; ``base_runs`` and
      ``new_runs``, how many these are;
    - ``ratio``, new time over base time, with ``low`` and ``high`` of its 95 % interval;
    - ``verdict`` of the new environment, and its ``reason_code``, a key of :data:`verdicts.REASONS`;
    - ``p`` and its ``false_discovery_rate``, and the ``noise`` it was judged by;
    - ``detectable``, the smallest relative change that would have been called one;
    - ``effect_size``, Cliff's delta of the runs' times: 1 where every new run is slower than every base run;
    - ``paired``, whether the runs took turns;
    - ``base_implementations`` and ``new_implementations``, which kernel ran each role of the case, in words;
      empty where nothing was recorded. ``kernel_changes``, the roles that another kernel ran, in words;
      ``kernels_known``, whether those of all roles are known, so that any change of them would be seen;
    - ``needs``, how many more runs of each could bring a verdict where there is none (missing: none could).
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
        hosts = [str(environment.get("host")) for environment in (self.base, self.new)]
        if not machine and hosts[0] != hosts[1]:
            found.append(
                f"measured on two hosts of one kind ({hosts[0]} and {hosts[1]}): what differs between them "
                "may pass for a change"
            )
        if not self.differences:
            found.append("nothing lasting differs between these environments: any difference is noise")
        if not self.took_turns:
            found.append(
                "their runs did not take turns: drift of the machine may pass for a change; "
                "python -m bench.campaign measures them in lock-step"
            )
        return found

    @property
    def took_turns(self) -> bool:
        """Whether the runs of every case took turns."""
        return bool(self.cases["paired"].all())

    def count_verdicts(self) -> dict[str, int]:
        """Cases by verdict."""
        found = self.cases["verdict"].value_counts()
        return {word: int(found.get(word, 0)) for word in verdicts.WORDS}

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it; numbers that do not exist are null."""
        return {
            "base": write_environment(self.base),
            "new": write_environment(self.new),
            "differences": [dataclasses.asdict(difference) for difference in self.differences],
            "warnings": self.warnings,
            "verdicts": self.count_verdicts(),
            "cases": [_make_plain_row(row) for row in self.cases.to_dict("records")],
            "only_in_base": self.only_in_base,
            "only_in_new": self.only_in_new,
        }


def compare_environments(base: Results, new: Results) -> Changes:
    """Judge every case that both have. Raises :class:`ResultsError` where they share none, or share runs."""
    shared = {run.identity for run in base.runs} & {run.identity for run in new.runs}
    if shared:
        raise ResultsError(
            f"BASE and NEW share {len(shared)} run(s): a run that is compared with itself shows nothing"
        )
    base_rows, new_rows = _group_by_case(base), _group_by_case(new)
    ids = [case for case in base_rows if case in new_rows]
    if not ids:
        raise ResultsError("BASE and NEW have no case in common: measure the same grid in both")
    times_of_cases = [collect_case_times(base_rows[case], new_rows[case]) for case in ids]
    noise = ControlNoise(base.layers, new.layers)
    # A single run has no interval and so no verdict: it gets no extra margin, which one run has elsewhere.
    noises = [
        noise.estimate(new_rows[case][0]["case"], max(2, times.runs))
        for case, times in zip(ids, times_of_cases, strict=True)
    ]
    judged = judge_case_times(times_of_cases, noises)
    rows = [
        {**_describe_case(base_rows[case], new_rows[case], times), **verdict}
        for case, times, verdict in zip(ids, times_of_cases, judged, strict=True)
    ]
    return Changes(
        base=base.environment,
        new=new.environment,
        cases=pd.DataFrame(rows),
        only_in_base=[case for case in base_rows if case not in new_rows],
        only_in_new=[case for case in new_rows if case not in base_rows],
        notes=tuple(dict.fromkeys((*base.notes, *new.notes))),
    )


def find_changes(base: Results, new: Results) -> dict[str, dict[str, Any]]:
    """By case id, its row of ``Changes.cases``; empty where the two have no case in common."""
    if set(base.layers["id"]).isdisjoint(new.layers["id"]):
        return {}
    return {row["id"]: row for row in compare_environments(base, new).cases.to_dict("records")}


def select_largest(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """Of ``rows`` with ``verdict`` and ``ratio``, the slower and faster ones that changed most, in order."""
    changed = rows[rows["verdict"].isin(verdicts.DIFFERENT)]
    size = changed["ratio"].where(changed["ratio"] > 1, 1 / changed["ratio"])
    return changed.loc[size.sort_values(ascending=False).index[:count]]


def _group_by_case(results: Results) -> dict[str, list[dict[str, Any]]]:
    """What was measured of each case, by its id: a row a run, with the run's ``turns_with``."""
    turns_with = {run.number: run.turns_with for run in results.runs}
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in results.layers.to_dict("records"):
        rows.setdefault(row["id"], []).append({**row, "turns_with": turns_with[row["run"]]})
    return rows


def _describe_case(base: Rows, new: Rows, times: CaseTimes) -> dict[str, Any]:
    """The columns of ``Changes.cases`` that need no verdict.

    Times are those of the runs that the verdict is by; kernels are what any run recorded.
    """
    case = new[0]["case"]
    base_seconds = [row["seconds"] for row in times.base_rows]
    new_seconds = [row["seconds"] for row in times.new_rows]
    base_kernels, new_kernels = collect_kernels(base), collect_kernels(new)
    return {
        "id": case.id,
        "comparison": case.comparison,
        "layer": case.layer,
        "direction": case.direction,
        "base_seconds": median(base_seconds),
        "new_seconds": median(new_seconds),
        "base_runs": len(base_seconds),
        "new_runs": len(new_seconds),
        "paired": times.is_paired,
        "effect_size": compute_cliffs_delta(new_seconds, base_seconds),
        "base_implementations": describe_kernels(base_kernels),
        "new_implementations": describe_kernels(new_kernels),
        "kernel_changes": describe_kernel_changes(base_kernels, new_kernels),
        "kernels_known": can_be_compared(base_kernels, new_kernels),
    }


def _make_plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of ``Changes.cases`` as JSON has it: ``low`` and ``high`` as ``interval``, null if unknown.

    Saved files call the ``reason_code`` ``reason``.
    """
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if name not in ("low", "high"):
            does_not_exist = isinstance(value, float) and not math.isfinite(value)
            plain["reason" if name == "reason_code" else name] = None if does_not_exist else value
    is_known = row["low"] > 0 and math.isfinite(row["high"])
    return {**plain, "interval": [row["low"], row["high"]] if is_known else None}
