"""What native code prints to standard error, kept so that a supervisor can show it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

#: Names the file in which a supervisor looks for what native code printed before it ended the process.
LAST_WORDS = "BENCH_LAST_WORDS"


@contextmanager
def keep_native_errors(*, hidden: bool) -> Iterator[None]:
    """Keeps what native code writes to standard error in a file, and passes it on at the end.

    Should native code end the process, a supervisor finds there what it said. ``hidden``: pass it on only
    where something goes wrong.
    """
    path = os.environ.get(LAST_WORDS)
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(path, "w+b") if path else tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            log.seek(0)
            if failed or not hidden:
                os.write(terminal, log.read())
            log.truncate(0)
            os.close(terminal)
