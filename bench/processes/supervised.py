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

#: Tells a measuring process which socket leads to its supervisor.
SOCKET_VARIABLE = "BENCH_SUPERVISOR_SOCKET"
#: Tells it the supervisor's process id.
PARENT_VARIABLE = "BENCH_SUPERVISOR"
#: Tells it that it goes on with a process that died, whatever its command line says.
AGAIN_VARIABLE = "BENCH_SUPERVISOR_AGAIN"
_PR_SET_PDEATHSIG = 1


class SupervisorLink:
    """The measuring process's view of its supervisor. A process that was started without one has none."""

    def __init__(self) -> None:
        # Removed, so that the processes that this one starts do not take the supervisor for theirs.
        number = os.environ.pop(SOCKET_VARIABLE, None)
        parent = os.environ.pop(PARENT_VARIABLE, None)
        #: Whether this process goes on with one that died.
        self.goes_on = os.environ.pop(AGAIN_VARIABLE, None) is not None
        self._file = None
        if number and parent:
            die_with(int(parent))
            self._file = socket.socket(fileno=int(number)).makefile("rw", encoding="utf-8")
            # Python says goodbye when it ends; native code that ends the process does not.
            atexit.register(self._say_goodbye)

    @property
    def is_there(self) -> bool:
        """Whether there is a supervisor."""
        return self._file is not None

    def tell(self, **message: Any) -> None:
        """Send ``message``; without a supervisor, do nothing."""
        if self._file:
            self._file.write(json.dumps(message) + "\n")
            self._file.flush()

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send ``message`` and wait for the answer. Raises ``SystemExit`` where the supervisor is gone."""
        self.tell(**message)
        answer = self._file.readline()
        if not answer:
            raise SystemExit("the supervisor is gone")
        return json.loads(answer)

    def watch(self, path: Path, key: str | None, name: str) -> None:
        """Tell what is measured now: ``key`` and ``name``, as they are in the journal ``path``.

        ``key`` is ``None`` when ``name`` is no longer measured.
        """
        self.tell(journal=str(path), key=key, name=name)

    def _say_goodbye(self) -> None:
        with contextlib.suppress(OSError):
            self.tell(goodbye=True)


def is_watched() -> bool:
    """Whether this process was started by a supervisor."""
    return SOCKET_VARIABLE in os.environ


def die_with(parent: int) -> None:
    """End this process when ``parent`` ends (Linux). Unwatched, it would measure beside the next run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the supervisor is gone")
