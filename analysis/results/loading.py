"""Saved runs -> tidy tables. Several runs of one environment are replicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.results import rows
from analysis.results.files import NewerSchemaError, read_runs
from analysis.results.tables import Results
from bench.contract.fingerprint import compute_digest


@dataclass(frozen=True)
class SavedRun:
    """One run as it was saved, and the file that it was met in."""

    file: Path
    content: Mapping[str, Any]
    #: What the run is known by, wherever its file is met.
    identity: str


def load_results(files: Iterable[Path]) -> Results:
    """Read result files; the tables are in the order of the runs' dates.

    A run counts once, in however many files it was saved. A file of a newer schema is left out, as long as
    others are there. Raises :class:`ResultsError` where a file is cut off, foreign or without a schema.
    """
    known, notes = _read_known_runs(files)
    kept, copies = keep_each_once(known)
    kept.sort(key=lambda run: run.content["datetime"])
    if copies:
        notes.append(
            f"{len(copies)} file(s) hold runs that others hold too, and are ignored: {_name_some(copies)}"
        )
    runs = []
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number, run in enumerate(kept):
        runs.append(rows.read_run(number, run.file, run.identity, run.content))
        for kind, row in rows.read_rows(run.file, run.content["benchmarks"]):
            tables[kind].append({"run": number, **row})
        for refusal in run.content.get("not_measured", ()):
            tables["not_measured"].append({"run": number, **rows.read_refusal(run.file, refusal)})
        for refusal in run.content.get("refused_networks", ()):
            tables["refused_networks"].append({**refusal, "run": number})

    def tabulate(name: str) -> pd.DataFrame:
        return pd.DataFrame(tables[name], columns=["run", *rows.COLUMNS[name]])

    return Results(
        runs=tuple(runs),
        layers=tabulate("layers"),
        ceilings=tabulate("ceilings"),
        not_measured=tabulate("not_measured"),
        remedies=tabulate("remedies"),
        contrasts=tabulate("contrasts"),
        trainings=tabulate("trainings"),
        networks=tabulate("networks"),
        blocks=tabulate("blocks"),
        refused_networks=tabulate("refused_networks"),
        notes=tuple(notes),
    )


def read_saved_runs(files: Iterable[Path]) -> list[SavedRun]:
    """Every run in every file. Raises :class:`ResultsError`."""
    return [run for file in files for run in _read_file(file)]


def _read_file(file: Path) -> list[SavedRun]:
    return [SavedRun(file, content, _identify(content)) for content in read_runs(file)]


def _read_known_runs(files: Iterable[Path]) -> tuple[list[SavedRun], list[str]]:
    """The runs of all files that can be read, and a sentence for each that a newer version wrote.

    Raises :class:`ResultsError` where a file is damaged, and where a newer version wrote all of them.
    """
    runs: list[SavedRun] = []
    newer: list[NewerSchemaError] = []
    for file in files:
        try:
            runs += _read_file(file)
        except NewerSchemaError as error:
            newer.append(error)
    if newer and not runs:
        raise newer[0]
    return runs, [f"{error}; what it holds is left out" for error in newer]


def keep_each_once(runs: Iterable[SavedRun]) -> tuple[list[SavedRun], list[Path]]:
    """Every run once, from the file that holds most of it; and the files that hold it again."""
    by_identity: dict[str, list[SavedRun]] = defaultdict(list)
    for run in runs:
        by_identity[run.identity].append(run)
    kept, copies = [], []
    for alike in by_identity.values():
        best = max(alike, key=lambda run: len(run.content["benchmarks"]))
        kept.append(best)
        copies += [run.file for run in alike if run is not best]
    return kept, list(dict.fromkeys(copies))


def _identify(content: Mapping[str, Any]) -> str:
    """The identity that was made when the run was measured or, in older files, a digest of its samples."""
    machine = content["machine_info"]
    if "identity" in machine:
        return machine["identity"]
    samples = []
    for row in content["benchmarks"]:
        stats = [row["stats"][name] for name in ("median", "q1", "q3", "min", "rounds")]
        samples.append([row["name"], *stats, row["extra_info"]])
    return compute_digest({"environment": machine["environment"]["fingerprint"], "samples": samples})


def _name_some(files: Sequence[Path]) -> str:
    named = ", ".join(str(file) for file in files[:3])
    return f"{named} and {len(files) - 3} more" if len(files) > 3 else named
