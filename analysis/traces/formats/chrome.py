"""The traces of PyTorch's profiler (Chrome's trace events, as JSON) -> lines of named events.

No other module knows their layout.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analysis.traces.line import Line, TraceError

_MICROSECOND = 1e-6
#: What ran on a GPU, by the profiler's category.
_ON_GPU = frozenset({"kernel", "gpu_memcpy", "gpu_memset"})
#: What reading a damaged or foreign file raises.
_DAMAGE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    OverflowError,
    RecursionError,
    zlib.error,
)


class _Thread(NamedTuple):
    """A thread or, on a GPU, a stream, as the profiler identifies it."""

    on_gpu: bool
    process: Any
    name: Any


def read_chrome_trace(file: Path) -> list[Line]:
    """Every thread, and every stream of a GPU, that has events. Raises :class:`TraceError`."""
    try:
        lines = _make_lines(_read_events(file))
    except OSError as error:
        raise TraceError(f"cannot read {file}: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise TraceError(f"{file} is no trace of PyTorch's profiler, or was cut off") from error
    if not lines:
        raise TraceError(f"{file} holds no event")
    return lines


def _read_events(file: Path) -> list[dict[str, Any]]:
    """The events that last, with convolutions named by their weights too."""
    content = file.read_bytes()
    text = gzip.decompress(content) if file.suffix == ".gz" else content
    events = [event for event in json.loads(text)["traceEvents"] if event.get("ph") == "X"]
    return [{**event, "name": _name_with_weights(event)} for event in events]


def _name_with_weights(event: Mapping[str, Any]) -> str:
    """The event's name; a convolution's with its weights' shape, which tells one from another.

    ``aten::convolution_backward 64x1x3x3``: (filters, inputs of a group, height, width).
    """
    name = str(event["name"])
    shapes = event.get("args", {}).get("Input Dims", ())
    if "conv" not in name or event.get("cat") != "cpu_op":
        return name
    # A backward operation is given the output's gradient and the input first, a forward one the input.
    place = 2 if "backward" in name else 1
    weights = shapes[place] if len(shapes) > place else ()
    return f"{name} {'x'.join(str(int(size)) for size in weights)}".strip()


def _make_lines(events: list[dict[str, Any]]) -> list[Line]:
    """One line for each thread and stream, in the order in which they come."""
    threads: dict[_Thread, list[Mapping[str, Any]]] = {}
    for event in events:
        thread = _Thread(on_gpu=event.get("cat") in _ON_GPU, process=event["pid"], name=event["tid"])
        threads.setdefault(thread, []).append(event)
    launchers = _find_launchers(events)
    origin = min((float(event["ts"]) for event in events), default=0.0)
    return [_make_line(thread, found, origin, launchers) for thread, found in threads.items()]


def _find_launchers(events: list[dict[str, Any]]) -> dict[Any, str]:
    """The operations that a GPU's events may belong to, by the id that both carry."""
    return {
        event["args"]["External id"]: event["name"]
        for event in events
        if event.get("cat") == "cpu_op" and "External id" in event.get("args", {})
    }


def _make_line(
    thread: _Thread, events: list[Mapping[str, Any]], origin: float, launchers: Mapping[Any, str]
) -> Line:
    """The line of one thread; times are microseconds in the file, ``origin`` is where they begin."""
    starts = np.array([float(event["ts"]) - origin for event in events]) * _MICROSECOND
    ends = starts + np.array([float(event.get("dur", 0.0)) for event in events]) * _MICROSECOND
    if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
        raise ValueError("its times are no times")
    # Of events that start together, the longest first: it holds the others.
    order = np.lexsort((-ends, starts))
    vocabulary = tuple(dict.fromkeys(event["name"] for event in events))
    places = {name: place for place, name in enumerate(vocabulary)}
    kinds = np.array([places[event["name"]] for event in events])
    belongs_to = None
    if thread.on_gpu:
        ids = [event.get("args", {}).get("External id") for event in events]
        belongs_to = np.array([launchers.get(one, "") for one in ids], dtype=object)[order]
    return Line(
        plane=f"/device:GPU:{thread.process}" if thread.on_gpu else f"/host:{thread.process}",
        name=f"Stream {thread.name}" if thread.on_gpu else str(thread.name),
        vocabulary=vocabulary,
        kinds=kinds[order],
        starts=starts[order],
        ends=ends[order],
        belongs_to=belongs_to,
    )
