"""A process that watches the one that measures: what to do when that dies or hangs.

A crash inside a framework takes its whole process along. So ``pytest bench/`` starts itself once more, and
watches. It notes in the journal what ended the measuring process and while what, and starts it again, which
goes on from the journal. A case that takes longer than ``--case-timeout`` is ended.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.processes.supervised import AGAIN_VARIABLE
from bench.processes.watched_process import Ending, WatchedProcess

#: A process that ends so often without measuring anything in between is not started again.
_MOST_ENDINGS = 6


def supervise(command: Sequence[str], case_timeout: float, cwd: Path) -> int:
    """Run ``command`` until it ends by itself, and return its exit status.

    Where it dies or hangs, run it again, and tell it to go on.
    """
    # The command is interrupted too, and ends as it sees fit. (It would inherit an ignored signal.)
    signal.signal(signal.SIGINT, lambda *_: None)
    variables: dict[str, str] = {}
    successes = 0
    endings_in_vain = 0
    while True:
        ending = WatchedProcess(command, case_timeout, variables, cwd=cwd).receive()
        if not isinstance(ending, Ending):
            raise RuntimeError(f"nobody here answers {ending}")
        if ending.is_regular:
            return ending.status
        print(f"\n{ending.in_words}", file=sys.stderr)
        if not ending.can_go_on:
            return ending.status or 1
        endings_in_vain = endings_in_vain + 1 if ending.successes == successes else 1
        successes = ending.successes
        if endings_in_vain == _MOST_ENDINGS:
            print(
                f"that makes {endings_in_vain} times without a measurement in between: mend that, and go on "
                "with --resume",
                file=sys.stderr,
            )
            return ending.status or 1
        variables = {AGAIN_VARIABLE: "1"}
