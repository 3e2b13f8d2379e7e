"""The small text files in which Linux says what no library asks for."""

from __future__ import annotations

from pathlib import Path


def read_system_file(path: Path) -> str | None:
    """Its text without the space around it; ``None`` where there is no such file, or it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
