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
from bench.processes.supervisor import Ending, WatchedProcess


class Member:
    """One environment's process in a replicate, and the result file that it will leave."""

    def __init__(
        self, environment: Environment, folder: Path, campaign: Mapping[str, Any], options: Sequence[str]
    ):
        self.replicate: int = campaign["replicate"]
        self.label = environment.label
        self.result = folder / self.label / f"{self.replicate:04}.json"
        self.log = folder / "logs" / f"{self.label}-{self.replicate:04}.log"
        self._made = self.result.with_suffix(".unfinished")
        storage = folder / "unfinished" / f"{self.label}-{self.replicate:04}"
        self._command = [
            # What claims set against each other takes no turns: one process after the other measures it.
            *(environment.python, "-m", "pytest", "bench/bench_layers.py", "bench/bench_claims.py"),
            *("--benchmark-quiet",),
            *("-p", "no:cacheprovider", "--resume", f"--benchmark-storage=file://{storage.absolute()}"),
            *(f"--benchmark-json={self._made.absolute()}", f"--shuffle-seed={self.replicate}", *options),
        ]
        described = json.dumps({**campaign, "label": self.label})
        self._variables = {**environment.variables, turns.VARIABLE: described}
        self._child: WatchedProcess | None = None
        #: Where it waits for the others: (place, count) of a comparison; none before and after.
        self.place: tuple[int, int] | None = None
        #: Whether its budget for this comparison is spent.
        self.enough = False
        self.ending: Ending | None = None

    def start(self, case_timeout: float) -> None:
        """Start the process, and let it run to the first comparison."""
        self.result.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = WatchedProcess(
                self._command, case_timeout, self._variables,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        if self._understood(self._child.receive()) == "start":
            self.go_on()

    def go_on(self, **answer: Any) -> str:
        """Give it the baton until it passes it on; what it then waits for: arrive, turn, or nothing."""
        self._child.send(**answer)
        return self._understood(self._child.receive())

    def kill(self) -> None:
        if self._child:
            self._child.kill()

    def _understood(self, message: dict[str, Any] | Ending) -> str:
        self.place, self.enough = None, False
        if isinstance(message, Ending):
            self.ending = message
            if message.status in (0, 1) and self._made.exists() and self._made.stat().st_size:
                os.replace(self._made, self.result)
            return ""
        if "arrive" in message:
            self.place = (message["arrive"], message["count"])
            return "arrive"
        self.enough = message.get("turn", False)
        return "turn" if "turn" in message else "start"
