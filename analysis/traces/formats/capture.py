"""``capture.json`` and ``network.json`` -> what was measured beside a trace, without the profiler."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from analysis.traces.line import TraceError
from bench.contract.cases import ConvCase
from bench.contract.networks import NetworkCapture
from bench.contract.trace_folder import Capture

#: What reading a damaged or foreign file raises.
DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def read_capture(file: Path, case: ConvCase) -> Capture:
    """What ``file`` says; :class:`TraceError` where it is damaged or says that another case was traced."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        capture = Capture.from_dict(content)
        _check_times(capture)
    except DAMAGE as error:
        raise TraceError(f"{file} does not say how the trace was captured: {error}") from error
    if capture.case != case:
        raise TraceError(f"{file.parent} holds the trace of another case, {capture.case.id}")
    return capture


def read_network_capture(file: Path) -> NetworkCapture:
    """What ``file`` says of a traced network; :class:`TraceError` where it is damaged."""
    try:
        capture = NetworkCapture.from_dict(json.loads(file.read_text(encoding="utf-8")))
        _check_times(capture)
    except DAMAGE as error:
        raise TraceError(f"{file} does not say how the network was traced: {error}") from error
    return capture


def _check_times(capture: Capture | NetworkCapture) -> None:
    """Raise ``ValueError`` where what the file says of times cannot be."""
    for value in capture.untraced_step_seconds + capture.caller_cpu_seconds:
        if not (math.isfinite(value) and value >= 0):
            raise ValueError("its times are no times")
    if not capture.untraced_step_seconds:
        raise ValueError("no step was timed without the profiler")
    if not np.median(capture.untraced_step_seconds) > 0:
        raise ValueError("its steps took no time")
