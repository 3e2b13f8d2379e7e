"""Taking turns with the same run in other environments (``bench.campaign``): one of them runs at a time.

A process gives up its turn where it waits for the others: when it starts, when it arrives at a comparison,
and after every turn of that comparison.
"""

from __future__ import annotations

import json
import os
from typing import Any

from bench.processes.supervised import SupervisorLink

#: Tells a process which campaign it belongs to: id, replicate, place, label.
VARIABLE = "BENCH_CAMPAIGN"


class Turns:
    """This process's turns. A process that belongs to no campaign never waits for one."""

    def __init__(self, supervisor: SupervisorLink) -> None:
        described = os.environ.pop(VARIABLE, None)
        self._supervisor = supervisor if described else None
        #: The campaign (id, replicate, place, label), for the saved file.
        self.campaign: dict[str, Any] | None = json.loads(described) if described else None

    def start(self) -> None:
        """Wait for the first turn."""
        if self._supervisor:
            self._supervisor.ask(start=True)

    def arrive(self, place: int, count: int) -> str | None:
        """Wait until the comparison at ``place`` of ``count`` is measured; the turn is then to get ready.

        Returns a name that all share who measure it together; ``None`` for a process alone.
        """
        if self._supervisor:
            return self._supervisor.ask(arrive=place, count=count)["together"]
        return None

    def wait_for_turn(self, enough: bool) -> bool:
        """Wait for another turn of this comparison; ``False`` where there is none.

        ``enough`` says that this process has samples enough. It goes on as long as another has not.
        """
        if self._supervisor:
            return self._supervisor.ask(turn=enough)["another"]
        return not enough
