"""Saved files -> tidy tables. Several files of one environment are replicates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.results.files import read_file
from analysis.results.rows import (
    CEILING_COLUMNS,
    CONTRAST_COLUMNS,
    LAYER_COLUMNS,
    REMEDY_COLUMNS,
    TRAINING_COLUMNS,
    guess_kind,
    read_case,
    read_contrast,
    read_layer,
    read_remedy,
    read_training,
    read_turns_with,
)
from analysis.results.tables import Results
from bench.contract.fingerprint import compute_digest


def load_results(files: Iterable[Path]) -> Results:
    """Read result files; the tables are in the order of the runs' dates.

    A run counts once, in however many files it was saved. Raises :class:`ResultsError` where a file is cut
    off, foreign, of a newer schema or without one.
    """
    saved, copies = _each_once((file, read_file(file)) for file in files)
    saved.sort(key=lambda item: item[1]["datetime"])
    notes = (
        [f"{len(copies)} file(s) hold runs that others hold too, and are ignored: {_some(copies)}"]
        if copies
        else []
    )
    runs, layers, ceilings, refused, remedies, contrasts, trainings = [], [], [], [], [], [], []
    for run, (file, content) in enumerate(saved):
        environment = content["machine_info"]["environment"]
        runs.append(
            {
                "run": run,
                "identity": _identity(content),
                "file": str(file),
                "datetime": content["datetime"],
                "fingerprint": environment["fingerprint"],
                "environment": environment,
                "turns_with": read_turns_with(content["machine_info"].get("run", {})),
                **{f"run_{key}": value for key, value in content["machine_info"].get("run", {}).items()},
            }
        )
        for row in content["benchmarks"]:
            if "ceiling" in row["extra_info"]:
                ceilings.append({"run": run, **row["extra_info"]["ceiling"], "seconds": row["stats"]["min"]})
            elif "remedy" in row["extra_info"]:
                remedies.append({"run": run, **read_remedy(file, row)})
            elif "contrast" in row["extra_info"]:
                contrasts.append({"run": run, **read_contrast(file, row)})
            elif "training" in row["extra_info"]:
                trainings.append({"run": run, **read_training(row)})
            else:
                layers.append({"run": run, **read_layer(file, row)})
        for entry in content.get("not_measured", ()):
            case = read_case(file, entry["case"])
            kind = entry.get("kind") or guess_kind(entry["reason"])
            refused.append({"run": run, "case": case, "id": case.id, "reason": entry["reason"], "kind": kind})
    return Results(
        pd.DataFrame(runs),
        pd.DataFrame(layers, columns=["run", *LAYER_COLUMNS]),
        pd.DataFrame(ceilings, columns=["run", *CEILING_COLUMNS]),
        pd.DataFrame(refused, columns=["run", "case", "id", "reason", "kind"]),
        pd.DataFrame(remedies, columns=["run", *REMEDY_COLUMNS]),
        pd.DataFrame(contrasts, columns=["run", *CONTRAST_COLUMNS]),
        pd.DataFrame(trainings, columns=["run", *TRAINING_COLUMNS]),
        tuple(notes),
    )


def _each_once(
    read: Iterable[tuple[Path, dict[str, Any]]],
) -> tuple[list[tuple[Path, dict[str, Any]]], list[Path]]:
    """Every run once, in the file that holds most of it; and the files that are then left."""
    by_identity: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for file, content in read:
        by_identity.setdefault(_identity(content), []).append((file, content))
    kept, copies = [], []
    for alike in by_identity.values():
        best = max(alike, key=lambda item: len(item[1]["benchmarks"]))
        kept.append(best)
        copies += [file for file, _ in alike if file is not best[0]]
    return kept, copies


def _identity(content: Mapping[str, Any]) -> str:
    """What a run is known by: made when it was measured, or, in older files, a digest of its samples."""
    machine = content["machine_info"]
    if "identity" in machine:
        return machine["identity"]
    samples = [
        [
            row["name"],
            *(row["stats"][name] for name in ("median", "q1", "q3", "min", "rounds")),
            row["extra_info"],
        ]
        for row in content["benchmarks"]
    ]
    return compute_digest({"environment": machine["environment"]["fingerprint"], "samples": samples})


def _some(files: Sequence[Path]) -> str:
    named = ", ".join(str(file) for file in files[:3])
    return f"{named} and {len(files) - 3} more" if len(files) > 3 else named
