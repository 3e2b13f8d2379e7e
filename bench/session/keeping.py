"""What a run keeps in its journal, takes up from earlier runs and gives up, and how it tells of that."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bench
from bench.contract.fingerprint import hash_code
from bench.processes.journal import Journal, list_journals, read_first_run, restore_journal
from bench.processes.supervised import SupervisorLink
from bench.session.options import Options

#: The code that measures: what is kept is taken up only by the same.
PACKAGE = Path(bench.__file__).parent


class Keeping:
    """The journal of a run in the environment with this ``fingerprint``.

    A process that goes on with one that died always takes up what that one kept, whatever ``options`` say.
    """

    def __init__(self, options: Options, fingerprint: str, supervisor: SupervisorLink) -> None:
        self._keeps = options.keeps
        self._fingerprint = fingerprint
        self._file = options.storage / "journal" / f"{fingerprint}.journal"
        self._context = {
            "environment": fingerprint,
            "code": hash_code(PACKAGE),
            "how": {
                **dataclasses.asdict(options.budget),
                "warmup_calls": options.warmup_calls,
                "timer": options.timer,
            },
        }
        self._supervisor = supervisor
        self._resumes = supervisor.goes_on or options.resume or options.resume_from is not None
        self._resume_from = None if supervisor.goes_on else options.resume_from
        self._discards = options.discard and not supervisor.goes_on
        #: Where every measurement is kept at once; from :meth:`begin` on, if anything is kept at all.
        self.journal: Journal | None = None

    def read_first_run(self) -> Mapping[str, Any]:
        """What the run was asked for that this one goes on with; empty where it goes on with none."""
        if not (self._resumes and self._keeps):
            return {}
        return read_first_run(self._resume_from or self._file, self._context)

    def begin(self, facts: Mapping[str, Any]) -> list[str]:
        """Open the journal, now that something will be measured; ``facts`` say what the run was asked for.

        Returns what there is to tell, a line each. Raises ``JournalError``.
        """
        if not self._keeps:
            if not self._resumes:
                return []
            return ["--resume: nothing is kept with --in-turn or disabled benchmarks"]
        lines = self._discard() if self._discards else []
        if self._resume_from:
            restore_journal(self._resume_from, self._file, self._context)
        self.journal = Journal(self._file, self._context, resume=self._resumes, watch=self._supervisor.watch)
        self.journal.begin_run(facts)
        return lines + self._tell_of_earlier_runs(self.journal)

    def end(self, *, whole: bool, saved: bool) -> list[str]:
        """Remove what has been saved from the journal.

        ``whole`` says whether every test ran, ``saved`` whether the results were written. Returns what there
        is to tell of the rest, a line each.
        """
        if not self.journal:
            return []
        if whole and saved:
            left = self.journal.forget_saved()
            if not left:
                return []
            return [
                f"{left} measurements of earlier runs stay in {self._file}: --resume (with the options of "
                "then) goes on with them, --discard gives them up"
            ]
        if not self.journal.count:
            return []
        if whole:
            return [
                f"nothing was saved, and {self.journal.count} measurements are kept: the same command with "
                "--resume --benchmark-autosave saves them, --discard gives them up"
            ]
        return [f"{self.journal.count} measurements are kept: go on with --resume"]

    def _discard(self) -> list[str]:
        """Remove what unfinished runs in this environment have kept; a line about each journal."""
        lines = []
        for path, count in list_journals(self._file.parent).items():
            if path.name.startswith(f"{self._fingerprint}."):
                path.unlink()
                lines.append(f"{count} kept measurements were discarded ({path})")
        return lines

    def _tell_of_earlier_runs(self, journal: Journal) -> list[str]:
        """What the user should know of measurements that were kept before this run."""
        if journal.abandoned:
            return [
                f"an unfinished run is set aside in {journal.abandoned}; the same command as then, with "
                f"--resume-from {shlex.quote(str(journal.abandoned))}, goes on with it"
            ]
        if not self._resumes:
            return []
        if journal.count:
            return [f"going on with an earlier run: {journal.count} measurements are kept"]
        if self._supervisor.goes_on:
            return []
        told = "nothing is kept that was measured by this code with these options in this environment"
        others = [f"{count} in {path}" for path, count in list_journals(self._file.parent).items()]
        if others:
            told += f"; other measurements are kept and stay: {', '.join(others)}"
        return [told]
