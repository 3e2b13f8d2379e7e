"""Environments by name: what a reader calls them, each unlike the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.wording import FRAMEWORK_NAMES


def name_environments(environments: Sequence[Mapping[str, Any]]) -> list[str]:
    """``TensorFlow 2.21.0``, and as much more of each as tells it from the others."""
    names = [_describe_version(environment) for environment in environments]
    for describe in (_describe_flags, _describe_keras, _describe_fingerprint):
        counts = Counter(names)
        for place, name in enumerate(names):
            # What is told apart already needs no more words.
            if counts[name] > 1:
                words = describe(environments[place], environments)
                names[place] = ", ".join(filter(None, [name, words]))
    return names


def _describe_version(environment: Mapping[str, Any]) -> str:
    backend = environment["backend"]
    return f"{FRAMEWORK_NAMES.get(backend, backend)} {environment.get(backend, '')}".strip()


def _describe_flags(environment: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """The flags that not all have alike."""
    own = environment["flags"]
    differing = {
        name: value
        for name, value in own.items()
        if any(other["flags"].get(name) != value for other in others)
    }
    return ", ".join(f"{name}={value}" for name, value in differing.items())


def _describe_keras(environment: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> str:
    return f"Keras {environment['keras']}"


def _describe_fingerprint(environment: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> str:
    return str(environment["fingerprint"])
