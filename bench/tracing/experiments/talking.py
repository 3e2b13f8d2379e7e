"""The parent's side of the processes that run arms: they are started, asked in turn, and ended."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

_MODULE = "bench.tracing.experiments.child"
#: To load a framework on a busy machine, and to run one request.
_START_SECONDS, _ANSWER_SECONDS = 180, 300


class ChildLost(RuntimeError):
    """A process that died, or does not answer, in one sentence."""


class Child:
    """One process that runs arms; its settings are its environment variables."""

    def __init__(self, name: str, variables: Mapping[str, str]) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def wait_until_ready(self) -> None:
        """Raises :class:`ChildLost`."""
        self._receive(_START_SECONDS)

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to ``request``; raises :class:`ChildLost`."""
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise ChildLost(self._describe_end()) from None
        return self._receive(_ANSWER_SECONDS)

    def _receive(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise ChildLost(f"the process {self.name!r} did not answer for {seconds} s") from None
        if not line:
            raise ChildLost(self._describe_end())
        try:
            return json.loads(line)
        except ValueError:
            raise ChildLost(f"the process {self.name!r} answered {line[:100]!r}") from None

    def _describe_end(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
        return f"the process {self.name!r} ended ({status}): {said[-1] if said else 'no message'}"

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        with suppress(OSError), self._process:  # which closes its pipes, though nobody reads what is left
            pass
        self._errors.close()


@contextmanager
def start_children(processes: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Child]]:
    """The processes by name, each with its variables, which load side by side. Raises :class:`ChildLost`."""
    with ExitStack() as ended:
        children = {}
        for name, variables in processes.items():
            children[name] = Child(name, variables)
            ended.callback(children[name].end)
        for child in children.values():
            child.wait_until_ready()
        yield children
