"""Traces with known intervals, in the files that the profiler writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from analysis.traces.formats import xplane
from bench.contract.cases import ConvCase

#: (name, start, end) in milliseconds.
Event = tuple[str, float, float]
CALLER = "python"


def space(lines: Mapping[str, Iterable[Event]]) -> bytes:
    """An XSpace with one plane and these lines."""
    made = xplane.build_space_class()()
    plane = made.planes.add(name="/host:CPU")
    ids: dict[str, int] = {}
    for line_name, events in lines.items():
        line = plane.lines.add(name=line_name, timestamp_ns=1_000_000)
        for name, start, end in events:
            line.events.add(
                metadata_id=ids.setdefault(name, len(ids) + 1),
                offset_ps=round(start * 1e9),
                duration_ps=round((end - start) * 1e9),
            )
    for name, number in ids.items():
        plane.event_metadata.add(key=number).value.name = name
    return made.SerializeToString()


def add_gpu(content: bytes, kernels: Iterable[tuple[str, str, float, float]]) -> bytes:
    """An XSpace with a GPU's stream beside: (kernel, the operation that launched it, start, end) in ms."""
    made = xplane.build_space_class().FromString(content)
    plane = made.planes.add(name="/device:GPU:0")
    plane.stat_metadata.add(key=1).value.name = "tf_op"
    stream = plane.lines.add(name="Stream #13(Compute)", timestamp_ns=1_000_000)
    for number, (kernel, operation, start, end) in enumerate(kernels, start=1):
        plane.event_metadata.add(key=number).value.name = kernel
        event = stream.events.add(
            metadata_id=number, offset_ps=round(start * 1e9), duration_ps=round((end - start) * 1e9)
        )
        event.stats.add(metadata_id=1, str_value=operation)
    return made.SerializeToString()


def save(
    folder: Path,
    lines: Mapping[str, Iterable[Event]],
    case: ConvCase | None = None,
    untraced_ms: Iterable[float] = (10.0,),
    caller_cpu_ms: Iterable[float] | None = None,
) -> Path:
    """A case's folder as ``bench.tracing.capturing`` leaves it."""
    trace = folder / "plugins/profile/run/host.xplane.pb"
    trace.parent.mkdir(parents=True)
    trace.write_bytes(space(lines))
    captured = {
        "case": (case or ConvCase()).as_dict(),
        "steps": 1,
        "untraced_step_seconds": [ms / 1e3 for ms in untraced_ms],
    }
    if caller_cpu_ms is not None:
        captured["caller_cpu_seconds"] = [ms / 1e3 for ms in caller_cpu_ms]
    (folder / "capture.json").write_text(json.dumps(captured))
    return folder


def graph_step(start: float, operations: Iterable[Event], length: float = 10.0) -> dict[str, list[Event]]:
    """A step of ``length`` ms: dispatch for 1 ms at each end, the runtime's own event in between."""
    end = start + length
    return {
        CALLER: [
            ("bench_step", start, end),
            ("TFE_Py_ExecuteCancelable", start + 0.5, end - 0.5),
            ("KernelAndDeviceFunc::Run", start + 1, end - 1),
        ],
        "tf_Compute": [(name, start + begin, start + finish) for name, begin, finish in operations],
    }
