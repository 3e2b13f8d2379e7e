"""What rows of several tables have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from analysis.results.files import ResultsError
from bench.contract.cases import ConvCase

_Row = dict[str, Any]


def read_case(file: Path, fields: Mapping[str, Any]) -> ConvCase:
    """The case that ``fields`` are. Raises :class:`ResultsError` where it cannot exist."""
    try:
        return ConvCase.from_dict(fields)
    except ValueError as error:
        raise ResultsError(f"{file} holds a case that cannot exist: {error}") from error


def is_contaminated(info: Mapping[str, Any]) -> bool:
    """Whether something disturbed what a row was measured by; ``info`` is its ``extra_info``."""
    return bool((info.get("noise") or {}).get("contaminated"))


def find_trace_folder(file: Path, trace: str | None) -> Path | None:
    """Where a row's trace lies: below the working folder, or beside the folder of its result file.

    A file may name no other place: it is data, and may come from anybody.
    """
    if not trace or Path(trace).is_absolute() or ".." in Path(trace).parts:
        return None
    for folder in (Path(trace), file.parent.parent / trace):
        try:
            if folder.is_dir():
                return folder
        except (OSError, ValueError):  # a name that no folder can have
            return None
    return None


def add_ratios(
    file: Path,
    rows: Iterable[_Row],
    *,
    find_group: Callable[[_Row], Hashable],
    is_base: Callable[[_Row], bool],
    name: Callable[[_Row], str],
) -> None:
    """The ratios of turns, which a packed file leaves out: own time over that of the group's base.

    Raises :class:`ResultsError` where a row has a ratio and no turns that it could be of.
    """
    rows = list(rows)
    base_turns = {find_group(row): row["turns"] for row in rows if is_base(row)}
    for row in rows:
        if row["ratio"] is None or row["ratios"] is not None:
            continue
        own, base = row["turns"], base_turns.get(find_group(row))
        if not own or not base or len(own) != len(base):
            raise ResultsError(f"{file} holds {name(row)} without the turns that its ratio is of")
        row["ratios"] = [one / other for one, other in zip(own, base, strict=True)]
