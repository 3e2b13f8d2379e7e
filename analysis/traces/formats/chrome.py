"""The traces of PyTorch's profiler (Chrome's trace events, as JSON) -> lines of named intervals.

Like ``xplane``, the one module that knows its layout.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analysis.traces.formats.xplane import Line, TraceError

_MICROSECOND = 1e-6
#: What ran on a GPU, by the profiler's category.
_ON_GPU = frozenset({"kernel", "gpu_memcpy", "gpu_memset"})


def read_chrome_trace(file: Path) -> list[Line]:
    """Every thread, and every stream of a GPU, that has events. Raises :class:`TraceError`."""
    try:
        content = file.read_bytes()
        text = gzip.decompress(content) if file.suffix == ".gz" else content
        events = [event for event in json.loads(text)["traceEvents"] if event.get("ph") == "X"]
        for event in events:
            event["name"] = _with_weights(event)
        launched = {
            event["args"]["External id"]: event["name"]
            for event in events
            if event.get("cat") == "cpu_op" and "External id" in event.get("args", {})
        }
        threads: dict[tuple[bool, Any, Any], list[Mapping[str, Any]]] = {}
        for event in events:
            threads.setdefault((event.get("cat") in _ON_GPU, event["pid"], event["tid"]), []).append(event)
        origin = min((float(event["ts"]) for event in events), default=0.0)
        lines = [_line(thread, found, origin, launched) for thread, found in threads.items()]
    except OSError as error:
        raise TraceError(f"cannot read {file}: {error.strerror or error}") from error
    except (
        *(ValueError, KeyError, TypeError, AttributeError, EOFError, OverflowError, RecursionError),
        zlib.error,
    ) as error:
        raise TraceError(f"{file} is no trace of PyTorch's profiler, or was cut off") from error
    if not lines:
        raise TraceError(f"{file} holds no event")
    return lines


def _line(
    thread: tuple[bool, Any, Any], events: list[Mapping[str, Any]], origin: float, launched: Mapping[Any, str]
) -> Line:
    on_gpu, process, name = thread
    starts = np.array([float(event["ts"]) - origin for event in events]) * _MICROSECOND
    ends = starts + np.array([float(event.get("dur", 0.0)) for event in events]) * _MICROSECOND
    if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
        raise ValueError("its times are no times")
    # Of events that start together, the longest first: it holds the others.
    order = np.lexsort((-ends, starts))
    vocabulary = tuple(dict.fromkeys(event["name"] for event in events))
    place = {name: number for number, name in enumerate(vocabulary)}
    kinds = np.array([place[event["name"]] for event in events])
    belongs_to = None
    if on_gpu:
        ids = (event.get("args", {}).get("External id") for event in events)
        belongs_to = np.array([launched.get(one, "") for one in ids], dtype=object)[order]
    return Line(
        f"/device:GPU:{process}" if on_gpu else f"/host:{process}",
        f"Stream {name}" if on_gpu else str(name),
        vocabulary,
        kinds[order],
        starts[order],
        ends[order],
        belongs_to,
    )


def _with_weights(event: Mapping[str, Any]) -> str:
    """Its name; of a convolution, with its weights' shape, by which one is told from another.

    ``aten::convolution_backward 64x1x3x3``: (filters, inputs of a group, height, width).
    """
    name = str(event["name"])
    shapes = event.get("args", {}).get("Input Dims", ())
    if "conv" not in name or event.get("cat") != "cpu_op":
        return name
    # A backward operation is given the output's gradient and the input first, a forward one the input.
    place = 2 if "backward" in name else 1
    weights = shapes[place] if len(shapes) > place else ()
    return f"{name} {'x'.join(map(str, weights))}".strip()
