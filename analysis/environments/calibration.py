"""How right the verdicts are on a machine: where nothing changed, and where a known change was made.

``bench.campaign`` measures equal environments for the first, and one whose cases burn a known share of extra
time (``bench.workloads.faults``) for the second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.environments.changes import Changes, compare_environments
from analysis.results.files import ResultsError, find_files
from analysis.results.loading import load_results
from analysis.results.tables import Results
from analysis.statistics import verdicts
from bench.contract.fingerprint import compute_digest, find_differences

#: So many times the smallest detectable change is what must be found.
_TIMES = 2
#: What an environment's faults are known by.
_FAULTS = "faults"


def load_environments(campaign: Path) -> dict[str, Results]:
    """The runs of each of a campaign's environments, by its label.

    Raises :class:`ResultsError` where ``campaign`` is no campaign's folder.
    """
    everything = load_results(find_files([campaign]))
    runs = everything.runs.to_dict("records")
    if not all(run["turns_with"] for run in runs):
        raise ResultsError(f"{campaign} is no folder of a campaign: python -m bench.campaign makes one")
    labels = dict.fromkeys(run["run_campaign"]["label"] for run in runs)
    if len(labels) < 2:
        raise ResultsError(f"{campaign} has one environment, and needs two to compare")
    return {
        label: everything.of_runs({run["run"] for run in runs if run["run_campaign"]["label"] == label})
        for label in sorted(labels)
    }


def compare_equal(campaign: Path) -> pd.DataFrame:
    """One row for every two environments of a campaign, which must all be equal.

    ``base`` and ``new`` (labels), ``cases``, each verdict's count, ``false`` (how many are called slower or
    faster) and ``detectable`` (the median smallest change that would have been called one). Raises
    :class:`ResultsError`.
    """
    rows = []
    for (base, one), (new, other) in combinations(load_environments(campaign).items(), 2):
        different = find_differences(one.environment, other.environment)
        if different:
            raise ResultsError(f"{base} and {new} in {campaign} are not equal: {different[0]}")
        compared = compare_environments(one, other)
        counts = compared.counts()
        rows.append(
            {
                "base": base,
                "new": new,
                "cases": len(compared.cases),
                **counts,
                "false": counts[verdicts.SLOWER] + counts[verdicts.FASTER],
                "detectable": float(compared.cases["detectable"].median()),
            }
        )
    return pd.DataFrame(rows)


def plan_slowdowns(campaign: Path, parts: int) -> list[dict[str, Mapping[str, Any]]]:
    """Slowdowns to inject, as ``bench.workloads.faults`` reads them: each part of the cases in a file of its own.

    Each case is slowed down by twice what was detectable for it between the first two environments of a
    campaign, which are equal. Raises :class:`ResultsError`.
    """
    first, second, *_ = load_environments(campaign).values()
    cases = compare_environments(first, second).cases
    if not cases["detectable"].lt(float("inf")).all():
        raise ResultsError(f"{campaign} has too few replicates to say what could have been detected")
    cases = cases.sort_values("id").reset_index(drop=True)
    return [
        {row["id"]: {"slowdown": _TIMES * row["detectable"]} for row in cases[part::parts].to_dict("records")}
        for part in range(parts)
    ]


def find_slowdowns(campaign: Path, files: Path) -> pd.DataFrame:
    """One row an environment of a campaign in which ``files``, a folder of them, slowed cases down.

    ``label``; ``slowed`` cases, and those ``found`` to be slower; the ``others``, and those of them that are
    called slower or faster: ``false``. All against the environment without faults. Raises
    :class:`ResultsError`.
    """
    injected = _injected(files)
    there = load_environments(campaign)
    sound = [label for label, of_label in there.items() if _FAULTS not in of_label.environment]
    if len(sound) != 1:
        raise ResultsError(f"{campaign} needs one environment without faults, and has {len(sound)}")
    base = there.pop(sound[0])
    rows = []
    for label, of_label in there.items():
        if of_label.environment[_FAULTS] not in injected:
            raise ResultsError(f"{label} in {campaign} was slowed by a file that is not in {files}")
        found = _found(compare_environments(base, of_label), injected[of_label.environment[_FAULTS]])
        rows.append({"label": label, **found})
    return pd.DataFrame(rows)


def _found(compared: Changes, injected: Mapping[str, Any]) -> dict[str, int]:
    cases = compared.cases
    is_slowed = cases["id"].isin(list(injected))
    called = cases["verdict"].isin([verdicts.SLOWER, verdicts.FASTER])
    return {
        "slowed": int(is_slowed.sum()),
        "found": int((is_slowed & (cases["verdict"] == verdicts.SLOWER)).sum()),
        "others": int((~is_slowed).sum()),
        "false": int((~is_slowed & called).sum()),
    }


def _injected(folder: Path) -> dict[str, Mapping[str, Any]]:
    """What each file in ``folder`` slows down, by what the environment says of it."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            content = dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ResultsError(f"{file} holds no faults: {error}") from error
        found[compute_digest(content)] = content
    if not found:
        raise ResultsError(f"there is no file of faults in {folder}: python -m analysis calibrate faults")
    return found
