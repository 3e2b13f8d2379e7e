"""Watches over what pytest-benchmark saves when a session ends: whole files of whole runs, or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Saving:
    """What ``saver``, pytest-benchmark's session, writes into ``storage``, or where it was told to.

    Files that are there when this is made are none of its own.
    """

    def __init__(self, saver: Any, storage: Path) -> None:
        self._saver = saver
        self._storage = storage
        self._before = set(storage.rglob("*.json"))

    def has_saved(self) -> bool:
        """Whether a file was written, if pytest-benchmark has come so far that it would have written one."""
        if self._saver.save or self._saver.autosave:
            return bool(self._find_new_files())
        return will_save(self._saver)

    def remove_half_written(self) -> None:
        """Remove what a full disk left of a file; another run may have saved a whole one beside it."""
        for file in self._find_new_files():
            try:
                json.loads(file.read_bytes())
            except ValueError:
                file.unlink()

    def _find_new_files(self) -> set[Path]:
        return set(self._storage.rglob("*.json")) - self._before


def will_save(saver: Any) -> bool:
    """Whether pytest-benchmark's session was told to save."""
    return bool(saver.save or saver.autosave or saver.json)


def prevent_saving(saver: Any) -> None:
    """Have pytest-benchmark's session save nothing."""
    saver.save = None
    saver.autosave = None
    saver.json = None
