"""``capture.json`` -> what was measured beside a trace, without the profiler."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.traces.line import TraceError
from bench.contract.cases import ConvCase

#: What reading a damaged or foreign file raises.
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


@dataclass(frozen=True)
class Capture:
    """Seconds of single steps in the process that traced."""

    untraced_step_seconds: tuple[float, ...]
    #: By the calling thread's own CPU clock; empty where there is no such clock.
    caller_cpu_seconds: tuple[float, ...]


def read_capture(file: Path, case: ConvCase) -> Capture:
    """What ``file`` says; :class:`TraceError` where it is damaged or says that another case was traced."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        traced = ConvCase.from_dict(content["case"])
        capture = _parse_capture(content)
    except _DAMAGE as error:
        raise TraceError(f"{file} does not say how the trace was captured: {error}") from error
    if traced != case:
        raise TraceError(f"{file.parent} holds the trace of another case, {traced.id}")
    return capture


def _parse_capture(content: Mapping[str, Any]) -> Capture:
    untraced = _parse_seconds(content.get("untraced_step_seconds", []))
    if not untraced:
        raise ValueError("no step was timed without the profiler")
    if not np.median(untraced) > 0:
        raise ValueError("its steps took no time")
    return Capture(
        untraced_step_seconds=untraced,
        caller_cpu_seconds=_parse_seconds(content.get("caller_cpu_seconds", [])),
    )


def _parse_seconds(values: Any) -> tuple[float, ...]:
    seconds = tuple(float(value) for value in values)
    if not all(math.isfinite(value) and value >= 0 for value in seconds):
        raise ValueError("its times are no times")
    return seconds
