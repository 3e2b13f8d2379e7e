"""The profiler's events -> operations that ran: name, starts and ends in seconds.

A graph's executor, eager calls and XLA's programs each leave their own kind of event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from analysis.intervals import Intervals
from analysis.xplane import Line

Operation = tuple[str, np.ndarray, np.ndarray]

#: An operation that a graph's executor ran, "scope/name:Type".
_OPERATION = re.compile(r"^[^:]*:(_?[A-Za-z]\w*)$")
#: These hold other operations.
_CONTAINERS = re.compile(r"^(?:Stateful)?PartitionedCall$|^(?:Stateless)?(?:While|If)$|^Xla|^_Xla|^__")
EAGER = "EagerLocalExecute: "
RUNS = "KernelAndDeviceFunc::Run"


def graph_operations(lines: Iterable[Line]) -> Iterator[Operation]:
    """What the executors ran, by TensorFlow's type of operation."""

    def is_one(name: str) -> bool:
        match = _OPERATION.match(name)
        return bool(match) and not _CONTAINERS.match(match[1])

    for line in lines:
        for name, starts, ends in line.where(is_one).by_name():
            yield _OPERATION.match(name)[1], starts, ends


def eager_operations(caller: Line) -> Iterator[Operation]:
    """What eager calls ran: the runtime's own event for running it, inside the call's."""
    calls, runs = caller.where(lambda name: name.startswith(EAGER)), caller.where(RUNS.__eq__)
    if not len(calls.starts) or not len(runs.starts):
        return
    enclosing = np.searchsorted(calls.starts, runs.starts, side="right") - 1
    inside = (enclosing >= 0) & (runs.ends <= calls.ends[enclosing])
    kinds = calls.kinds[enclosing]
    for kind in np.unique(kinds[inside]):
        name = calls.vocabulary[kind].removeprefix(EAGER)
        if name != "SyncDevice" and not _CONTAINERS.match(name):
            chosen = inside & (kinds == kind)
            yield name, runs.starts[chosen], runs.ends[chosen]


def thunks(lines: Iterable[Line]) -> dict[str, Intervals]:
    """XLA's instructions: from an event's start to the event "end: ..." of the same name.

    With several threads the first event is only the dispatch; the work ends elsewhere.
    """
    lines = list(lines)
    ends = _collected(lines, lambda name: name.startswith("end: "))
    names = {name.removeprefix("end: ") for name in ends}
    starts = _collected(lines, names.__contains__)
    paired = {}
    for name, (begins, _) in starts.items():
        finishes = np.sort(ends[f"end: {name}"][1])
        place = np.searchsorted(finishes, begins)
        # The next end after the start, if no later start lies between them.
        kept = place < len(finishes)
        kept[:-1] &= place[:-1] != place[1:]
        paired[name] = (begins[kept], finishes[place[kept]])
    return paired


def _collected(lines: Iterable[Line], wanted: Callable[[str], bool]) -> dict[str, Intervals]:
    """Intervals by name over all lines, sorted by start."""
    found: dict[str, list[Intervals]] = {}
    for line in lines:
        for name, starts, ends in line.where(wanted).by_name():
            found.setdefault(name, []).append((starts, ends))
    joined = {}
    for name, parts in found.items():
        starts, ends = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(starts, kind="stable")
        joined[name] = (starts[order], ends[order])
    return joined
