"""The backend that ``KERAS_BACKEND`` names, and its devices."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence

from bench.frameworks.interface import Framework, summarize_error

AVAILABLE = ("tensorflow", "jax", "torch")


def choose_backend() -> str:
    """The backend to measure. Keras's own settings file does not count: a run is told by its environment."""
    return os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def load_framework() -> Framework:
    """The framework of Keras's backend; ``ValueError`` where there is no module for it."""
    name = choose_backend()
    if name not in AVAILABLE:
        raise ValueError(f"KERAS_BACKEND is {name!r}; this suite measures: {', '.join(AVAILABLE)}")
    try:
        return importlib.import_module(f"bench.frameworks.{name}").FRAMEWORK
    except ModuleNotFoundError as error:
        extra = "bench" if name == "tensorflow" else f"bench,{name}"
        raise ValueError(f'{error.name} is not installed: pip install -e ".[{extra}]"') from error
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{name} does not start: {summarize_error(error)}") from error


def choose_devices(asked: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...]:
    """The devices asked for, or all; ``ValueError`` says which there are."""
    chosen = []
    for device in asked or available:
        name = device.upper() if ":" in device else f"{device.upper()}:0"
        if name not in available:
            raise ValueError(f"there is no device {device!r} here; there are: {', '.join(available)}")
        if name not in chosen:
            chosen.append(name)
    return tuple(chosen)
