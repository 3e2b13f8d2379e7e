"""The profiler's XPlane files -> lines of named intervals. The one module that knows their layout.

XProf's own reader is right about self times, but its tables are empty for XLA and for eager calls
on CPU, count an operation twice where it allocates, and fail without a word on a damaged file
(XProf 2.24); so the protobuf is read directly. The descriptor below holds the fields that are used,
with the numbers of ``xplane.proto``, so that neither TensorFlow nor XProf need be installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_PICOSECOND = 1e-12
_INT64, _UINT64, _STRING, _MESSAGE = (
    getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{name}")
    for name in ("INT64", "UINT64", "STRING", "MESSAGE")
)
#: message -> field -> (number, type, repeated); a type in words is another message.
_LAYOUT: dict[str, dict[str, tuple[int, int | str, bool]]] = {
    "XSpace": {"planes": (1, "XPlane", True)},
    "XPlane": {
        "name": (2, _STRING, False),
        "lines": (3, "XLine", True),
        "event_metadata": (4, "EventEntry", True),
        "stat_metadata": (5, "StatEntry", True),
    },
    # A protobuf map is a repeated message of key and value.
    "EventEntry": {"key": (1, _INT64, False), "value": (2, "XEventMetadata", False)},
    "StatEntry": {"key": (1, _INT64, False), "value": (2, "XStatMetadata", False)},
    "XLine": {
        "name": (2, _STRING, False),
        "timestamp_ns": (3, _INT64, False),
        "events": (4, "XEvent", True),
    },
    "XEvent": {
        "metadata_id": (1, _INT64, False),
        "offset_ps": (2, _INT64, False),
        "duration_ps": (3, _INT64, False),
        "stats": (4, "XStat", True),
    },
    "XStat": {
        "metadata_id": (1, _INT64, False),
        "uint64_value": (3, _UINT64, False),
        "int64_value": (4, _INT64, False),
        "str_value": (5, _STRING, False),
        "ref_value": (7, _UINT64, False),
    },
    "XEventMetadata": {"name": (2, _STRING, False)},
    "XStatMetadata": {"name": (2, _STRING, False)},
}


class TraceError(ValueError):
    """One sentence that names the file and says what is wrong with it."""


@dataclass(frozen=True)
class Line:
    """The events of one thread, sorted by start: seconds since the trace began."""

    plane: str
    name: str
    names: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def where(self, wanted: Callable[[str], bool]) -> Line:
        """The events whose name is ``wanted``; asked once a name, not once an event."""
        chosen = {name: wanted(name) for name in np.unique(self.names)} if len(self.names) else {}
        kept = np.fromiter((chosen[name] for name in self.names), dtype=bool, count=len(self.names))
        return Line(self.plane, self.name, self.names[kept], self.starts[kept], self.ends[kept])


def read(file: Path) -> list[Line]:
    """Every line that has events. Raises :class:`TraceError`."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise TraceError(f"cannot read {file}: {error.strerror}") from error
    if not content:
        raise TraceError(f"{file} is empty: the profiler writes nothing where a trace is over 2 GB")
    try:
        space = _message_class("XSpace").FromString(content)
    except message.DecodeError as error:
        raise TraceError(f"{file} is no trace, or was cut off") from error
    lines = [_line(plane, line, _names(plane)) for plane in space.planes for line in plane.lines]
    lines = [line for line in lines if len(line.starts)]
    if not lines:
        raise TraceError(f"{file} is no trace, or holds no event")
    return lines


def _names(plane) -> dict[int, str]:
    return {entry.key: entry.value.name for entry in plane.event_metadata}


def _line(plane, line, names: dict[int, str]) -> Line:
    """One line's events, as columns."""
    events = line.events
    count = len(events)
    starts = np.fromiter((event.offset_ps for event in events), dtype=np.int64, count=count)
    durations = np.fromiter((event.duration_ps for event in events), dtype=np.int64, count=count)
    labels = np.empty(count, dtype=object)
    labels[:] = [names.get(event.metadata_id, "") for event in events]
    order = np.lexsort((-durations, starts))
    base = line.timestamp_ns * 1e-9
    begins = base + starts[order] * _PICOSECOND
    return Line(plane.name, line.name, labels[order], begins, begins + durations[order] * _PICOSECOND)


@cache
def _message_class(name: str):
    file = descriptor_pb2.FileDescriptorProto(
        name="separable_conv_bench/xplane.proto", package="separable_conv_bench", syntax="proto3"
    )
    for message_name, fields in _LAYOUT.items():
        described = file.message_type.add(name=message_name)
        for field_name, (number, kind, repeated) in fields.items():
            field = described.field.add(name=field_name, number=number)
            field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = _MESSAGE, f".{file.package}.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))
