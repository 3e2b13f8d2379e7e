"""The report in a few lines: for programs as JSON, for a pull request as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.markdown import escape_markup, mark_as_code, write_table
from analysis.results.selection import write_environment
from analysis.statistics import verdicts
from analysis.wording import format_milliseconds, format_number

#: Rows of a Markdown table.
_ROWS = 10


def summarize(
    sentences: Sequence[str], cautions: Sequence[str], table: pd.DataFrame, environment: Mapping[str, Any]
) -> dict[str, Any]:
    """As ``summary.json`` has it."""
    found = table["verdict"].value_counts() if len(table) else {}
    return {
        "environment": write_environment(environment),
        "fingerprint": environment["fingerprint"],
        "answer": list(sentences),
        "cautions": list(cautions),
        "verdicts": {word: int(found.get(word, 0)) for word in verdicts.WORDS},
        "comparisons": [
            {
                "pair": row["pair"],
                "ratio": row["ratio"],
                "interval": [row["low"], row["high"]],
                "verdict": row["verdict"],
            }
            for row in table.to_dict("records")
        ],
    }


def write_markdown(summary: Mapping[str, Any], table: pd.DataFrame) -> str:
    """As ``summary.md`` has it; names are code, so that nothing in them is markup."""
    lines = [
        "# Is SeparableConv2D slower than Conv2D here?",
        "",
        f"{escape_markup(summary['environment'])}",
        "",
        *(f"> **Caution:** {escape_markup(caution)}\n" for caution in summary["cautions"]),
        *(f"- {escape_markup(sentence)}" for sentence in summary["answer"]),
    ]
    lines += _tabulate_comparisons(table)
    lines += _tabulate_changes(summary.get("changes", {}).get("cases", ()))
    return "\n".join(lines) + "\n"


def _tabulate_comparisons(table: pd.DataFrame) -> list[str]:
    """The slowest comparisons."""
    if table.empty:
        return []
    slowest = sorted(table.to_dict("records"), key=lambda row: -row["ratio"])[:_ROWS]
    titles = ["comparison", "verdict", "time ratio", "95 % interval", "Conv2D, ms", "separable, ms"]
    rows = [
        [
            mark_as_code(row["pair"]),
            row["verdict"],
            format_number(row["ratio"]),
            f"{format_number(row['low'])} to {format_number(row['high'])}",
            format_milliseconds(row["dense_seconds"]),
            format_milliseconds(row["separable_seconds"]),
        ]
        for row in slowest
    ]
    more = ["", f"The {_ROWS} slowest of {len(table)} comparisons."] if len(table) > _ROWS else []
    return ["", *write_table(titles, rows), *more]


def _tabulate_changes(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """The cases that changed most since the environment before."""
    changed = [case for case in cases if case["verdict"] in verdicts.DIFFERENT]
    largest = sorted(changed, key=lambda case: -abs(math.log(case["ratio"])))[:_ROWS]
    if not largest:
        return []
    titles = ["case", "verdict", "time ratio", "95 % interval", "kernels that changed"]
    rows = [
        [
            mark_as_code(case["id"]),
            case["verdict"],
            format_number(case["ratio"]),
            " to ".join(map(format_number, case["interval"] or ())) or "unknown",
            mark_as_code(case["kernel_changes"]) if case["kernel_changes"] else "",
        ]
        for case in largest
    ]
    more = ["", f"The {_ROWS} largest of {len(changed)} changes."] if len(changed) > _ROWS else []
    return ["", "What changed since the environment before:", "", *write_table(titles, rows), *more]
