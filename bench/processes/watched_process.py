"""A measuring process as its supervisor sees it: what it asks, and how it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contract.printable import make_printable
from bench.frameworks.native_errors import LAST_WORDS
from bench.processes.deaths import Death, name_signal, record_death
from bench.processes.records import count_successes
from bench.processes.supervised import PARENT_VARIABLE, SOCKET_VARIABLE

#: A comparison may take so many seconds, unless the user says otherwise.
DEFAULT_CASE_TIMEOUT = 600.0
#: How many lines are shown of what native code printed last.
_LAST_LINES = 8
#: How long a process that hangs may take to show where.
_LAST_WORDS_SECONDS = 5.0


@dataclass(frozen=True)
class Ending:
    """How a measuring process ended: by itself with ``status``, or while it measured ``name``."""

    #: The exit status; 128 and the signal's number where a signal killed it.
    status: int
    signal: int | None = None
    #: The seconds that it had, where it was ended because it took longer.
    timeout: float | None = None
    name: str | None = None
    #: Whether Python ended it. Native code may have, and then nothing has said why.
    goodbye: bool = True
    #: What native code printed last.
    last_words: tuple[str, ...] = ()
    #: How many measurements its journal keeps that have samples.
    successes: int = 0

    @property
    def is_regular(self) -> bool:
        """Whether the process has said itself all that there is to say."""
        return self.signal is None and self.timeout is None and self.goodbye

    @property
    def can_go_on(self) -> bool:
        """Whether the journal knows what to blame. Only then does going on come to an end."""
        return self.name is not None

    @property
    def in_words(self) -> str:
        """A sentence that says what ended the process and while what; its last words follow."""
        what = f"while it measured {self.name}" if self.name else "while nothing was measured"
        if self.timeout:
            return f"the process was ended {what}: it took longer than {self.timeout:g} s (--case-timeout)"
        if self.signal:
            said = f"the process was killed by {name_signal(self.signal)} {what}"
        else:
            said = f"native code ended the process with status {self.status} {what}"
        if not self.last_words:
            return said
        return "\n".join([f"{said}; it printed last:", *(f"  {line}" for line in self.last_words)])


class WatchedProcess:
    """A measuring process that runs ``command``, with ``variables`` besides the environment's.

    It is ended when it measures one thing for more than ``case_timeout`` seconds. ``how`` goes to
    ``subprocess.Popen``.
    """

    def __init__(
        self,
        command: Sequence[str],
        case_timeout: float,
        variables: Mapping[str, str] | None = None,
        **how: Any,
    ) -> None:
        self._case_timeout = case_timeout
        self._socket, its_socket = socket.socketpair()
        self._last_words = tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log")  # noqa: SIM115
        environment = {
            **os.environ,
            **(variables or {}),
            SOCKET_VARIABLE: str(its_socket.fileno()),
            PARENT_VARIABLE: str(os.getpid()),
            LAST_WORDS: self._last_words.name,
        }
        self._process = subprocess.Popen(command, env=environment, pass_fds=[its_socket.fileno()], **how)
        its_socket.close()
        #: What was received and is not a whole line yet.
        self._received = b""
        #: What it measures now, and in which journal.
        self._journal: Path | None = None
        self._key: str | None = None
        self._name: str | None = None
        self._goodbye = False
        #: When it began to measure that, or was last answered.
        self._since = time.monotonic()

    def send(self, **message: Any) -> None:
        """Answer what the process asked. It has its whole time from now on, for until now it waited."""
        self._since = time.monotonic()
        # It may be dead, as the next receive will say.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | Ending:
        """Wait for what the process asks next, or for its end. Meanwhile, watch what it measures."""
        message = self._wait_for_message()
        if isinstance(message, Ending):
            self._close()
        return message

    def kill(self) -> None:
        """End the process at once, if it still runs."""
        self._kill()
        self._close()

    def _wait_for_message(self) -> dict[str, Any] | Ending:
        while True:
            try:
                line = self._read_line()
            except (TimeoutError, BlockingIOError):
                return self._end_hung()
            if line is None:
                return self._wait_for_end()
            message = json.loads(line)
            if "goodbye" in message:
                self._goodbye = True
            elif "journal" in message:
                self._note_measuring(message)
            else:
                return message

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _close(self) -> None:
        """Close the socket, and remove the file of last words: the process is gone."""
        self._socket.close()
        self._last_words.close()

    def _read_line(self) -> bytes | None:
        """The next line; ``None`` at the end. Raises ``TimeoutError`` where the process took too long."""
        while b"\n" not in self._received:
            self._socket.settimeout(self._compute_time_left())
            try:
                received = self._socket.recv(65536)
            except ConnectionResetError:  # it died with an answer that it had not read
                return None
            if not received:
                return None
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _compute_time_left(self) -> float | None:
        """Seconds; ``None`` while nothing is measured, which may take any time."""
        if not self._key:
            return None
        return max(0.0, self._since + self._case_timeout - time.monotonic())

    def _note_measuring(self, message: Mapping[str, Any]) -> None:
        self._journal, self._key = Path(message["journal"]), message["key"]
        self._name = message["name"] if self._key else None
        self._since = time.monotonic()

    def _end_hung(self) -> Ending:
        """End the process, which took too long. Aborted, it can still print where it hangs."""
        self._process.send_signal(signal.SIGABRT)
        try:
            self._process.wait(_LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
        ending = Ending(status=1, timeout=self._case_timeout, name=self._name, goodbye=True)
        return self._record_ending(ending)

    def _wait_for_end(self) -> Ending:
        status = self._process.wait()
        if status < 0:
            ending = Ending(status=128 - status, signal=-status, name=self._name)
            return self._record_ending(ending)
        if self._goodbye:
            return Ending(status=status)
        return self._record_ending(Ending(status=status, name=self._name, goodbye=False))

    def _record_ending(self, ending: Ending) -> Ending:
        """Note ``ending`` in the journal; returns it with all that is known here."""
        if self._journal and self._key:
            status = None if ending.goodbye else ending.status
            death = Death(signal=ending.signal, timeout=ending.timeout, status=status)
            record_death(self._journal, self._key, death)
        return dataclasses.replace(
            ending,
            last_words=self._read_last_words(),
            successes=count_successes(self._journal) if self._journal else 0,
        )

    def _read_last_words(self) -> tuple[str, ...]:
        said = Path(self._last_words.name).read_text(encoding="utf-8", errors="replace")
        return tuple(make_printable(line, keep="\t") for line in said.strip().splitlines()[-_LAST_LINES:])
