"""A report in memory -> a folder with ``index.html``, ``figures/`` and ``data/``; all of it, or nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

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
        for name, table in report.tables.items():
            files.append(_write(Path(made, "data", f"{name}.csv"), table.to_csv(index=False).encode()))
        files.append(_write(Path(made, "index.html"), report.html.encode()))
        for file in files:
            target = folder / file.relative_to(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
    written = {file.relative_to(made) for file in files}
    for old in (*folder.glob("figures/*.svg"), *folder.glob("data/*.csv")):
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


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
