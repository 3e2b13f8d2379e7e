"""The report in a few lines: for programs as JSON, for a pull request as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.results.selection import write_environment
from analysis.statistics import verdicts
from analysis.wording import format_milliseconds, format_number

#: Rows of the Markdown table: the slowest comparisons.
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
        f"{_escape_markup(summary['environment'])}",
        "",
        *(f"> **Caution:** {_escape_markup(caution)}\n" for caution in summary["cautions"]),
        *(f"- {_escape_markup(sentence)}" for sentence in summary["answer"]),
    ]
    if len(table):
        lines += [
            "",
            "| comparison | verdict | time ratio | 95 % interval | Conv2D, ms | separable, ms |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        slowest = sorted(table.to_dict("records"), key=lambda row: -row["ratio"])[:_ROWS]
        for row in slowest:
            cells = (
                _mark_as_code(row["pair"]),
                row["verdict"],
                format_number(row["ratio"]),
                f"{format_number(row['low'])} to {format_number(row['high'])}",
                format_milliseconds(row["dense_seconds"]),
                format_milliseconds(row["separable_seconds"]),
            )
            lines.append(f"| {' | '.join(cells)} |")
        if len(table) > _ROWS:
            lines += ["", f"The {_ROWS} slowest of {len(table)} comparisons."]
    return "\n".join(lines) + "\n"


def _mark_as_code(text: str) -> str:
    return f"`{text.replace('`', '').replace('|', '')}`"


def _escape_markup(text: str) -> str:
    """Text in which nothing is markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in text)
