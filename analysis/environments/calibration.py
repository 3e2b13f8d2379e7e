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
from bench.contract.faults import FAULTS, SLOWDOWN
from bench.contract.fingerprint import compute_digest, find_differences

#: So many times the smallest detectable change is what must be found.
_TIMES = 2


def load_environments(campaign: Path) -> dict[str, Results]:
    """The runs of each of a campaign's environments, by its label, in the order of labels.

    Raises :class:`ResultsError` where ``campaign`` is no campaign's folder.
    """
    everything = load_results(find_files([campaign]))
    by_label: dict[str, set[int]] = {}
    for run in everything.runs:
        if not run.campaign:
            raise ResultsError(f"{campaign} is no folder of a campaign: python -m bench.campaign makes one")
        by_label.setdefault(run.campaign.label, set()).add(run.number)
    if len(by_label) < 2:
        raise ResultsError(f"{campaign} has one environment, and needs two to compare")
    return {label: everything.select_runs(by_label[label]) for label in sorted(by_label)}


def compare_equal(campaign: Path) -> pd.DataFrame:
    """One row for every two environments of a campaign, which must all be equal.

    ``base`` and ``new`` (labels), ``cases``, each verdict's count, ``false`` (how many are called slower or
    faster) and ``detectable`` (the median smallest change that would have been called one). Raises
    :class:`ResultsError`.
    """
    rows = []
    for (base, of_base), (new, of_new) in combinations(load_environments(campaign).items(), 2):
        differences = find_differences(of_base.environment, of_new.environment)
        if differences:
            raise ResultsError(f"{base} and {new} in {campaign} are not equal: {differences[0]}")
        changes = compare_environments(of_base, of_new)
        counts = changes.count_verdicts()
        rows.append(
            {
                "base": base,
                "new": new,
                "cases": len(changes.cases),
                **counts,
                "false": counts[verdicts.SLOWER] + counts[verdicts.FASTER],
                "detectable": float(changes.cases["detectable"].median()),
            }
        )
    return pd.DataFrame(rows)


def plan_slowdowns(campaign: Path, parts: int) -> list[dict[str, Mapping[str, Any]]]:
    """Slowdowns to inject, as ``bench.workloads.faults`` reads them: the content of ``parts`` files.

    Each case is in one of them. It is slowed down by twice what was detectable for it between the first two
    environments of a campaign, which are equal. Raises :class:`ResultsError`.
    """
    first, second = list(load_environments(campaign).values())[:2]
    cases = compare_environments(first, second).cases
    if not cases["detectable"].lt(float("inf")).all():
        raise ResultsError(f"{campaign} has too few replicates to say what could have been detected")
    cases = cases.sort_values("id").reset_index(drop=True)
    return [
        {row["id"]: {SLOWDOWN: _TIMES * row["detectable"]} for row in cases[part::parts].to_dict("records")}
        for part in range(parts)
    ]


def find_slowdowns(campaign: Path, files: Path) -> pd.DataFrame:
    """One row an environment of a campaign in which ``files``, a folder of them, slowed cases down.

    ``label``; ``slowed`` cases, and those ``found`` to be slower; the ``others``, and those of them that are
    called slower or faster: ``false``. All against the environment without faults. Raises
    :class:`ResultsError`.
    """
    faults = _load_faults(files)
    environments = load_environments(campaign)
    sound = [label for label, results in environments.items() if FAULTS not in results.environment]
    if len(sound) != 1:
        raise ResultsError(f"{campaign} needs one environment without faults, and has {len(sound)}")
    base = environments.pop(sound[0])
    rows = []
    for label, results in environments.items():
        digest = results.environment[FAULTS]
        if digest not in faults:
            raise ResultsError(f"{label} in {campaign} was slowed by a file that is not in {files}")
        rows.append({"label": label, **_count_found(compare_environments(base, results), faults[digest])})
    return pd.DataFrame(rows)


def _count_found(changes: Changes, slowdowns: Mapping[str, Any]) -> dict[str, int]:
    """How many of the cases in ``slowdowns`` are called slower, and how many others are called different."""
    cases = changes.cases
    is_slowed = cases["id"].isin(list(slowdowns))
    is_slower = cases["verdict"] == verdicts.SLOWER
    is_different = cases["verdict"].isin(verdicts.DIFFERENT)
    return {
        "slowed": int(is_slowed.sum()),
        "found": int((is_slowed & is_slower).sum()),
        "others": int((~is_slowed).sum()),
        "false": int((~is_slowed & is_different).sum()),
    }


def _load_faults(folder: Path) -> dict[str, Mapping[str, Any]]:
    """What each file in ``folder`` slows down, by the digest that the environment says of it."""
    faults: dict[str, Mapping[str, Any]] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            content = dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ResultsError(f"{file} holds no faults: {error}") from error
        faults[compute_digest(content)] = content
    if not faults:
        raise ResultsError(f"there is no file of faults in {folder}: python -m analysis calibrate faults")
    return faults
