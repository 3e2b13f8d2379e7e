"""What differs between Keras backends, behind one small interface.

One module a backend, chosen like Keras itself by ``KERAS_BACKEND``.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from bench.cases import ConvCase

Call = Callable[[], object]
AVAILABLE = ("tensorflow", "jax", "torch")
#: Names the file in which a supervisor looks for what native code printed before it ended the process.
LAST_WORDS = "BENCH_LAST_WORDS"

_NO_REFUSALS = ("out of memory", "resource_exhausted", "same device", "recompile_limit")


class Unsupported(Exception):
    """This framework cannot run this case; the message says why, in the framework's own words."""


class Framework(Protocol):
    """A Keras backend. Every call that it returns waits for the device, and has run once."""

    name: str

    def devices(self) -> tuple[str, ...]:
        """Every device cases can run on, as ``CPU:0``, ``GPU:0``."""

    def describe(self) -> dict[str, Any]:
        """Versions, build and settings, for the saved environment; ``modes`` says what each mode is here."""

    def placed_on(self, device: str) -> AbstractContextManager:
        """Puts what is created inside on ``device``."""

    def layer_call(self, case: ConvCase, layer: Any, inputs: Any, output_gradient: Any) -> Call:
        """The case's direction and mode as a call without arguments.

        ``layer`` is a Keras layer; ``inputs`` and ``output_gradient`` are float32 arrays in the
        case's data format. The call returns what it computed. Raises :class:`Unsupported`.
        """

    def activation(self, name: str, y: Any, dy: Any) -> tuple[Any, Any]:
        """Keras's activation of ``y``, and the gradient before it given ``dy`` after it: float64 arrays."""

    def matrix_product(self, dtype: str, size: int, device: str) -> Call:
        """The product of two random square matrices.

        ``tensorfloat32`` is float32 as a GPU's convolutions may compute it, *float32* is without that. Raises
        :class:`Unsupported`, for ``tensorfloat32`` wherever convolutions may not use it.
        """

    def triad(self, elements: int, repeats: int, device: str) -> Call:
        """``a -= s * b`` in place on float32 vectors, ``repeats`` times in one call."""

    def copy(self, elements: int, repeats: int, device: str) -> Call:
        """``a = b`` between float32 vectors that exist already, ``repeats`` times in one call."""

    def tracing(self, folder: Path) -> AbstractContextManager:
        """Traces what runs inside, into ``folder``, laid out for TensorBoard's profile plugin."""

    def step_annotation(self, name: str, number: int) -> AbstractContextManager:
        """Marks a step in the trace."""

    def arrays(self, result: Any) -> list[Any]:
        """What a call returned, as float64 NumPy arrays: the output, then gradients of input and weights."""

    def empty_call(self, mode: str, device: str) -> Call:
        """A compiled function that does nothing: what a call costs from outside."""


def no_tensorfloat32() -> Unsupported:
    """For whoever asks for a ceiling that no convolution here can reach."""
    return Unsupported("TensorFloat-32 is off, or nothing that this device has")


def first_line(error: Exception) -> str:
    """What a framework said, without the paths and traces around it."""
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0] == "Graph execution error:":
        # TensorFlow says where each operation was made, and then what is wrong with it.
        lines = [line for line in lines[1:] if not line.startswith(("[[", "File ", "Detected at"))][-1:]
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no message'}"


def called_once(call: Call) -> Call:
    """``call``, having run: what is missing is missed only then."""
    call()
    return call


@contextmanager
def refusals_named(*errors: type[Exception]) -> Iterator[None]:
    """How a framework says that a combination of settings cannot run, as :class:`Unsupported`.

    What is our own fault, or the machine's, stays an error, though it may have the same type.
    """
    try:
        yield
    except errors as error:
        if any(words in str(error).lower() for words in _NO_REFUSALS):
            raise
        raise Unsupported(first_line(error)) from error


@contextmanager
def native_errors_kept(*, hidden: bool) -> Iterator[None]:
    """Keeps what native code writes to standard error in a file, and passes it on at the end.

    Should native code end the process, a supervisor finds there what it said. ``hidden``: pass it on only
    where something goes wrong.
    """
    path = os.environ.get(LAST_WORDS)
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(path, "w+b") if path else tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            log.seek(0)
            if failed or not hidden:
                os.write(terminal, log.read())
            log.truncate(0)
            os.close(terminal)


def backend() -> str:
    """The backend to measure. Keras's own settings file does not count: a run is told by its environment."""
    return os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def load() -> Framework:
    """The framework of Keras's backend; ``ValueError`` where there is no module for it."""
    name = backend()
    if name not in AVAILABLE:
        raise ValueError(f"KERAS_BACKEND is {name!r}; this suite measures: {', '.join(AVAILABLE)}")
    try:
        return importlib.import_module(f"bench.frameworks.{name}").FRAMEWORK
    except ModuleNotFoundError as error:
        extra = "bench" if name == "tensorflow" else f"bench,{name}"
        raise ValueError(f'{error.name} is not installed: pip install -e ".[{extra}]"') from error
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{name} does not start: {first_line(error)}") from error


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
