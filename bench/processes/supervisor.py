"""A process that measures, and one that watches it: what to do when the first dies or hangs.

A crash inside a framework takes its whole process along. So ``pytest bench/`` starts itself once more
and watches: it notes in the journal what killed the measuring process, and while what, and starts it
again, which goes on from the journal. A case that takes longer than ``--case-timeout`` is ended.
``bench.campaign`` watches several such processes, one for each environment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.frameworks.native_errors import LAST_WORDS
from bench.processes import journal
from bench.processes.supervised import AGAIN_VARIABLE, PARENT_VARIABLE, SOCKET_VARIABLE

#: So many lines of what a process printed last are shown.
_LAST_LINES = 8
#: A process that ends so often without measuring anything in between will not be started again.
_MOST_ENDINGS = 6
#: A process that is asked to show where it hangs has so long to do it.
_LAST_WORDS_SECONDS = 5.0


@dataclass(frozen=True)
class Ending:
    """How a measuring process ended: by itself with ``status``, or while it measured ``name``."""

    status: int
    signal: int | None = None
    timeout: float | None = None
    name: str | None = None
    #: Whether Python ended it; native code may, and then nobody else says so.
    goodbye: bool = True
    #: What native code printed last.
    last_words: tuple[str, ...] = ()
    #: How much its journal keeps that could be measured.
    successes: int = 0

    @property
    def is_regular(self) -> bool:
        """Whether the process said itself all that there is to say."""
        return self.signal is None and self.timeout is None and self.goodbye

    @property
    def in_words(self) -> str:
        what = f"while it measured {self.name}" if self.name else "while nothing was measured"
        if self.timeout:
            return f"the process was ended {what}: it took longer than {self.timeout:g} s (--case-timeout)"
        if self.signal:
            said = f"the process was killed by {journal.name_signal(self.signal)} {what}"
        else:
            said = f"native code ended the process with status {self.status} {what}"
        if not self.last_words:
            return said
        return "\n".join([f"{said}; it printed last:", *(f"  {line}" for line in self.last_words)])

    @property
    def can_go_on(self) -> bool:
        """Whether the journal knows what to blame, so that it cannot go on for ever."""
        return self.name is not None


class WatchedProcess:
    """A measuring process, as its supervisor sees it."""

    def __init__(
        self,
        command: Sequence[str],
        case_timeout: float,
        variables: Mapping[str, str] | None = None,
        **how: Any,
    ) -> None:
        own, its = socket.socketpair()
        self._last_words = tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log")  # noqa: SIM115
        variables = {
            **os.environ,
            **(variables or {}),
            SOCKET_VARIABLE: str(its.fileno()),
            PARENT_VARIABLE: str(os.getpid()),
            LAST_WORDS: self._last_words.name,
        }
        self._process = subprocess.Popen(command, env=variables, pass_fds=[its.fileno()], **how)
        its.close()
        self._socket = own
        self._received = b""
        self._case_timeout = case_timeout
        self._journal: Path | None = None
        self._key: str | None = None
        self._name: str | None = None
        self._goodbye = False
        self._since = time.monotonic()

    def send(self, **message: Any) -> None:
        """Answer. Its time begins now: until here it waited."""
        self._since = time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it is dead, which the next receive says
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | Ending:
        """The next thing it asks, or how it ended. What it measures is watched here."""
        while True:
            line, newline, rest = self._received.partition(b"\n")
            if newline:
                self._received = rest
                message = json.loads(line)
                if "goodbye" in message:
                    self._goodbye = True
                elif "journal" in message:
                    self._note(message)
                else:
                    return message
                continue
            timeout = None
            if self._key:
                timeout = max(0.0, self._since + self._case_timeout - time.monotonic())
            self._socket.settimeout(timeout)
            try:
                received = self._socket.recv(65536)
            except (TimeoutError, BlockingIOError):
                return self._end_hung()
            if not received:
                return self._ended()
            self._received += received

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _note(self, message: Mapping[str, Any]) -> None:
        self._journal, self._key = Path(message["journal"]), message["key"]
        self._name = message["name"] if self._key else None
        self._since = time.monotonic()

    def _end_hung(self) -> Ending:
        # pytest's fault handler then says where.
        self._process.send_signal(signal.SIGABRT)
        try:
            self._process.wait(_LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        return self._noted(Ending(1, None, self._case_timeout, self._name))

    def _ended(self) -> Ending:
        status = self._process.wait()
        number = -status if status < 0 else None
        if number is None and self._goodbye:
            return Ending(status)
        return self._noted(Ending(status if number is None else 128 + number, number, None, self._name))

    def _noted(self, ending: Ending) -> Ending:
        """``ending`` with all that is known here, and in the journal."""
        status = ending.status if ending.signal is None and ending.timeout is None else None
        if self._journal and self._key:
            journal.record_death(self._journal, self._key, ending.signal, ending.timeout, status)
        said = Path(self._last_words.name).read_text(encoding="utf-8", errors="replace")
        lines = tuple(make_printable(line) for line in said.strip().splitlines()[-_LAST_LINES:])
        successes = journal.count_successes(self._journal) if self._journal else 0
        return dataclasses.replace(ending, goodbye=status is None, last_words=lines, successes=successes)


def make_printable(text: str) -> str:
    """``text`` without what would change a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "?" for letter in text)


def parse_case_timeout(options: Mapping[str, Any]) -> float:
    """``--case-timeout`` in seconds; ``ValueError`` where it is none."""
    text = options["case_timeout"]
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"--case-timeout must be a number of seconds, not {text!r}")
    return seconds


def supervise(command: Sequence[str], case_timeout: float, cwd: Path) -> int:
    """Run ``command`` until it ends by itself; its exit status. Started again, it is told to go on."""
    # The command is interrupted too, and ends as it sees fit. (To ignore the signal would be inherited.)
    signal.signal(signal.SIGINT, lambda *_: None)
    again: dict[str, str] = {}
    successes = in_vain = 0
    while True:
        ending = WatchedProcess(command, case_timeout, again, cwd=cwd).receive()
        while not isinstance(ending, Ending):
            raise RuntimeError(f"nobody here answers {ending}")
        if ending.is_regular:
            return ending.status
        print(f"\n{ending.in_words}", file=sys.stderr)
        in_vain = in_vain + 1 if ending.successes == successes else 1
        successes = ending.successes
        if not ending.can_go_on:
            return ending.status or 1
        if in_vain == _MOST_ENDINGS:
            print(
                f"that makes {in_vain} times without a measurement in between: mend that, and go on with "
                "--resume",
                file=sys.stderr,
            )
            return ending.status or 1
        again = {AGAIN_VARIABLE: "1"}
