"""What makes two environments the same, and two machines: needs nothing but the standard library.

A machine is its processor, the cores that a process may use, its memory and its devices. An environment is
a machine with versions, flags, and oneDNN with the instruction set that it reports. The name of the host does
not matter: a container that is started twice is one machine, and so are two hosts of one kind. Older files do
not know their memory; they are told apart by the host's name, as they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What varies between two runs of the same environment, and what only says the rest in words.
_VOLATILE = (
    "fingerprint",
    "load_at_start",
    "busy_at_start",
    "frequency_governor",
    "turbo",
    "throttled",
    "gpu_clocks_at_start",
    "modes",
)
#: Facts of the machine itself.
_OF_MACHINE = ("host", "cpu", "cores", "memory_gib", "devices", "gpus")
#: What an upgrade changes in them.
_OF_SOFTWARE = ("driver",)
_GIB = 2**30


@dataclass(frozen=True)
class Difference:
    """One fact that two environments do not share; a fact that one lacks is ``None``."""

    name: str
    base: Any
    new: Any

    @property
    def is_of_machine(self) -> bool:
        return _is_of_machine(self.name)

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


def identify_machine(environment: Mapping[str, Any]) -> str:
    """Equal for two environments exactly where they are of one machine, or of two of one kind."""
    if not _knows_memory(environment):
        return str(environment["host"])
    facts = {name: value for name, value in flatten(_lasting(environment)) if _is_of_machine(name)}
    # Frameworks name and count the same devices differently.
    return compute_digest({name: value for name, value in facts.items() if not name.startswith("devices.")})


def are_one_machine(base: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two environments are of one machine, or of two of one kind.

    Where only one of them knows its memory, as it was saved by a newer version, the names of their hosts
    decide, if they have the same processor and cores.
    """
    if _knows_memory(base) != _knows_memory(new):
        return all(base.get(name) == new.get(name) for name in ("host", "cpu", "cores"))
    return identify_machine(base) == identify_machine(new)


def find_differences(base: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What lasting differs between two environments, nested facts by dotted names."""
    base_facts, new_facts = _lasting(base), _lasting(new)
    if _knows_memory(base) != _knows_memory(new):
        # Only the names of their hosts can say whether they are one machine.
        for facts, environment in ((base_facts, base), (new_facts, new)):
            facts.pop("memory_gib", None)
            facts["host"] = environment.get("host")
    base_values, new_values = _flatten_known(base_facts), _flatten_known(new_facts)
    return [
        Difference(name, base_values.get(name), new_values.get(name))
        for name in dict.fromkeys([*base_values, *new_values])
        if base_values.get(name) != new_values.get(name)
    ]


def _lasting(environment: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in environment.items() if name not in _VOLATILE}
    if _knows_memory(environment):
        facts.pop("host", None)
        # What the kernel keeps for itself differs by some MiB from start to start.
        facts["memory_gib"] = round(facts.pop("memory_bytes") / _GIB)
    return facts


def _knows_memory(environment: Mapping[str, Any]) -> bool:
    return environment.get("memory_bytes") is not None


def _flatten_known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flatten(facts) if value != {}}


def _is_of_machine(name: str) -> bool:
    """Whether a fact with this dotted name is of the machine itself."""
    parts = name.split(".")
    return parts[0] in _OF_MACHINE and parts[-1] not in _OF_SOFTWARE


def flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested facts as (dotted name, value); what a list holds is named by its place."""
    for key, value in facts.items():
        if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
            value = {str(place): each for place, each in enumerate(value)}
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _word(value: Any) -> str:
    return "none" if value is None else str(value)
