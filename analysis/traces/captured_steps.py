"""A folder with a trace -> its steps, and the operations that ran in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.traces.formats.chrome import read_chrome_trace
from analysis.traces.formats.xplane import read_xplane
from analysis.traces.intervals import Intervals
from analysis.traces.line import Line, TraceError
from analysis.traces.operations import (
    Operation,
    read_eager_operations,
    read_gpu_kernels,
    read_graph_operations,
    read_torch_operations,
    read_xla_instructions,
)
from bench.contract.trace_folder import STEP_NAME

#: Events of a function compiled by XLA.
_COMPILED = re.compile(r"^CpuExecutable::|^ThunkExecutor::|:_?Xla|^Xla")


@dataclass(frozen=True)
class CapturedSteps:
    """What a trace holds: its lines, that of the calling thread, and the steps to be looked at.

    Steps slower than the median are left out, as something disturbed them.
    """

    lines: Sequence[Line]
    caller: Line
    steps: Intervals
    #: XLA's instructions, and what ran on a GPU.
    instructions: Sequence[Operation]
    kernels: Sequence[Operation]

    @property
    def step_seconds(self) -> float:
        """The mean of the steps."""
        return float((self.steps.ends - self.steps.starts).mean())

    @property
    def is_compiled(self) -> bool:
        """Whether XLA compiled and ran it."""
        return any(_COMPILED.search(name) for line in self.lines for name in line.distinct)

    @property
    def operations(self) -> Sequence[Operation]:
        """What computed. On a GPU the processor's events are launches: what computes is the kernels."""
        return self.kernels or [
            *read_graph_operations(self.lines),
            *read_eager_operations(self.caller),
            *self.instructions,
            *read_torch_operations(self.caller),
        ]


def read_steps(folder: Path) -> CapturedSteps:
    """The newest trace in ``folder``: TensorFlow's and JAX's as XPlane, else PyTorch's as Chrome's events.

    Raises :class:`TraceError` where there is none, or where it is damaged or of another suite.
    """
    file, lines = _read_newest(folder)
    for line in lines:
        steps = line.keep_names([STEP_NAME])
        if len(steps.starts):
            seconds = steps.ends - steps.starts
            kept = seconds <= np.median(seconds)
            return CapturedSteps(
                lines=lines,
                caller=line,
                steps=Intervals(steps.starts[kept], steps.ends[kept]),
                instructions=read_xla_instructions(lines),
                kernels=list(read_gpu_kernels(lines)),
            )
    raise TraceError(f"{file} holds no step called {STEP_NAME}: it was not captured by this suite")


def _read_newest(folder: Path) -> tuple[Path, list[Line]]:
    xplanes = sorted(folder.glob("plugins/profile/*/*.xplane.pb*"))
    if xplanes:
        return xplanes[-1], read_xplane(xplanes[-1])
    chrome_traces = sorted(folder.glob("*.pt.trace.json*"))
    if chrome_traces:
        return chrome_traces[-1], read_chrome_trace(chrome_traces[-1])
    raise TraceError(f"there is no trace in {folder}")
