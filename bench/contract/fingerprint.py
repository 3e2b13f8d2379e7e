"""What makes two environments the same: needs nothing but the standard library, as bench.cases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What varies between two runs of the same environment, and what only says the rest in words.
_VOLATILE = (
    *("fingerprint", "load_at_start", "busy_at_start", "frequency_governor", "turbo", "throttled"),
    *("gpu_clocks_at_start", "modes"),
)
#: Facts of the machine itself.
_OF_MACHINE = ("host", "cpu", "cores", "devices", "gpus")


@dataclass(frozen=True)
class Difference:
    """One fact that two environments do not share; a fact that one lacks is ``None``."""

    name: str
    base: Any
    new: Any

    @property
    def is_of_machine(self) -> bool:
        return self.name.partition(".")[0] in _OF_MACHINE

    def __str__(self) -> str:
        return f"{self.name}: {_word(self.base)} → {_word(self.new)}"


def compute_fingerprint(environment: Mapping[str, Any]) -> str:
    """Equal for two runs exactly where nothing lasting differs between them."""
    return compute_digest(_lasting(environment))


def compute_digest(content: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits, equal for equal contents."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def hash_code(folder: Path) -> str:
    """Twelve hexadecimal digits that change with any Python file in ``folder`` or below it."""
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()[:12]


def find_differences(base: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What lasting differs between two environments, nested facts by dotted names."""
    one, other = (
        {name: value for name, value in flatten(_lasting(side)) if value != {}} for side in (base, new)
    )
    return [
        Difference(name, one.get(name), other.get(name))
        for name in dict.fromkeys((*one, *other))
        if one.get(name) != other.get(name)
    ]


def _lasting(environment: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in environment.items() if key not in _VOLATILE}


def flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested facts as (dotted name, value)."""
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _word(value: Any) -> str:
    return "none" if value is None else str(value)
