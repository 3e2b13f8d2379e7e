"""A report in memory -> a folder with ``index.html``, ``figures/`` and ``data/``; all of it, or nothing."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.report.build import Report


def write(report: Report, folder: Path) -> None:
    """Put ``report`` into ``folder``: everything is made elsewhere first, and the page comes last.

    Other files in ``folder`` stay, but for figures and data of an earlier report. Raises ``OSError``
    where it cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".report-") as made:
        files = []
        for picture in report.pictures:
            files.append(_write(Path(made, "figures", f"{picture.key}.svg"), picture.svg))
            if picture.png:
                files.append(_write(Path(made, "figures", f"{picture.key}.png"), picture.png))
        for name, table in report.tables.items():
            plain = _plain(table)
            files.append(_write(Path(made, "data", f"{name}.csv"), plain.to_csv(index=False).encode()))
            files.append(_write(Path(made, "data", f"{name}.parquet"), plain.to_parquet(index=False)))
        short = json.dumps(report.summary, indent=1, allow_nan=False) + "\n"
        files.append(_write(Path(made, "summary.json"), short.encode()))
        files.append(_write(Path(made, "summary.md"), report.markdown.encode()))
        files.append(_write(Path(made, "index.html"), report.html.encode()))
        for file in files:
            target = folder / file.relative_to(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
    written = {file.relative_to(made) for file in files}
    for old in (*folder.glob("figures/*.*"), *folder.glob("data/*.*")):
        if old.relative_to(folder) not in written:
            old.unlink()


def point_latest(folder: Path) -> None:
    """Let ``latest`` beside ``folder`` point to it, at no moment to nothing."""
    link = folder.parent / "latest"
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} is no link, so it cannot point to {folder}: move it away")
    made = folder.parent / f".latest-{os.getpid()}"
    made.symlink_to(folder.name, target_is_directory=True)
    os.replace(made, link)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """A table of numbers and texts: what is neither becomes text, as CSV and Parquet need it."""

    def plain(value: Any) -> Any:
        return value if value is None or isinstance(value, str | float) else str(value)

    others = [name for name in table if pd.api.types.is_object_dtype(table[name])]
    return table.assign(**{name: [plain(value) for value in table[name]] for name in others})


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
