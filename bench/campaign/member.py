"""One environment's process in a replicate."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.campaign.environments import Environment
from bench.processes import turns
from bench.processes.watched_process import Ending, WatchedProcess


class Member:
    """One environment's process in a replicate, and the result file that it will leave.

    ``campaign`` says which (``id``), in which ``replicate``, and the ``place`` of the environment: 0 for the
    one that was named first. ``options`` go to pytest.
    """

    def __init__(
        self, environment: Environment, folder: Path, campaign: Mapping[str, Any], options: Sequence[str]
    ):
        self.label = environment.label
        replicate: int = campaign["replicate"]
        #: Where its result will be, and where its output goes.
        self.result = folder / self.label / f"{replicate:04}.json"
        self.log = folder / "logs" / f"{self.label}-{replicate:04}.log"
        # pytest writes here. Only a whole result gets the result's name.
        self._unfinished = self.result.with_suffix(".unfinished")
        storage = folder / "unfinished" / f"{self.label}-{replicate:04}"
        self._command = [
            environment.python,
            "-m",
            "pytest",
            "bench/bench_layers.py",
            # What claims set against each other takes no turns: one process after the other measures it.
            "bench/bench_claims.py",
            "--benchmark-quiet",
            "-p",
            "no:cacheprovider",
            "--resume",
            f"--benchmark-storage=file://{storage.absolute()}",
            f"--benchmark-json={self._unfinished.absolute()}",
            f"--shuffle-seed={replicate}",
            *options,
        ]
        described = json.dumps({**campaign, "label": self.label})
        self._variables = {**environment.variables, turns.VARIABLE: described}
        self._process: WatchedProcess | None = None
        #: The comparison that it waits for, as (place, count); ``None`` where it waits for none.
        self.place: tuple[int, int] | None = None
        #: Whether it has samples enough of the comparison that is being measured.
        self.has_enough = False
        #: How the process ended, if it has.
        self.ending: Ending | None = None

    @property
    def has_result(self) -> bool:
        """Whether its result file is there."""
        return self.result.exists()

    def start(self, case_timeout: float) -> None:
        """Start the process, and let it run to its first comparison."""
        self.result.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = WatchedProcess(
                self._command, case_timeout, self._variables,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        message = self._process.receive()
        self._note(message)
        if isinstance(message, dict) and "start" in message:
            self.go_on()

    def go_on(self, **answer: Any) -> bool:
        """Give the process its turn, with the ``answer`` to what it asked, and wait until the turn is over.

        Returns whether it waits for another turn of the same comparison.
        """
        self._process.send(**answer)
        message = self._process.receive()
        self._note(message)
        return isinstance(message, dict) and "turn" in message

    def kill(self) -> None:
        """End the process at once, if it was started."""
        if self._process:
            self._process.kill()

    def _note(self, message: dict[str, Any] | Ending) -> None:
        """Note what the process waits for now, or how it ended."""
        self.place, self.has_enough = None, False
        if isinstance(message, Ending):
            self.ending = message
            self._keep_result(message)
        elif "arrive" in message:
            self.place = (message["arrive"], message["count"])
        elif "turn" in message:
            self.has_enough = message["turn"]

    def _keep_result(self, ending: Ending) -> None:
        """Give a result its name. pytest ends with status 1 where a test failed, and saves all the same."""
        is_whole = ending.status in (0, 1) and self._unfinished.exists()
        if is_whole and self._unfinished.stat().st_size:
            os.replace(self._unfinished, self.result)
