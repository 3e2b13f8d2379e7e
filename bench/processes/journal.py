"""Every finished measurement on disk before the next begins, so that nothing is lost with the process.

What is kept is known by a hash of everything that it depends on (what was measured, by which code, in which
environment). So what is out of date is never taken up.

A journal is given up record by record, when what a record holds has been saved. Whatever else it holds stays
until a run takes it up (``--resume``) or the user gives it up (``--discard``).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bench.contract.writing import replace_file
from bench.processes.deaths import explain_deaths, find_deaths
from bench.processes.locking import lock
from bench.processes.records import append_record, count_kept, cut_off_tail, encode_record, read_records


class JournalError(RuntimeError):
    """What keeps the journal from being written, in one sentence."""


class Journal:
    """What this run, and those that it goes on with, have measured.

    ``context`` is what every measurement depends on besides its own name. ``watch`` is told what is being
    measured: the journal, a key or ``None`` when nothing is, and a name. Raises :class:`JournalError`.
    """

    def __init__(
        self,
        path: Path,
        context: Mapping[str, Any],
        *,
        resume: bool,
        watch: Callable[[Path, str | None, str], None] = lambda path, key, name: None,
    ) -> None:
        self._path = path
        self._watch = watch
        self._context = digest_context(context)
        self._lock = _lock_journal(path)
        #: The journal of an earlier run that was set aside, if there was one.
        self.abandoned: Path | None = None
        try:
            if not resume:
                self.abandoned = _set_aside(path)
            self._file = path.open("a+b")
            if not resume:
                self._file.truncate(0)
            cut_off_tail(self._file)
        except OSError as error:
            self._lock.release()
            raise _cannot_keep(path, error) from error
        records = list(read_records(path))
        #: What the run that this one goes on with was asked for.
        self.first_run: Mapping[str, Any] = _find_first_run(records, self._context)
        self._kept: dict[str, Any] = {
            record["kept"]: record["value"]
            for record in records
            if "kept" in record and record["kept"] == self._key(record["name"])
        }
        #: The keys of the measurements that this process made or took up.
        self._used: set[str] = set()
        self._deaths = find_deaths(records)

    @property
    def count(self) -> int:
        """How many measurements are kept that this run can take up."""
        return len(self._kept)

    def begin_run(self, facts: Mapping[str, Any]) -> None:
        """Record what this process was asked for."""
        self._append({"run": dict(facts), "context": self._context})

    def take_up(self, name: str) -> Any:
        """What was kept of ``name``, from now on used by this run; ``None`` where nothing was."""
        key = self._key(name)
        if key in self._kept:
            self._used.add(key)
        return self._kept.get(key)

    def begin(self, name: str) -> None:
        """Record that ``name`` is measured from now on: a death of the process counts as its fault."""
        key = self._key(name)
        self._append({"begun": key, "name": name})
        self._watch(self._path, key, name)

    def leave(self, name: str) -> None:
        """Record that ``name`` is measured no longer. Nothing is kept of it, so it will be tried again."""
        self._append({"left": self._key(name)})
        self._watch(self._path, None, name)

    def keep(self, name: str, value: Any, *, has_samples: bool) -> None:
        """Record what came of ``name``. It is on the disk when this returns.

        ``has_samples`` tells a measurement from the reason why there is none.
        """
        key = self._key(name)
        self._append({"kept": key, "name": name, "value": value, "has_samples": has_samples})
        self._kept[key] = value
        self._used.add(key)
        self._watch(self._path, None, name)

    def explain_refusal(self, name: str) -> str | None:
        """Why ``name`` must not be tried again: it has ended the process too often. ``None`` where it may."""
        return explain_deaths(self._deaths.get(self._key(name), ()))

    def forget_saved(self) -> int:
        """Remove what this process used, which is saved elsewhere, and close the journal.

        Returns how many measurements stay. They belong to a later run, so those of this context get a run
        record of their own.
        """
        stay = [record for record in read_records(self._path) if not self._is_done(record)]
        count = sum("kept" in record for record in stay)
        # Closed first: some systems replace or remove no file that is open. The lock is held on.
        self._file.close()
        if count:
            if any(record.get("kept") in self._kept for record in stay):
                facts = {"id": make_id(), "shuffle_seed": self.first_run.get("shuffle_seed")}
                stay.insert(0, {"run": facts, "context": self._context})
            replace_file(self._path, b"".join(map(encode_record, stay)), durable=True)
        else:
            self._path.unlink(missing_ok=True)
        self.close()
        return count

    def _is_done(self, record: Mapping[str, Any]) -> bool:
        """Whether ``record`` is needed no more, once what this process used is saved."""
        if "kept" in record:
            return record["kept"] in self._used
        # The rest tells of runs. Those of another context may still be gone on with.
        return record.get("context", self._context) == self._context

    def close(self) -> None:
        """Let another run have the journal."""
        self._file.close()
        self._lock.release()

    def _key(self, name: str) -> str:
        return _compute_key(self._context, name)

    def _append(self, record: Mapping[str, Any]) -> None:
        try:
            append_record(self._file, record)
        except OSError as error:
            raise JournalError(
                f"cannot write {self._path} ({error.strerror}); what was measured so far is kept: mend that, "
                "and go on with --resume"
            ) from error


def read_first_run(path: Path, context: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the first process that measured with this ``context`` was asked for; empty if none did."""
    return _find_first_run(read_records(path), digest_context(context))


def list_journals(folder: Path) -> dict[Path, int]:
    """The journals that keep anything, set aside or not, each with the number of measurements it keeps."""
    paths = sorted([*folder.glob("*.journal"), *folder.glob("*.abandoned")])
    counts = {path: count_kept(path) for path in paths}
    return {path: count for path, count in counts.items() if count}


def restore_journal(aside: Path, path: Path, context: Mapping[str, Any]) -> None:
    """Put a journal that was set aside back to ``path``; what is kept there is set aside itself.

    Raises :class:`JournalError` where it keeps nothing, or nothing that was measured with this ``context``.
    """
    kept = [record for record in read_records(aside) if "kept" in record]
    if not kept:
        raise JournalError(f"{aside} is no journal that keeps anything")
    digest = digest_context(context)
    if not any(record["kept"] == _compute_key(digest, record["name"]) for record in kept):
        raise JournalError(
            f"what {aside} keeps was measured with other options, another environment or other code"
        )
    held = _lock_journal(path)
    try:
        _set_aside(path)
        os.replace(aside, path)
    finally:
        held.release()


def make_id() -> str:
    """A new name for a run, by which it is known wherever its file is met."""
    return uuid.uuid4().hex


def digest_context(context: Mapping[str, Any]) -> str:
    """A hash, equal for equal contexts."""
    return hashlib.sha256(json.dumps(context, sort_keys=True, default=str).encode()).hexdigest()


def _compute_key(context: str, name: str) -> str:
    """What a measurement is known by; ``context`` is its digest."""
    return hashlib.sha256(f"{context} {name}".encode()).hexdigest()[:20]


def _find_first_run(records: Iterable[Mapping[str, Any]], context: str) -> Mapping[str, Any]:
    for record in records:
        if "run" in record and record.get("context") == context:
            return record["run"]
    return {}


def _lock_journal(path: Path) -> FileLock:
    """The lock on ``path``, whose folder is made. Raises :class:`JournalError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return lock(path)
    except Timeout:
        raise JournalError(
            f"another run is measuring in this environment and keeps its journal in {path}: wait for it, or "
            "give another --benchmark-storage"
        ) from None
    except OSError as error:
        raise _cannot_keep(path, error) from error


def _cannot_keep(path: Path, error: OSError) -> JournalError:
    return JournalError(f"cannot keep a journal in {path}: {error.strerror}")


def _set_aside(path: Path) -> Path | None:
    """Give a journal that keeps anything a name beside it that none has, and return that."""
    if not count_kept(path):
        return None
    for number in itertools.count(1):
        aside = path.with_suffix(f".{number}.abandoned")
        if not aside.exists():
            break
    os.replace(path, aside)
    return aside
