"""What changed between two environments, as a comment for a pull request.

It stays short however many cases there are: at most 60 lines, and far below the 65,536 characters that
GitHub allows. Foreign text is cut, and is code or escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.answers.changes import describe_detectable, list_differences, write_kernel_changes
from analysis.environments.changes import Changes
from analysis.environments.kernels import KernelChange, group_kernel_changes
from analysis.environments.naming import name_environments
from analysis.markdown import escape_markup, mark_as_code, write_table
from analysis.statistics import verdicts
from analysis.wording import format_milliseconds, format_speed, join_words

#: The most rows of the table with each verdict, the most lines of a kind, the most names in a line, and the
#: most letters of a name and of a sentence.
_MOST_ROWS = {verdicts.SLOWER: 10, verdicts.FASTER: 5}
_MOST_LINES, _MOST_NAMES = 6, 12
_MOST_LETTERS, _LONGEST_SENTENCE = 200, 600


def write_comment(changes: Changes) -> str:
    """The verdict first; then warnings, what changed, and which kernels; the rest is folded."""
    changed = _select_changed(changes.cases)
    shown = pd.concat([rows.head(_MOST_ROWS[word]) for word, rows in changed.items()])
    rest = changes.cases.drop(shown.index)
    blocks = [
        [_write_verdict(changes)],
        list(_list_warnings(changes)),
        list(_list_differences(changes)),
        _tabulate(shown),
        list(_list_kernels(changes)),
        ["<details><summary>Everything else</summary>"],
        list(_list_rest(changes, rest)),
        ["</details>"],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _select_changed(cases: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The slower and the faster cases, each with the largest change first."""
    ordered = cases.sort_values("ratio", ascending=False)
    slower = ordered[ordered["verdict"] == verdicts.SLOWER]
    faster = ordered[ordered["verdict"] == verdicts.FASTER][::-1]
    return {verdicts.SLOWER: slower, verdicts.FASTER: faster}


def _write_verdict(changes: Changes) -> str:
    counts, total = changes.count_verdicts(), len(changes.cases)
    base, new = (_write_name(name) for name in name_environments([changes.base, changes.new]))
    slower, undecided = counts[verdicts.SLOWER], counts[verdicts.UNDECIDED]
    if undecided == total:
        return f"**Nothing is decided** of {_count(total, 'case')} from {base} to {new}."
    said = f"{slower} of {_count(total, 'case')} got slower" if slower else "No case got slower"
    others = {
        "faster": counts[verdicts.FASTER],
        "the same": counts[verdicts.SAME],
        "undecided": undecided,
    }
    counted = [f"{count} {word}" for word, count in others.items() if count]
    return f"**{said}** from {base} to {new}{f'; {join_words(counted)}' if counted else ''}."


def _list_warnings(changes: Changes) -> Iterator[str]:
    """What a reader must know before believing any number, also that a case has none any more."""
    missing = changes.only_in_base
    if missing:
        yield (
            f"- **Warning:** {_count(len(missing), 'case')} measured only in the base, perhaps because of a "
            f"failure in the new environment: {_list_names(missing)}"
        )
    found = changes.warnings
    for warning in found[:_MOST_LINES]:
        yield f"- **Warning:** {_write_sentence(warning)}"
    if len(found) > _MOST_LINES:
        yield f"- {len(found) - _MOST_LINES} more warnings: `python -m analysis compare` prints them all."


def _list_differences(changes: Changes) -> Iterator[str]:
    differences = list_differences(changes.base, changes.new)
    if differences:
        yield f"What differs: {_list_names(differences)}"


def _tabulate(shown: pd.DataFrame) -> list[str]:
    """The cases that changed most: a row each, with the other kernel where there is one."""
    if shown.empty:
        return []
    titles = ["verdict", "case", "time (95 % interval)", "ms"]
    has_kernels = shown["kernel_changes"].ne("").any()
    if has_kernels:
        titles.append("other kernels")
    rows = []
    for row in shown.to_dict("records"):
        cells = [
            row["verdict"],
            _write_name(row["id"]),
            format_speed(row["ratio"], row["low"], row["high"]),
            f"{format_milliseconds(row['base_seconds'])} → {format_milliseconds(row['new_seconds'])}",
        ]
        if has_kernels:
            cells.append(_write_name(row["kernel_changes"]) if row["kernel_changes"] else "")
        rows.append(cells)
    return write_table(titles, rows)


def _list_kernels(changes: Changes) -> Iterator[str]:
    """Which kernels changed, and what became of the time of their cases."""
    found = group_kernel_changes(changes.cases)
    yield from (_write_sentence(sentence) for sentence in write_kernel_changes(changes))
    if found:
        yield ""
    yield from (_write_kernel_change(change) for change in found[:_MOST_LINES])
    if len(found) > _MOST_LINES:
        yield f"- {len(found) - _MOST_LINES} more changes of kernels"


def _write_kernel_change(change: KernelChange) -> str:
    return f"- {_write_name(change.words)} in {_count(len(change.ids), 'case')}: {change.counted}"


def _list_rest(changes: Changes, rest: pd.DataFrame) -> Iterator[str]:
    """Every case that has no row in the table; then what could have been seen."""
    for word in (verdicts.SLOWER, verdicts.FASTER, verdicts.SAME):
        rows = rest[rest["verdict"] == word]
        if len(rows):
            yield f"- {len(rows)} {word}: {_list_cases(rows)}"
    undecided = rest[rest["verdict"] == verdicts.UNDECIDED]
    for reason_code, rows in undecided.groupby("reason_code", sort=False):
        yield f"- {len(rows)} undecided ({verdicts.REASONS[reason_code]}): {_list_cases(rows)}"
    added = changes.only_in_new
    if added:
        yield f"- {_count(len(added), 'case')} measured only in the new environment: {_list_names(added)}"
    detectable = describe_detectable(changes)
    if detectable:
        yield f"- {detectable}"


def _list_cases(rows: pd.DataFrame) -> str:
    return _list_some([_write_case(row) for row in rows.to_dict("records")])


def _write_case(row: Mapping[str, Any]) -> str:
    return f"{_write_name(row['id'])} {format_speed(row['ratio'], row['low'], row['high'])}"


def _list_names(names: Sequence[str]) -> str:
    return _list_some([_write_name(name) for name in names])


def _list_some(parts: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(parts) - _MOST_NAMES
    return "; ".join([*parts[:_MOST_NAMES], *([f"and {more} more"] if more > 0 else [])])


def _write_name(name: str) -> str:
    return mark_as_code(_cut(name, _MOST_LETTERS))


def _write_sentence(sentence: str) -> str:
    return escape_markup(_cut(sentence, _LONGEST_SENTENCE))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
