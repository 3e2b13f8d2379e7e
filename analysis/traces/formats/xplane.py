"""XPlane files, the traces of TensorFlow's and JAX's profiler -> lines of named events.

No other module knows their layout. The protobuf is read directly, since XProf's own reader (2.24) is
right about self times only. Its tables are empty for XLA and for eager calls on CPU. They count an
operation twice where it allocates. On a damaged file it fails without a word. ``_LAYOUT`` holds the
fields that are used, with the numbers of ``xplane.proto``, so that neither TensorFlow nor XProf need
be installed.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from analysis.traces.line import Line, TraceError

_NANOSECOND, _PICOSECOND = 1e-9, 1e-12
#: Facts of a kernel that name what launched it; the first that is there counts.
_LAUNCHED_BY = ("hlo_op", "tf_op", "name")
_INT64 = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
_UINT64 = descriptor_pb2.FieldDescriptorProto.TYPE_UINT64
_STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
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


def read_xplane(file: Path) -> list[Line]:
    """Every line that has events; ``file`` may be packed with gzip. Raises :class:`TraceError`."""
    try:
        content = file.read_bytes()
        content = gzip.decompress(content) if file.suffix == ".gz" else content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TraceError(f"{file} is damaged, or was cut off") from error
    except OSError as error:
        raise TraceError(f"cannot read {file}: {error.strerror}") from error
    if not content:
        raise TraceError(f"{file} is empty: the profiler writes nothing where a trace is over 2 GB")
    try:
        space = build_space_class().FromString(content)
    except message.DecodeError as error:
        raise TraceError(f"{file} is no trace, or was cut off") from error
    origin_ns = min((line.timestamp_ns for plane in space.planes for line in plane.lines), default=0)
    lines = [line for plane in space.planes for line in _read_plane(plane, origin_ns)]
    if not lines:
        raise TraceError(f"{file} is no trace, or holds no event")
    return lines


def _read_plane(plane: message.Message, origin_ns: int) -> Iterator[Line]:
    """The lines of one plane that have events, all with the plane's vocabulary."""
    names = {entry.key: entry.value.name for entry in plane.event_metadata}
    # An event whose metadata is missing has no name: the first of the vocabulary.
    places = {key: place for place, key in enumerate(names, start=1)}
    vocabulary = ("", *names.values())
    facts = {entry.key: entry.value.name for entry in plane.stat_metadata}
    for line in plane.lines:
        if not line.events:
            continue
        events = _read_events(line, places)
        # Of events that start together, the longest first: it holds the others.
        order = np.lexsort((-events["duration"], events["start"]))
        events = events[order]
        starts = (line.timestamp_ns - origin_ns) * _NANOSECOND + events["start"] * _PICOSECOND
        belongs_to = None
        if plane.name.startswith("/device:"):
            belongs_to = np.array([_find_launcher(event, facts) for event in line.events], dtype=object)[
                order
            ]
        yield Line(
            plane=plane.name,
            name=line.name,
            vocabulary=vocabulary,
            kinds=events["kind"],
            starts=starts,
            ends=starts + events["duration"] * _PICOSECOND,
            belongs_to=belongs_to,
        )


def _read_events(line: message.Message, places: Mapping[int, int]) -> np.ndarray:
    """``kind``, and ``start`` and ``duration`` in picoseconds, of each event of ``line``, (N,)."""
    return np.fromiter(
        ((places.get(event.metadata_id, 0), event.offset_ps, event.duration_ps) for event in line.events),
        dtype=[("kind", np.int64), ("start", np.int64), ("duration", np.int64)],
        count=len(line.events),
    )


def _find_launcher(event: message.Message, facts: Mapping[int, str]) -> str:
    """The framework's operation, or XLA's instruction, that launched what ran on a device; else empty."""
    said = {}
    for stat in event.stats:
        said[facts.get(stat.metadata_id)] = stat.str_value or facts.get(stat.ref_value, "")
    for name in _LAUNCHED_BY:
        if said.get(name):
            return said[name]
    return ""


@cache
def build_space_class() -> type[message.Message]:
    """The class of a whole file, an ``XSpace``."""
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
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.XSpace"))
