"""Result files: which there are, and what each holds, checked."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import fastjsonschema

from analysis import commands
from bench.contract.cases import SCHEMA

#: Of a file packed with gzip: results of many runs are kept so.
_PACKED = ".gz"


class ResultsError(ValueError):
    """One sentence that names the file and says what is wrong with it."""


def find_files(paths: Sequence[Path]) -> list[Path]:
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
        content = read_content(file)
        if b'"machine_info"' in content or b'"benchmarks"' in content:
            return False
        json.loads(content)
    except (OSError, ValueError, EOFError, zlib.error, RecursionError):
        return False
    return True


def read_content(file: Path) -> bytes:
    saved = file.read_bytes()
    return gzip.decompress(saved) if file.suffix == _PACKED else saved


def read_file(file: Path) -> dict[str, Any]:
    try:
        text = read_content(file).decode("utf-8")
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
        json.loads(resources.files("bench.contract").joinpath("schema.json").read_text("utf-8"))
    )
