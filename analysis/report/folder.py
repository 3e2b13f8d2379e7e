"""A report in memory -> a folder with ``index.html``, ``figures/`` and ``data/``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import writing
from analysis.report.build import Report

#: Significant digits of numbers in CSV files, more than any was measured with. Parquet has all.
_DIGITS = 12


def write_report(report: Report, folder: Path) -> None:
    """Put ``report`` into ``folder``, the page last; other files stay (see ``writing.write_folder``)."""
    contents: dict[str, bytes] = {}
    for figure in report.figures:
        contents[f"figures/{figure.key}.svg"] = figure.svg
        if figure.png:
            contents[f"figures/{figure.key}.png"] = figure.png
    for name, table in report.tables.items():
        plain = _make_plain_table(table)
        contents[f"data/{name}.csv"] = plain.to_csv(index=False, float_format=f"%.{_DIGITS}g").encode()
        contents[f"data/{name}.parquet"] = plain.to_parquet(index=False)
    short = json.dumps(report.summary, indent=1, allow_nan=False) + "\n"
    contents["summary.json"] = short.encode()
    contents["summary.md"] = report.markdown.encode()
    contents["index.html"] = report.html.encode()
    writing.write_folder(folder, contents)


def point_latest(folder: Path) -> bool:
    """Let ``latest`` beside ``folder`` point to it, at no moment to nothing; whether it does.

    Some file systems have no links, and then there is none.
    """
    link = folder.parent / "latest"
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} is no link, so it cannot point to {folder}: move it away")
    made = folder.parent / f".latest-{os.getpid()}"
    try:
        made.symlink_to(folder.name, target_is_directory=True)
    except (OSError, NotImplementedError):
        return False
    os.replace(made, link)
    return True


def _make_plain_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table of numbers and texts: what is neither becomes text, as CSV and Parquet need it."""

    def convert_value(value: Any) -> Any:
        return value if value is None or isinstance(value, str | float) else str(value)

    others = [name for name in table if pd.api.types.is_object_dtype(table[name])]
    return table.assign(**{name: [convert_value(value) for value in table[name]] for name in others})
