"""The one way to write a file so that nobody finds half of it: needs nothing but the standard library."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def replace_file(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Put ``content`` in the place of whatever ``path`` holds: :func:`replace_files` for one file."""
    replace_files({path: content}, durable=durable)


def replace_files(contents: Mapping[Path, bytes], *, durable: bool = False) -> None:
    """Write every file beside its place first. Then give each its name, in the order of ``contents``.

    Whoever reads a file finds its old content or its new one, never a part. Missing folders are made.
    ``durable``: a file is on the disk, not only in memory, before it gets its name.

    Raises ``OSError`` where a file cannot be written. Then no file that was there has changed, and nothing
    that was begun is left; only a failure to rename, after all were written, leaves some old and some new.
    """
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            written[path] = path.with_name(f".{path.name}-{os.getpid()}")
            _write(written[path], content, durable=durable)
        for path, beside in written.items():
            os.replace(beside, path)
    finally:
        for beside in written.values():
            beside.unlink(missing_ok=True)


def _write(path: Path, content: bytes, *, durable: bool) -> None:
    with path.open("wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
