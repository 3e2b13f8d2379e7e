"""The records of a journal: how they are written, and how they are read where the end of a file was lost.

A journal is a file of records, one to a line: a checksum, a space, and JSON. A line that was cut off or
damaged counts as not written.

A record is one of::

    {"run": {...}, "context": ...}                  a process began or went on; what it was asked for
    {"begun": key, "name": ...}                     this is being measured now
    {"left": key}                                   and failed, with an error that its test shows
    {"kept": key, "name": ..., "value": {...}, "has_samples": true}     and this is what came of it
    {"died": key, "signal": 9, "timeout": null, "status": null}     the process did, as its supervisor saw
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The whole records, in their order. A journal that does not exist has none."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        checksum, _, text = line.partition(b" ")
        if text and checksum == _compute_checksum(text):
            yield json.loads(text)


def encode_record(record: Mapping[str, Any]) -> bytes:
    """The line of ``record``."""
    text = json.dumps(record, separators=(",", ":")).encode()
    return _compute_checksum(text) + b" " + text + b"\n"


def append_record(file: BinaryIO, record: Mapping[str, Any]) -> None:
    """Write ``record`` at the end of ``file``. It is on the disk when this returns."""
    file.write(encode_record(record))
    file.flush()
    os.fsync(file.fileno())


def cut_off_tail(file: BinaryIO) -> None:
    """Remove a last line that was not finished, so that the next record gets a line of its own."""
    file.seek(0)
    content = file.read()
    file.truncate(content.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)


def count_kept(path: Path) -> int:
    """How many measurements a journal keeps, whatever they were made with."""
    return sum("kept" in record for record in read_records(path))


def count_successes(path: Path) -> int:
    """How many of these have samples. The others say why there are none."""
    return sum("kept" in record and _has_samples(record) for record in read_records(path))


def _has_samples(record: Mapping[str, Any]) -> bool:
    """Whether the measurement in ``record`` has samples.

    Older journals do not say so. There the value is the outcome of one case, or maps cases to their outcomes.
    """
    if "has_samples" in record:
        return record["has_samples"]
    value = record["value"]
    if not isinstance(value, dict):
        return False
    outcomes = [value, *value.values()]
    return any(isinstance(outcome, dict) and "rounds" in outcome for outcome in outcomes)


def _compute_checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
