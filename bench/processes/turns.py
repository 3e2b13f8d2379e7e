"""Taking turns with the same run in other environments (``bench.campaign``): one runs at a time.

Whoever measures holds the baton. A process passes it on where it waits for the others: when it starts,
when it arrives at a comparison, and after every turn of it.
"""

from __future__ import annotations

import json
import os
from typing import Any

from bench.processes.supervised import SupervisorLink

#: Tells a process which campaign it belongs to: id, replicate, label.
VARIABLE = "BENCH_CAMPAIGN"


class Turns:
    """Held from the start by a process alone, which never passes it on."""

    def __init__(self, supervisor: SupervisorLink) -> None:
        described = os.environ.pop(VARIABLE, None)
        self._supervisor = supervisor if described else None
        #: The campaign, for the saved file.
        self.campaign: dict[str, Any] | None = json.loads(described) if described else None

    def start(self) -> None:
        """Wait for the first turn."""
        if self._supervisor:
            self._supervisor.ask(start=True)

    def arrive(self, position: int, count: int) -> str | None:
        """Wait until the comparison at ``position`` of ``count`` is measured, and get ready for it.

        Returns what is common to all that measure it together now.
        """
        if self._supervisor:
            return self._supervisor.ask(arrive=position, count=count)["together"]
        return None

    def another(self, enough: bool) -> bool:
        """Whether there is another turn, ``enough`` or not for this process; returns when it comes."""
        if self._supervisor:
            return self._supervisor.ask(turn=enough)["another"]
        return not enough
