"""Lets another process measure, and watches it: what kills it shall not end the sweep."""

from __future__ import annotations

import sys

import pytest

from bench.processes.supervised import is_watched
from bench.processes.supervisor import supervise
from bench.session.options import parse_case_timeout

#: With these nothing is measured, or somebody looks on.
_UNWATCHED = ("help", "version", "collectonly", "usepdb", "trace", "in_turn", "benchmark_disable")


def measure_watched(config: pytest.Config) -> int | None:
    """The status of the process that measured; ``None`` where this process shall measure itself."""
    option = config.option
    if is_watched() or any(getattr(option, name, False) for name in _UNWATCHED):
        return None
    try:
        timeout = parse_case_timeout(option.case_timeout)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "pytest", *map(str, config.invocation_params.args)]
    return supervise(command, timeout, config.invocation_params.dir)
