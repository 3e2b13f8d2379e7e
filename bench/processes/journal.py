"""Every finished measurement on disk before the next begins, so that nothing is lost with the process.

A journal is a file of records, a line each: a checksum and JSON. A line that was cut off or damaged counts
as not written, and what it held is measured again. What is kept is known by a hash of everything that is
measured (what, by which code, in which environment), so that nothing stale is ever taken up.

A record is one of::

    {"run": {...}, "context": ...}                  a process began or went on; what it was asked for
    {"begun": key, "name": ...}                     this is being measured now
    {"left": key}                                   and failed, with an error that its test shows
    {"kept": key, "name": ..., "value": {...}}      and this is what came of it
    {"died": key, "signal": 9, "timeout": null, "status": null}     the process did, as its supervisor saw

A journal is given up record by record, when what a record holds has been saved. Whatever else it holds stays
until it is taken up (``--resume``) or the user gives it up (``--discard``).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import itertools
import json
import os
import signal
import uuid
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
        self._context = digest_context(context)
        #: The journal of an earlier run that was set aside, if there was one.
        self.abandoned: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _locked(path)
            if not resume and count_kept(path):
                self.abandoned = _unused_name(path)
                self._file.close()
                os.replace(path, self.abandoned)
                self._file = _locked(path)
            elif not resume:
                self._file.truncate(0)
            _cut_off_tail(self._file)
        except OSError as error:
            raise JournalError(f"cannot keep a journal in {path}: {error.strerror}") from error
        records = list(read_records(path))
        #: What the run that this one goes on with was asked for.
        self.first_run: Mapping[str, Any] = _first_run(records, self._context)
        self._kept: dict[str, Any] = {}
        #: How many measurements are kept here that were made with other options, code or environments.
        self.of_others = 0
        for record in records:
            if "kept" not in record:
                continue
            if record["kept"] == self._key(record["name"]):
                self._kept[record["kept"]] = record["value"]
            else:
                self.of_others += 1
        #: Measurements that this process made or took up.
        self._used: set[str] = set()
        self._deaths = _deaths(records)

    @property
    def count(self) -> int:
        """How many measurements are kept that this run can take up."""
        return len(self._kept)

    def begin_run(self, facts: Mapping[str, Any]) -> None:
        """Say what this process was asked for."""
        self._append({"run": dict(facts), "context": self._context})

    def kept(self, name: str) -> Any:
        """What came of ``name``, or ``None``."""
        key = self._key(name)
        if key in self._kept:
            self._used.add(key)
        return self._kept.get(key)

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
        self._used.add(key)
        self._watch(self._path, None, name)

    def why_not(self, name: str) -> str | None:
        """Why ``name`` must not be tried again: it has killed the process too often."""
        deaths = self._deaths.get(self._key(name), ())
        hung = next((death["timeout"] for death in deaths if death["timeout"]), None)
        if hung:
            return f"took longer than {hung:g} s, the --case-timeout"
        seen = [death for death in deaths if death["signal"] or death.get("status") is not None]
        if len(seen) >= _DEATHS:
            did = "killed" if seen[-1]["signal"] else "ended"
            how = describe_ending(seen[-1]["signal"], seen[-1].get("status"))
            return f"{did} the process {len(seen)} times ({how})"
        if len(deaths) >= _UNSEEN_DEATHS:
            return f"the process died {len(deaths)} times while it was measured"
        return None

    def forget_saved(self) -> int:
        """Give up what this process used, which is saved elsewhere; returns how many measurements stay.

        Those belong to a later run, and so get a run record of their own.
        """
        stay = [record for record in read_records(self._path) if not self._is_done(record)]
        kept = sum("kept" in record for record in stay)
        if kept:
            own = any(record.get("kept") in self._kept for record in stay)
            facts = {"id": make_id(), "shuffle_seed": self.first_run.get("shuffle_seed")}
            run = {"run": facts, "context": self._context}
            _rewrite(self._path, [*([run] if own else []), *stay])
        else:
            self._path.unlink(missing_ok=True)
        self.close()
        return kept

    def _is_done(self, record: Mapping[str, Any]) -> bool:
        if "kept" in record:
            return record["kept"] in self._used
        # What else is written concerns a process of these options, or of others.
        return record.get("context", self._context) == self._context

    def close(self) -> None:
        self._file.close()

    def _key(self, name: str) -> str:
        return _key(self._context, name)

    def _append(self, record: Mapping[str, Any]) -> None:
        try:
            _write(self._file, record)
        except OSError as error:
            raise JournalError(
                f"cannot write {self._path} ({error.strerror}); what was measured so far is kept: mend that, "
                "and go on with --resume"
            ) from error


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The records that are whole, in their order. A journal that does not exist has none."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        checksum, _, text = line.partition(b" ")
        if checksum == _checksum(text):
            yield json.loads(text)


def read_first_run(path: Path, context: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the first process that measured with this ``context`` was asked for; empty if none did."""
    return _first_run(read_records(path), digest_context(context))


def _first_run(records: Iterable[Mapping[str, Any]], context: str) -> Mapping[str, Any]:
    runs = (record["run"] for record in records if "run" in record and record.get("context") == context)
    return next(runs, {})


def list_journals(folder: Path) -> dict[Path, int]:
    """By journal, set aside or not: how many measurements it keeps."""
    paths = sorted((*folder.glob("*.journal"), *folder.glob("*.abandoned")))
    counts = {path: count_kept(path) for path in paths}
    return {path: kept for path, kept in counts.items() if kept}


def count_kept(path: Path) -> int:
    """How many measurements a journal keeps, whoever's they are."""
    return sum("kept" in record for record in read_records(path))


def count_successes(path: Path) -> int:
    """How many of its measurements were made; the others say why one could not be."""
    return sum("kept" in record and _has_rounds(record["value"]) for record in read_records(path))


def _has_rounds(value: Any) -> bool:
    """Of a single case, or by case."""
    parts = [value, *value.values()] if isinstance(value, dict) else []
    return any(isinstance(part, dict) and "rounds" in part for part in parts)


def restore_journal(aside: Path, path: Path, context: Mapping[str, Any]) -> None:
    """Put a journal that was set aside back to ``path``; what is kept there is set aside itself.

    Raises :class:`JournalError` where it keeps nothing, or nothing that was measured with this ``context``.
    """
    records = list(read_records(aside))
    names = {record["kept"]: record["name"] for record in records if "kept" in record}
    if not names:
        raise JournalError(f"{aside} is no journal that keeps anything")
    own = digest_context(context)
    if not any(key == _key(own, name) for key, name in names.items()):
        raise JournalError(
            f"what {aside} keeps was measured with other options, another environment or other code"
        )
    with contextlib.closing(_locked(path)):
        if count_kept(path):
            os.replace(path, _unused_name(path))
        os.replace(aside, path)


def record_death(
    path: Path, key: str, signal_number: int | None, timeout: float | None, status: int | None = None
) -> None:
    """Say in a dead process's journal what ended it: a signal, its time, or native code by ``status``."""
    with path.open("r+b") as file:
        _cut_off_tail(file)
        _write(file, {"died": key, "signal": signal_number, "timeout": timeout, "status": status})


def describe_ending(signal_number: int | None, status: int | None) -> str:
    """``SIGKILL``, or ``exit status 1``."""
    return name_signal(signal_number) if signal_number else f"exit status {status}"


def name_signal(number: int) -> str:
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
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            return file  # a file system without locks: nobody can be seen there
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


def _rewrite(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """All of ``records`` in the place of what is there, or nothing new."""
    made = path.with_suffix(".new")
    with made.open("wb") as file:
        for record in records:
            _write(file, record)
    os.replace(made, path)


def _unused_name(path: Path) -> Path:
    """Where a journal is set aside: beside it, under a name that none has."""
    for number in itertools.count(1):
        aside = path.with_suffix(f".{number}.abandoned")
        if not aside.exists():
            return aside
    raise AssertionError("there is always another number")


def make_id() -> str:
    """What a run is known by wherever its file is met."""
    return uuid.uuid4().hex


def digest_context(context: Mapping[str, Any]) -> str:
    """What a context is known by."""
    return hashlib.sha256(json.dumps(context, sort_keys=True, default=str).encode()).hexdigest()


def _key(context: str, name: str) -> str:
    return hashlib.sha256(f"{context} {name}".encode()).hexdigest()[:20]


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
