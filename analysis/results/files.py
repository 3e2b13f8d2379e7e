"""Result files: which there are, and the runs that each holds, checked against the contract.

A file holds one run as JSON (``.json``, ``.json.gz``) or several, a line each (``.jsonl.gz``).
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import fastjsonschema

from analysis import commands
from bench.contract.cases import SCHEMA
from bench.contract.printable import make_printable

#: How the names of files end that hold several runs.
SEVERAL_RUNS = ".jsonl.gz"
#: How those of all result files do.
_SUFFIXES = (".json", ".json.gz", SEVERAL_RUNS)
_DAMAGED = (ValueError, EOFError, zlib.error)


class ResultsError(ValueError):
    """One sentence that names the file and says what is wrong with it."""


class NewerSchemaError(ResultsError):
    """A file that a newer version of this project wrote. Nothing is wrong with it."""


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The result files that ``paths`` name; a folder stands for every result file below it, packed or not.

    What else lies in a folder as JSON (a report's summary, say) is no result and left out. Raises
    :class:`ResultsError` for a path that does not exist and for a folder without any.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        try:
            found = _find_in_folder(path) if path.is_dir() else [path] if path.exists() else []
        except (OSError, ValueError) as error:  # a folder that may not be read, a name that none can have
            raise ResultsError(f"cannot read {path}: {error}") from error
        if not found:
            what = f"there are no results in {path}" if path.is_dir() else f"there is no {path}"
            raise ResultsError(f"{what}: measure first, with {commands.MEASURE}")
        for file in found:
            # The same file by another spelling is the same file.
            files.setdefault(file.resolve(), file)
    return list(files.values())


def read_runs(file: Path) -> Iterator[dict[str, Any]]:
    """Every run in ``file``, as pytest-benchmark saved it. Raises :class:`ResultsError`."""
    try:
        text = _read_content(file).decode("utf-8")
    except OSError as error:
        raise ResultsError(f"cannot read {file}: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise ResultsError(f"{file} is not JSON, or was cut off: {error}") from error
    if not file.name.endswith(SEVERAL_RUNS):
        yield _read_run(str(file), text)
        return
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        yield _read_run(f"{file}, line {number}", line)


def _find_in_folder(folder: Path) -> list[Path]:
    files = sorted(file for suffix in _SUFFIXES for file in folder.rglob(f"*{suffix}"))
    return [file for file in files if file.is_file() and not _is_foreign(file)]


def _is_foreign(file: Path) -> bool:
    """Whether it is JSON of another kind; what is cut off or cannot be read is not known to be."""
    try:
        content = _read_content(file)
        if b'"machine_info"' in content or b'"benchmarks"' in content:
            return False
        json.loads(content)
    except (OSError, RecursionError, *_DAMAGED):
        return False
    return True


def _read_content(file: Path) -> bytes:
    saved = file.read_bytes()
    return gzip.decompress(saved) if file.suffix == ".gz" else saved


def _read_run(where: str, text: str) -> dict[str, Any]:
    """The run in ``text``; ``where`` names its place in a message."""
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ResultsError(f"{where} is nested too deeply to be a result file") from error
    except ValueError as error:
        raise ResultsError(f"{where} is not JSON, or was cut off: {error}") from error
    if _UNPRINTABLE.search(text):
        content = _make_printable(content)
    _check_schema(where, content)
    try:
        _load_validator()(content)
    except fastjsonschema.JsonSchemaValueException as error:
        raise ResultsError(f"{where} is not a result file of this suite: {error.message[:300]}") from error
    _check_rows(where, content["benchmarks"])
    return content


def _check_schema(where: str, content: Any) -> None:
    """Say it in words where a file is of another version, before the details are looked at."""
    rows = content.get("benchmarks") if isinstance(content, dict) else None
    if not isinstance(rows, list) or "machine_info" not in content:
        raise ResultsError(f"{where} was not written by pytest-benchmark")
    for row in rows:
        info = row.get("extra_info") if isinstance(row, dict) else None
        version = info.get("schema") if isinstance(info, dict) else None
        if not isinstance(version, int):
            raise ResultsError(f"{where} was not measured by this suite: its rows carry no schema")
        if version > SCHEMA:
            raise NewerSchemaError(
                f"{where} has schema {version}, this version reads up to {SCHEMA}: update this project"
            )


def _check_rows(where: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """What a schema cannot say."""
    cases = Counter(row["name"] for row in rows if "case" in row["extra_info"])
    for name, count in cases.items():
        if count > 1:
            raise ResultsError(f"{where} holds {name} twice")
    for row in rows:
        training = row["extra_info"].get("training")
        if training and any(len(curve) != training["epochs"] for curve in training["history"].values()):
            raise ResultsError(
                f"{where}: {row['name']} has {training['epochs']} epochs, but longer or shorter curves"
            )


#: In the text of a JSON file: letters that may be more than letters to a terminal.
_UNPRINTABLE = re.compile(r"\\u|\\[bfnrt]|[^\x20-\x7e\s]")


def _make_printable(content: Any) -> Any:
    """``content`` with a question mark for every letter that a terminal or a reader could not show."""
    if isinstance(content, str):
        return make_printable(content, keep="")
    if isinstance(content, dict):
        return {_make_printable(key): _make_printable(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_make_printable(value) for value in content]
    return content


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")


@cache
def _load_validator() -> Callable[[Any], Any]:
    schema = resources.files("bench.contract").joinpath("schema.json").read_text("utf-8")
    return fastjsonschema.compile(json.loads(schema))
