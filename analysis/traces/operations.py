"""The profiler's events -> the operations that ran, with their times.

A graph's executor, eager calls, PyTorch, XLA's programs and GPUs each leave their own kind of event.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.traces.intervals import Intervals, join_intervals
from analysis.traces.line import Line


@dataclass(frozen=True)
class Operation:
    """All runs of one operation: the framework's name for it, and when they ran."""

    name: str
    intervals: Intervals
    #: What ran on a GPU for it; empty where the processor computes.
    kernel: str = ""
    #: Its place in TensorFlow's graph: ``gradient_tape/resnet/conv1/Conv2DBackpropInput``; else empty.
    place: str = ""


#: An operation that a graph's executor ran, "scope/name:Type".
_OPERATION = re.compile(r"^([^:]*):(_?[A-Za-z]\w*)$")
#: Types that hold other operations.
_CONTAINERS = re.compile(r"^(?:Stateful)?PartitionedCall$|^(?:Stateless)?(?:While|If)$|^Xla|^_Xla|^__")
#: How an eager call's event begins; the operation's type follows.
EAGER = "EagerLocalExecute: "
#: TensorFlow's event for running an operation or a function.
RUNS = "KernelAndDeviceFunc::Run"
#: How the events of PyTorch's operations begin.
_ATEN = ("aten::", "mkldnn::")
#: These hold the convolution that computes.
_ATEN_WRAPPERS = frozenset({"aten::conv1d", "aten::conv2d", "aten::convolution", "aten::_convolution"})
#: What the name of an event that ends an instruction of XLA's begins with.
_END = "end: "


def read_graph_operations(lines: Iterable[Line]) -> Iterator[Operation]:
    """What a graph's executors ran, by TensorFlow's type of operation."""
    for line in lines:
        for name, intervals in line.split_by_name():
            match = _OPERATION.match(name)
            if match and not _CONTAINERS.match(match[2]):
                yield Operation(match[2], intervals, place=match[1])


def read_eager_operations(caller: Line) -> Iterator[Operation]:
    """What eager calls ran: the runtime's event for running an operation, inside the call's."""
    calls = caller.keep_names([name for name in caller.distinct if name.startswith(EAGER)])
    runs = caller.keep_names([RUNS])
    if not len(calls.starts) or not len(runs.starts):
        return
    enclosing = np.searchsorted(calls.starts, runs.starts, side="right") - 1
    inside = (enclosing >= 0) & (runs.ends <= calls.ends[enclosing])
    kinds = calls.kinds[enclosing]
    for kind in np.unique(kinds[inside]):
        name = calls.vocabulary[kind].removeprefix(EAGER)
        if name != "SyncDevice" and not _CONTAINERS.match(name):
            chosen = inside & (kinds == kind)
            yield Operation(name, Intervals(runs.starts[chosen], runs.ends[chosen]))


def read_torch_operations(caller: Line) -> Iterator[Operation]:
    """What PyTorch ran: its convolutions whole, and of all else what holds nothing else."""
    events = caller.keep_names([name for name in caller.distinct if name.startswith(_ATEN)])
    starts, ends = events.intervals
    if not len(starts):
        return
    is_convolution = np.array([_is_torch_convolution(name) for name in events.vocabulary])[events.kinds]
    # Sorted by start, the longest first: what begins before the one before has ended lies in it.
    reach = np.maximum.accumulate(np.where(is_convolution, ends, -np.inf))
    inside_convolution = np.concatenate([[False], starts[1:] < reach[:-1]])
    holds_nothing = np.concatenate([starts[1:] >= ends[:-1], [True]])
    chosen = (is_convolution | holds_nothing) & ~inside_convolution
    for kind in np.unique(events.kinds[chosen]):
        same = chosen & (events.kinds == kind)
        yield Operation(events.vocabulary[kind], Intervals(starts[same], ends[same]))


def _is_torch_convolution(name: str) -> bool:
    without_weights = name.partition(" ")[0]
    return without_weights not in _ATEN_WRAPPERS and "conv" in without_weights


def read_gpu_kernels(lines: Iterable[Line]) -> Iterator[Operation]:
    """What ran on GPUs, named by the operation that launched it, or by itself where nothing says which."""
    for line in lines:
        if not line.is_of_gpu:
            continue
        for kernel in line.distinct:
            same = line.keep_names([kernel])
            launchers = np.array([]) if same.belongs_to is None else same.belongs_to
            for launcher in dict.fromkeys(launchers):
                chosen = launchers == launcher
                match = _OPERATION.match(launcher)
                yield Operation(
                    name=match[2] if match else launcher or kernel,
                    intervals=Intervals(same.starts[chosen], same.ends[chosen]),
                    kernel=kernel,
                    place=match[1] if match else "",
                )


def read_xla_instructions(lines: Sequence[Line]) -> list[Operation]:
    """XLA's instructions: from an event's start to the event "end: ..." of the same name.

    With several threads the first event is only the dispatch; the work ends on another thread.
    """
    names = {name for line in lines for name in line.distinct}
    ends = _collect_by_name(lines, {name for name in names if name.startswith(_END)})
    starts = _collect_by_name(lines, {name.removeprefix(_END) for name in ends})
    return [
        Operation(name, _pair_ends(begun.starts, ends[f"{_END}{name}"].ends))
        for name, begun in starts.items()
    ]


def _pair_ends(starts: np.ndarray, ends: np.ndarray) -> Intervals:
    """Each of the sorted ``starts`` with the next of ``ends``, if no later start lies between them."""
    ends = np.sort(ends)
    place = np.searchsorted(ends, starts)
    kept = place < len(ends)
    kept[:-1] &= place[:-1] != place[1:]
    return Intervals(starts[kept], ends[place[kept]])


def _collect_by_name(lines: Sequence[Line], names: Collection[str]) -> dict[str, Intervals]:
    """The times of the events that have one of ``names``, over all lines, sorted by start."""
    found: dict[str, list[Intervals]] = {}
    for line in lines:
        for name, intervals in line.keep_names(names).split_by_name():
            found.setdefault(name, []).append(intervals)
    collected = {}
    for name, parts in found.items():
        starts, ends = join_intervals(parts)
        order = np.argsort(starts, kind="stable")
        collected[name] = Intervals(starts[order], ends[order])
    return collected
