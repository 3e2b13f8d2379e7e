"""Files beside a trace may be packed with gzip: a log of many steps says the same again and again."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path


def find_file(file: Path) -> Path | None:
    """``file``, or where that is not there the same with ``.gz`` behind its name; None without either."""
    packed = file.with_name(f"{file.name}.gz")
    return next((each for each in (file, packed) if each.exists()), None)


def read_text(file: Path) -> str:
    """The text of ``file``, unpacked if its name ends in ``.gz``; what is no text is replaced.

    Raises ``OSError`` where it cannot be read or unpacked.
    """
    content = file.read_bytes()
    if file.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (EOFError, zlib.error) as error:
            raise OSError(f"it cannot be unpacked: {error}") from error
    return content.decode("utf-8", errors="replace")
