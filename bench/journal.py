"""Every finished measurement on disk before the next begins, so that nothing is lost with the process.

A journal is a file of records, a line each: a checksum and JSON. A line that was cut off or damaged counts
as not written, and what it held is measured again. What is kept is known by a hash of everything that is
measured (what, by which code, in which environment), so that nothing stale is ever taken up.

A record is one of::

    {"run": {...}}                                  a process began or went on; what it was asked for
    {"begun": key, "name": ...}                     this is being measured now
    {"left": key}                                   and failed, with an error that its test shows
    {"kept": key, "name": ..., "value": {...}}      and this is what came of it
    {"died": key, "signal": 9, "timeout": null}     the process did, as its supervisor saw
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

#: Two deaths that a supervisor saw are the case's own; one may be anybody's.
_DEATHS = 2
#: Deaths that took the supervisor along may be the machine's, or a person's.
_UNSEEN_DEATHS = 3


class JournalError(RuntimeError):
    """What keeps the journal from being written, in one sentence."""


class Journal:
    """What this run, and those that it goes on with, have measured.

    ``context`` is what every measurement depends on besides its own name. ``watch`` is told what is being
    measured: its key and name, or ``None`` when nothing is.
    """

    def __init__(
        self,
        path: Path,
        context: Mapping[str, Any],
        *,
        resume: bool,
        watch: Callable[[Path, str | None, str], None] = lambda path, key, name: None,
    ) -> None:
        self._path, self._watch = path, watch
        self._context = hashlib.sha256(json.dumps(context, sort_keys=True, default=str).encode()).hexdigest()
        #: The journal of an earlier run that was set aside, if there was one.
        self.abandoned: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _locked(path)
            if not resume and path.stat().st_size:
                self.abandoned = path.with_suffix(".abandoned")
                self._file.close()
                os.replace(path, self.abandoned)
                self._file = _locked(path)
            _cut_off_tail(self._file)
        except OSError as error:
            raise JournalError(f"cannot keep a journal in {path}: {error.strerror}") from error
        records = list(read(path))
        #: What the run that this one goes on with was asked for.
        self.first_run: Mapping[str, Any] = next((record["run"] for record in records if "run" in record), {})
        self._kept = {record["kept"]: record["value"] for record in records if "kept" in record}
        self._deaths = _deaths(records)

    @property
    def count(self) -> int:
        """How many measurements are kept."""
        return len(self._kept)

    def begin_run(self, facts: Mapping[str, Any]) -> None:
        """Say what this process was asked for."""
        self._append({"run": dict(facts)})

    def kept(self, name: str) -> Any:
        """What came of ``name``, or ``None``."""
        return self._kept.get(self._key(name))

    def begin(self, name: str) -> None:
        """From here on, whatever kills the process does it while ``name`` is measured."""
        key = self._key(name)
        self._append({"begun": key, "name": name})
        self._watch(self._path, key, name)

    def leave(self, name: str) -> None:
        """``name`` failed; it will be tried again by whoever goes on."""
        self._append({"left": self._key(name)})
        self._watch(self._path, None, name)

    def keep(self, name: str, value: Any) -> None:
        """This came of ``name``; it is on disk when this returns."""
        key = self._key(name)
        self._append({"kept": key, "name": name, "value": value})
        self._kept[key] = value
        self._watch(self._path, None, name)

    def why_not(self, name: str) -> str | None:
        """Why ``name`` must not be tried again: it has killed the process too often."""
        deaths = self._deaths.get(self._key(name), ())
        hung = next((death["timeout"] for death in deaths if death["timeout"]), None)
        if hung:
            return f"took longer than {hung:g} s, the --case-timeout"
        seen = [death["signal"] for death in deaths if death["signal"]]
        if len(seen) >= _DEATHS:
            return f"killed the process {len(seen)} times ({signal_name(seen[-1])})"
        if len(deaths) >= _UNSEEN_DEATHS:
            return f"the process died {len(deaths)} times while it was measured"
        return None

    def forget(self) -> None:
        """All is saved elsewhere."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        self._file.close()

    def _key(self, name: str) -> str:
        return hashlib.sha256(f"{self._context} {name}".encode()).hexdigest()[:20]

    def _append(self, record: Mapping[str, Any]) -> None:
        try:
            _write(self._file, record)
        except OSError as error:
            raise JournalError(
                f"cannot write {self._path} ({error.strerror}); what was measured so far is kept: mend that, "
                "and go on with --resume"
            ) from error


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records that are whole, in their order. A journal that does not exist has none."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        checksum, _, text = line.partition(b" ")
        if checksum == _checksum(text):
            yield json.loads(text)


def record_death(path: Path, key: str, signal_number: int | None, timeout: float | None) -> None:
    """Say in a dead process's journal what ended it."""
    with path.open("r+b") as file:
        _cut_off_tail(file)
        _write(file, {"died": key, "signal": signal_number, "timeout": timeout})


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _deaths(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """By key: how often the process died while that was measured, as far as anybody saw how."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    begun: str | None = None
    for record in (*records, {"run": {}}):
        if "died" in record:
            found.setdefault(record["died"], []).append(record)
        elif "run" in record and begun:
            found.setdefault(begun, []).append({"signal": None, "timeout": None})
        begun = record.get("begun")
    return found


def _locked(path: Path) -> BinaryIO:
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise JournalError(
            f"another run is measuring in this environment and keeps its journal in {path}: wait for it, or "
            "give another --benchmark-storage"
        ) from None
    return file


def _cut_off_tail(file: BinaryIO) -> None:
    """Leave whole lines only, so that what is written next is a line of its own."""
    file.seek(0)
    content = file.read()
    file.truncate(content.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)


def _write(file: BinaryIO, record: Mapping[str, Any]) -> None:
    text = json.dumps(record, separators=(",", ":")).encode()
    file.write(_checksum(text) + b" " + text + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


def code_version() -> str:
    """A hash of this package's code: of what measures."""
    found = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()[:12]
