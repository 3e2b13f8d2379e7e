"""Saved files -> tidy tables. Several files of one environment are replicates."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import statistics
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import fastjsonschema
import pandas as pd

from analysis import commands
from bench.cases import DIED, DISAGREES, FIELDS, SCHEMA, UNSUPPORTED, ConvCase
from bench.fingerprint import digest

#: Of a file packed with gzip: results of many runs are kept so.
_PACKED = ".gz"


class ResultsError(ValueError):
    """One sentence that names the file and says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Results:
    """Everything read, as tables; equal to itself alone.

    ``runs``: one row a run: run, identity, file, datetime, fingerprint, environment (a dict), grid,
    turns_with (the campaign and replicate whose runs took turns; missing for a run by itself).
    ``layers``: one row a case and run: run, case (a ConvCase), its fields, pair, name, times in seconds,
    ratio and ratios (to the dense layer of the same turns; missing without one), control_ratio,
    settled, contaminated, trace (the folder, where it still exists), turns (the median round of each, in
    seconds), together (equal for runs whose turns were the same; missing for a run by itself).
    ``ceilings``: one row a limit and run: its fields, seconds (the fastest call).
    ``not_measured``: case id and reason.
    ``remedies``: one row a remedy and run: run, name, case and remedied (ConvCases), ratio (time of
    remedied over time of case, in lock-step) and ratios (of its turns), settled, contaminated.
    ``contrasts``: one row a pair of cases that a public claim is about and run: run, case and base
    (ConvCases), ratio and ratios (of case to base), settled, contaminated.
    ``trainings``: one row an MNIST model, repeat and run: its fields, history (an entry an epoch for
    each curve), seconds (of each epoch), compiled (the epochs whose time holds compiling too)
    and microseconds_a_sample (those epochs apart).
    """

    runs: pd.DataFrame
    layers: pd.DataFrame
    ceilings: pd.DataFrame
    not_measured: pd.DataFrame
    remedies: pd.DataFrame
    contrasts: pd.DataFrame
    trainings: pd.DataFrame
    #: A sentence for what was met in the files and left out.
    notes: tuple[str, ...] = ()

    @property
    def environment(self) -> Mapping[str, Any]:
        """The environment of the newest run."""
        return self.runs.iloc[-1]["environment"]

    def of_newest_environment(self) -> Results:
        """The runs whose environment has the fingerprint of the newest run's."""
        return self.of_runs(
            set(self.runs.loc[self.runs["fingerprint"] == self.environment["fingerprint"], "run"])
        )

    def by_themselves(self) -> Results:
        """Without the runs of campaigns, which are there to compare; with them, if there are no others."""
        alone = {run["run"] for run in self.runs.to_dict("records") if not run["turns_with"]}
        return self.of_runs(alone) if alone else self

    def of_runs(self, kept: Set[int]) -> Results:
        """Those runs alone."""
        tables = (table[table["run"].isin(kept)].reset_index(drop=True) for table in self._tables())
        return Results(*tables, notes=self.notes)

    def _tables(self) -> tuple[pd.DataFrame, ...]:
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "notes")


def find(paths: Sequence[Path]) -> list[Path]:
    """The result files that ``paths`` name; a folder stands for every result file below it, packed or not.

    What else lies in a folder as JSON (a report's summary, say) is no result and left out. Raises
    :class:`ResultsError` for a path that does not exist and for a folder without any.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        try:
            found = _in_folder(path) if path.is_dir() else [path] if path.exists() else []
        except (OSError, ValueError) as error:  # a folder that may not be read, a name that none can have
            raise ResultsError(f"cannot read {path}: {error}") from error
        if not found:
            what = f"there are no results in {path}" if path.is_dir() else f"there is no {path}"
            raise ResultsError(f"{what}: measure first, with {commands.MEASURE}")
        for file in found:
            # The same file by another spelling is the same file.
            files.setdefault(file.resolve(), file)
    return list(files.values())


def _in_folder(folder: Path) -> list[Path]:
    files = sorted(file for suffix in ("", _PACKED) for file in folder.rglob(f"*.json{suffix}"))
    return [file for file in files if file.is_file() and not _is_foreign(file)]


def _is_foreign(file: Path) -> bool:
    """Whether it is JSON of another kind; what is cut off or cannot be read is not known to be."""
    try:
        content = _content_of(file)
        if b'"machine_info"' in content or b'"benchmarks"' in content:
            return False
        json.loads(content)
    except (OSError, ValueError, EOFError, zlib.error, RecursionError):
        return False
    return True


def _content_of(file: Path) -> bytes:
    saved = file.read_bytes()
    return gzip.decompress(saved) if file.suffix == _PACKED else saved


def load(files: Iterable[Path]) -> Results:
    """Read result files; the tables are in the order of the runs' dates.

    A run counts once, in however many files it was saved. Raises :class:`ResultsError` where a file is cut
    off, foreign, of a newer schema or without one.
    """
    saved, copies = _each_once((file, _read(file)) for file in files)
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
                "turns_with": _turns_with(content["machine_info"].get("run", {})),
                **{f"run_{key}": value for key, value in content["machine_info"].get("run", {}).items()},
            }
        )
        for row in content["benchmarks"]:
            if "ceiling" in row["extra_info"]:
                ceilings.append({"run": run, **row["extra_info"]["ceiling"], "seconds": row["stats"]["min"]})
            elif "remedy" in row["extra_info"]:
                remedies.append({"run": run, **_remedy(file, row)})
            elif "contrast" in row["extra_info"]:
                contrasts.append({"run": run, **_contrast(file, row)})
            elif "training" in row["extra_info"]:
                trainings.append({"run": run, **_training(row)})
            else:
                layers.append({"run": run, **_layer(file, row)})
        for entry in content.get("not_measured", ()):
            case = _case(file, entry["case"])
            kind = entry.get("kind") or _kind_of(entry["reason"])
            refused.append({"run": run, "case": case, "id": case.id, "reason": entry["reason"], "kind": kind})
    return Results(
        pd.DataFrame(runs),
        pd.DataFrame(layers, columns=["run", *_LAYER_COLUMNS]),
        pd.DataFrame(ceilings, columns=["run", *_CEILING_COLUMNS]),
        pd.DataFrame(refused, columns=["run", "case", "id", "reason", "kind"]),
        pd.DataFrame(remedies, columns=["run", *_REMEDY_COLUMNS]),
        pd.DataFrame(contrasts, columns=["run", *_CONTRAST_COLUMNS]),
        pd.DataFrame(trainings, columns=["run", *_TRAINING_COLUMNS]),
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
    return digest({"environment": machine["environment"]["fingerprint"], "samples": samples})


def _some(files: Sequence[Path]) -> str:
    named = ", ".join(str(file) for file in files[:3])
    return f"{named} and {len(files) - 3} more" if len(files) > 3 else named


def _kind_of(reason: str) -> str:
    """Of files that do not say it."""
    if "disagrees with NumPy" in reason:
        return DISAGREES
    if reason.startswith(("killed the process", "took longer than", "the process died")):
        return DIED
    return UNSUPPORTED


_LAYER_COLUMNS = (
    *("case", "id", *FIELDS, "shape", "pair", "name", "seconds", "seconds_q1", "seconds_q3", "seconds_min"),
    *("rounds", "ratio", "ratios", "control_ratio", "control_ratios", "first_call_seconds", "settled"),
    *("contaminated", "unchecked", "trace", "turns", "together"),
)
_REMEDY_COLUMNS = ("name", "case", "remedied", "ratio", "ratios", "settled", "contaminated")
_CONTRAST_COLUMNS = ("case", "base", "ratio", "ratios", "settled", "contaminated")
_TRAINING_COLUMNS = (
    *("model", "question", "repeat", "seed", "epochs", "parameters", "samples", "history", "seconds"),
    *("compiled", "microseconds_a_sample", "test_loss", "test_accuracy"),
)
_CEILING_COLUMNS = (
    *("kind", "device", "dtype", "mode", "size", "repeats", "flops", "bytes", "working_set_bytes", "seconds"),
)


def _layer(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    info, stats = row["extra_info"], row["stats"]
    case = _case(file, info["case"])
    if info["pair"] not in (case.comparison, case.id):
        raise ResultsError(f"{file} counts {case.id} to a comparison that is not its own")
    paired, control, turns = info["paired"] or {}, info.get("control") or {}, info.get("turns") or {}
    return {
        "case": case,
        "id": case.id,
        **{name: getattr(case, name) for name in FIELDS},
        "shape": case.shape,
        "pair": info["pair"],
        "name": info.get("name", ""),
        "seconds": stats["median"],
        "seconds_q1": stats["q1"],
        "seconds_q3": stats["q3"],
        "seconds_min": stats["min"],
        "rounds": stats["rounds"],
        "ratio": paired.get("ratio"),
        "ratios": paired.get("ratios"),
        "control_ratio": control.get("ratio"),
        "control_ratios": control.get("ratios"),
        "first_call_seconds": info["first_call_seconds"],
        "settled": info["settled"],
        "contaminated": bool((info.get("noise") or {}).get("contaminated")),
        "unchecked": info.get("unchecked"),
        "trace": _trace_folder(file, info.get("trace")),
        "turns": turns.get("seconds"),
        "together": turns.get("together"),
    }


def _remedy(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    info = row["extra_info"]
    remedy = info["remedy"]
    return {
        "name": remedy["name"],
        "case": _case(file, remedy["case"]),
        "remedied": _case(file, remedy["remedied"]),
        **_against(info),
    }


def _contrast(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    info = row["extra_info"]
    return {
        "case": _case(file, info["contrast"]["case"]),
        "base": _case(file, info["contrast"]["base"]),
        **_against(info),
    }


def _against(info: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured of one case against another."""
    return {
        "ratio": info["paired"]["ratio"],
        "ratios": info["paired"]["ratios"],
        "settled": bool(info.get("settled", True)),
        "contaminated": bool((info.get("noise") or {}).get("contaminated")),
    }


def _training(row: Mapping[str, Any]) -> dict[str, Any]:
    training = row["extra_info"]["training"]
    seconds = training["history"]["seconds"]
    compiled = training.get("compiled", [0])
    steady = [taken for epoch, taken in enumerate(seconds) if epoch not in compiled] or seconds
    return {
        **{name: training.get(name) for name in _TRAINING_COLUMNS},
        "question": training.get("question", ""),
        "seconds": seconds,
        "compiled": compiled,
        "microseconds_a_sample": statistics.median(steady) / training["samples"]["train"] * 1e6,
    }


def _turns_with(run: Mapping[str, Any]) -> tuple[str, int] | None:
    campaign = run.get("campaign")
    return (campaign["id"], campaign["replicate"]) if campaign else None


def _trace_folder(file: Path, trace: str | None) -> Path | None:
    """Where a case's trace lies: below the working folder, or beside the folder of its result file.

    A file may name no other place: it is data, and may come from anybody.
    """
    if not trace or Path(trace).is_absolute() or ".." in Path(trace).parts:
        return None
    try:
        return next((folder for folder in (Path(trace), file.parent.parent / trace) if folder.is_dir()), None)
    except (OSError, ValueError):  # a name that no folder can have
        return None


def _case(file: Path, fields: Mapping[str, Any]) -> ConvCase:
    try:
        return ConvCase.from_dict(fields)
    except ValueError as error:
        raise ResultsError(f"{file} holds a case that cannot exist: {error}") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        text = _content_of(file).decode("utf-8")
        content = json.loads(text, parse_constant=_refuse_constant)
    except OSError as error:
        raise ResultsError(f"cannot read {file}: {error.strerror or error}") from error
    except RecursionError as error:
        raise ResultsError(f"{file} is nested too deeply to be a result file") from error
    except (ValueError, EOFError, zlib.error) as error:
        raise ResultsError(f"{file} is not JSON, or was cut off: {error}") from error
    if _UNPRINTABLE.search(text):
        content = _printable(content)
    _check_schema(file, content)
    try:
        _validator()(content)
    except fastjsonschema.JsonSchemaException as error:
        raise ResultsError(f"{file} is not a result file of this suite: {error.message[:300]}") from error
    _check_rows(file, content["benchmarks"])
    return content


def _check_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """What a schema cannot say."""
    cases = Counter(row["name"] for row in rows if "case" in row["extra_info"])
    twice = next((name for name, count in cases.items() if count > 1), None)
    if twice:
        raise ResultsError(f"{file} holds {twice} twice")
    for row in rows:
        training = row["extra_info"].get("training")
        if training and any(len(curve) != training["epochs"] for curve in training["history"].values()):
            raise ResultsError(
                f"{file}: {row['name']} has {training['epochs']} epochs, but longer or shorter curves"
            )


#: In the text of a JSON file: letters that may be more than letters to a terminal.
_UNPRINTABLE = re.compile(r"\\u|\\[bfnrt]|[^\x20-\x7e\s]")


def _printable(content: Any) -> Any:
    """``content`` with a question mark for every letter that a terminal or a reader could not show."""
    if isinstance(content, str):
        return "".join(letter if letter.isprintable() else "?" for letter in content)
    if isinstance(content, dict):
        return {_printable(key): _printable(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_printable(value) for value in content]
    return content


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _check_schema(file: Path, content: Any) -> None:
    """Say it in words where a file is of another version, before the details are looked at."""
    rows = content.get("benchmarks") if isinstance(content, dict) else None
    if not isinstance(rows, list) or "machine_info" not in content:
        raise ResultsError(f"{file} was not written by pytest-benchmark")
    for row in rows:
        info = row.get("extra_info") if isinstance(row, dict) else None
        version = info.get("schema") if isinstance(info, dict) else None
        if not isinstance(version, int):
            raise ResultsError(f"{file} was not measured by this suite: its rows carry no schema")
        if version > SCHEMA:
            raise ResultsError(
                f"{file} has schema {version}, this version reads up to {SCHEMA}: update this project"
            )


@cache
def _validator() -> Callable[[Any], Any]:
    return fastjsonschema.compile(
        json.loads(resources.files("analysis").joinpath("contract.json").read_text("utf-8"))
    )
