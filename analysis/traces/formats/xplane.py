"""The profiler's XPlane files -> lines of named intervals. The one module that knows their layout.

XProf's own reader is right about self times, but its tables are empty for XLA and for eager calls
on CPU, count an operation twice where it allocates, and fail without a word on a damaged file
(XProf 2.24); so the protobuf is read directly. The descriptor below holds the fields that are used,
with the numbers of ``xplane.proto``, so that neither TensorFlow nor XProf need be installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_PICOSECOND = 1e-12
#: Facts of a kernel that name what launched it.
_LAUNCHED_BY = ("hlo_op", "tf_op", "name")
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
    """The events of one thread, sorted by start, as columns: seconds since the trace began.

    ``kinds`` are places in ``vocabulary``, so that a name is looked at once and not once an event.
    ``belongs_to`` is, for what ran on a device, the framework's operation that each event is part of.
    """

    plane: str
    name: str
    vocabulary: tuple[str, ...]
    kinds: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    belongs_to: np.ndarray | None = None

    @property
    def is_of_gpu(self) -> bool:
        """Whether it is a stream of a GPU."""
        return self.plane.startswith("/device:GPU") and self.name.startswith("Stream")

    @property
    def distinct(self) -> list[str]:
        """The names that occur."""
        return [self.vocabulary[kind] for kind in np.unique(self.kinds)]

    @property
    def names(self) -> np.ndarray:
        """The name of each event."""
        return np.array(self.vocabulary, dtype=object)[self.kinds]

    def where(self, wanted: Callable[[str], bool]) -> Line:
        """The events whose name is ``wanted``."""
        chosen = np.zeros(len(self.vocabulary), dtype=bool)
        for kind in np.unique(self.kinds):
            chosen[kind] = wanted(self.vocabulary[kind])
        kept = chosen[self.kinds]
        columns = (self.kinds, self.starts, self.ends, self.belongs_to)
        return Line(
            self.plane, self.name, self.vocabulary, *(None if c is None else c[kept] for c in columns)
        )

    def by_name(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Each name that occurs, with the starts and ends of its events."""
        for kind in np.unique(self.kinds):
            of = self.kinds == kind
            yield self.vocabulary[kind], self.starts[of], self.ends[of]


def read_xplane(file: Path) -> list[Line]:
    """Every line that has events. Raises :class:`TraceError`."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise TraceError(f"cannot read {file}: {error.strerror}") from error
    if not content:
        raise TraceError(f"{file} is empty: the profiler writes nothing where a trace is over 2 GB")
    try:
        space = build_space_class().FromString(content)
    except message.DecodeError as error:
        raise TraceError(f"{file} is no trace, or was cut off") from error
    origin = min((line.timestamp_ns for plane in space.planes for line in plane.lines), default=0)
    lines = [line for plane in space.planes for line in _lines(plane, origin)]
    if not lines:
        raise TraceError(f"{file} is no trace, or holds no event")
    return lines


def _lines(plane: message.Message, origin_ns: int) -> Iterator[Line]:
    """The lines of one plane that have events, all with the plane's vocabulary."""
    named = {entry.key: entry.value.name for entry in plane.event_metadata}
    vocabulary = ("", *named.values())
    place = {key: number for number, key in enumerate(named, start=1)}
    facts = {entry.key: entry.value.name for entry in plane.stat_metadata}
    on_device = plane.name.startswith("/device:")
    for line in plane.lines:
        events = np.fromiter(
            ((place.get(event.metadata_id, 0), event.offset_ps, event.duration_ps) for event in line.events),
            dtype=[("kind", np.int64), ("start", np.int64), ("duration", np.int64)],
            count=len(line.events),
        )
        if not len(events):
            continue
        # Of events that start together, the longest first: it holds the others.
        order = np.lexsort((-events["duration"], events["start"]))
        events = events[order]
        starts = (line.timestamp_ns - origin_ns) * 1e-9 + events["start"] * _PICOSECOND
        yield Line(
            plane.name,
            line.name,
            vocabulary,
            events["kind"],
            starts,
            starts + events["duration"] * _PICOSECOND,
            np.array([_belongs_to(event, facts) for event in line.events], dtype=object)[order]
            if on_device
            else None,
        )


def _belongs_to(event: message.Message, facts: Mapping[int, str]) -> str:
    """The operation of the framework, or XLA's instruction, that launched what ran on a device."""
    said = {
        facts.get(stat.metadata_id): stat.str_value or facts.get(stat.ref_value, "") for stat in event.stats
    }
    return next((said[name] for name in _LAUNCHED_BY if said.get(name)), "")


@cache
def build_space_class() -> type[message.Message]:
    """The class of a whole file."""
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
