"""Deaths of measuring processes: how they are noted in a journal, and when one must not be risked again."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes.records import append_record, cut_off_tail

#: Two deaths that a supervisor saw are the case's own fault; a single one may be anybody's.
_MOST_SEEN = 2
#: Deaths that nobody saw took the supervisor along. They may be the machine's fault, or a person's.
_MOST_UNSEEN = 3


@dataclass(frozen=True)
class Death:
    """What ended a process while it measured, as far as a supervisor saw it; else all are ``None``."""

    #: The signal that killed it.
    signal: int | None = None
    #: The seconds it had, where it took longer.
    timeout: float | None = None
    #: The exit status, where native code ended it.
    status: int | None = None

    @property
    def has_cause(self) -> bool:
        """Whether a signal or native code is known to have ended the process."""
        return bool(self.signal) or self.status is not None


def record_death(path: Path, key: str, death: Death) -> None:
    """Append to the journal of a process that is gone what ended it while it measured ``key``."""
    record = {"died": key, "signal": death.signal, "timeout": death.timeout, "status": death.status}
    with path.open("r+b") as file:
        cut_off_tail(file)
        append_record(file, record)


def find_deaths(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Death]]:
    """The deaths while each key was measured. Keys without one are left out.

    A death that nobody saw shows in this: another run begins right after a measurement did, or the records
    end there.
    """
    found: dict[str, list[Death]] = {}
    begun: str | None = None
    for record in records:
        if "died" in record:
            # Older journals have no status.
            status = record.get("status")
            death = Death(signal=record["signal"], timeout=record["timeout"], status=status)
            found.setdefault(record["died"], []).append(death)
        elif "run" in record and begun:
            found.setdefault(begun, []).append(Death())
        begun = record.get("begun")
    if begun:
        found.setdefault(begun, []).append(Death())
    return found


def explain_deaths(deaths: Sequence[Death]) -> str | None:
    """Why a measurement with these ``deaths`` must not be tried again; ``None`` where it may be."""
    for death in deaths:
        if death.timeout:
            return f"took longer than {death.timeout:g} s, the --case-timeout"
    with_cause = [death for death in deaths if death.has_cause]
    if len(with_cause) >= _MOST_SEEN:
        last = with_cause[-1]
        verb = "killed" if last.signal else "ended"
        return f"{verb} the process {len(with_cause)} times ({_name_cause(last)})"
    if len(deaths) >= _MOST_UNSEEN:
        return f"the process died {len(deaths)} times while it was measured"
    return None


def _name_cause(death: Death) -> str:
    """``SIGKILL``, or ``exit status 1``."""
    return name_signal(death.signal) if death.signal else f"exit status {death.status}"


def name_signal(number: int) -> str:
    """``SIGKILL`` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
