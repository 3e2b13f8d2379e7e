"""The measuring process's side: it tells its supervisor what it measures, and asks it to go on."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

#: Tells a measuring process by which socket its supervisor hears it, and who that is.
SOCKET_VARIABLE, PARENT_VARIABLE = "BENCH_SUPERVISOR_SOCKET", "BENCH_SUPERVISOR"
#: Tells a measuring process that it goes on with one that died, whatever its command line says.
AGAIN_VARIABLE = "BENCH_SUPERVISOR_AGAIN"
_PR_SET_PDEATHSIG = 1


class SupervisorLink:
    """The measuring process's view of who watches it; nobody, unless it was started so."""

    def __init__(self) -> None:
        # Not for the processes that this one starts.
        number, parent = os.environ.pop(SOCKET_VARIABLE, None), os.environ.pop(PARENT_VARIABLE, None)
        #: Whether this process goes on with one that died.
        self.goes_on = os.environ.pop(AGAIN_VARIABLE, None) is not None
        self._file = None
        if number and parent:
            _die_with(int(parent))
            self._file = socket.socket(fileno=int(number)).makefile("rw", encoding="utf-8")
            # Python says goodbye; native code that ends the process does not.
            atexit.register(self._say_goodbye)

    @property
    def is_there(self) -> bool:
        return self._file is not None

    def tell(self, **message: Any) -> None:
        if self._file:
            self._file.write(json.dumps(message) + "\n")
            self._file.flush()

    def ask(self, **message: Any) -> dict[str, Any]:
        """Tell, and wait for the answer."""
        self.tell(**message)
        answer = self._file.readline()
        if not answer:
            raise SystemExit("the supervisor is gone")
        return json.loads(answer)

    def _say_goodbye(self) -> None:
        with contextlib.suppress(OSError):
            self.tell(goodbye=True)

    def watch(self, path: Path, key: str | None, name: str) -> None:
        """What a :class:`bench.processes.journal.Journal` is measuring now."""
        self.tell(journal=str(path), key=key, name=name)


def _die_with(parent: int) -> None:
    """Nobody measures unwatched, beside whoever is started next (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the supervisor is gone")


def is_watched() -> bool:
    """Whether this process was started by a supervisor."""
    return SOCKET_VARIABLE in os.environ
