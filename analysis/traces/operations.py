"""The profiler's events -> operations that ran: name, starts and ends in seconds.

A graph's executor, eager calls, XLA's programs and GPUs each leave their own kind of event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from analysis.traces.formats.xplane import Line
from analysis.traces.intervals import Intervals


class Operation(NamedTuple):
    """``kernel`` is what ran on a GPU for it; empty where the processor computes."""

    name: str
    starts: np.ndarray
    ends: np.ndarray
    kernel: str = ""


#: An operation that a graph's executor ran, "scope/name:Type".
_OPERATION = re.compile(r"^[^:]*:(_?[A-Za-z]\w*)$")
#: These hold other operations.
_CONTAINERS = re.compile(r"^(?:Stateful)?PartitionedCall$|^(?:Stateless)?(?:While|If)$|^Xla|^_Xla|^__")
EAGER = "EagerLocalExecute: "
RUNS = "KernelAndDeviceFunc::Run"


def read_graph_operations(lines: Iterable[Line]) -> Iterator[Operation]:
    """What the executors ran, by TensorFlow's type of operation."""

    def is_one(name: str) -> bool:
        match = _OPERATION.match(name)
        return bool(match) and not _CONTAINERS.match(match[1])

    for line in lines:
        for name, starts, ends in line.where(is_one).by_name():
            yield Operation(_OPERATION.match(name)[1], starts, ends)


def read_eager_operations(caller: Line) -> Iterator[Operation]:
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
            yield Operation(name, runs.starts[chosen], runs.ends[chosen])


#: These hold the convolution that computes.
_ATEN_WRAPPERS = frozenset({"aten::conv1d", "aten::conv2d", "aten::convolution", "aten::_convolution"})
_ATEN = ("aten::", "mkldnn::")


def read_torch_operations(caller: Line) -> Iterator[Operation]:
    """What PyTorch ran: its convolutions whole, and of all else what holds nothing else."""
    operations = caller.where(lambda name: name.startswith(_ATEN))
    starts, ends = operations.starts, operations.ends
    if not len(starts):
        return
    named = np.array([_is_convolution(name) for name in operations.vocabulary])
    convolution = named[operations.kinds]
    # Sorted by start, the longest first: what begins before the one before has ended lies in it.
    reach = np.maximum.accumulate(np.where(convolution, ends, -np.inf))
    inside = np.concatenate([[False], starts[1:] < reach[:-1]])
    leaf = np.concatenate([starts[1:] >= ends[:-1], [True]])
    chosen = (convolution | leaf) & ~inside
    for kind in np.unique(operations.kinds[chosen]):
        of = chosen & (operations.kinds == kind)
        yield Operation(operations.vocabulary[kind], starts[of], ends[of])


def _is_convolution(name: str) -> bool:
    plain = name.partition(" ")[0]
    return plain not in _ATEN_WRAPPERS and "conv" in plain


def read_gpu_kernels(lines: Iterable[Line]) -> Iterator[Operation]:
    """What ran on GPUs: named by the operation that launched it, or by itself where nothing says which."""
    for line in lines:
        if not line.is_of_gpu:
            continue
        for kernel, _, _ in line.by_name():
            same = line.where(kernel.__eq__)
            for launched_by in dict.fromkeys(same.belongs_to):
                chosen = same.belongs_to == launched_by
                match = _OPERATION.match(launched_by)
                name = match[1] if match else launched_by or kernel
                yield Operation(name, same.starts[chosen], same.ends[chosen], kernel)


#: Libraries by how their kernels are called; the first that fits.
_LIBRARIES = (
    ("XLA", r"^gemm_fusion"),
    ("cuBLAS", r"cublas|xmma_gemm|nvjet"),
    ("cuDNN", r"cudnn|xmma|winograd|implicit_convolve|convolve|[dw]grad|fprop|nchwToNhwc|nhwcToNchw"),
    ("CUTLASS", r"cutlass"),
    ("Triton", r"triton"),
    ("cuBLAS", r"gemm|gemv"),
    ("TensorFlow", r"tensorflow::|Eigen::|DepthwiseConv2d|SwapDimension|BiasNCHW|BiasNHWC"),
    ("PyTorch", r"at::native|at_cuda|c10::"),
    ("XLA", r"^(?:loop|input|fusion|wrapped|copy|reduce|transpose|select)[_.a-z]*"),
)


def name_library(kernel: str) -> str:
    """Whose kernel it is, by its name; empty where the name does not say."""
    return next((name for name, pattern in _LIBRARIES if re.search(pattern, kernel)), "")


def pair_thunks(lines: Iterable[Line]) -> dict[str, Intervals]:
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
