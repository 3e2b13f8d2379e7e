"""What a Keras backend must offer, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from bench.contract.cases import ConvCase

Call = Callable[[], object]

#: Errors with these words are the machine's fault, or ours.
_NO_REFUSALS = ("out of memory", "resource_exhausted", "same device", "recompile_limit")


class Unsupported(Exception):
    """This framework cannot run this case; the message says why, in the framework's own words."""


class Framework(Protocol):
    """A Keras backend. Every call that it returns waits for the device, and has run once."""

    name: str

    def list_devices(self) -> tuple[str, ...]:
        """Every device that cases can run on, as ``CPU:0``, ``GPU:0``."""

    def describe(self) -> dict[str, Any]:
        """Versions, build and settings, for the saved environment.

        ``devices`` is required: what the framework says of each device, or nothing. ``modes`` says what each
        mode is here.
        """

    def place_on(self, device: str) -> AbstractContextManager:
        """Put what is created inside on ``device``."""

    def prepare_layer(self, case: ConvCase, layer: Any, inputs: Any, output_gradient: Any) -> Call:
        """The case's direction and mode as a call without arguments.

        ``layer`` is a Keras layer; ``inputs`` and ``output_gradient`` are float32 arrays in the
        case's data format. The call returns what it computed. Raises :class:`Unsupported`.
        """

    def compute_activation(self, name: str, y: Any, dy: Any) -> tuple[Any, Any]:
        """Keras's activation of ``y``, and the gradient before it given ``dy`` after it: float64 arrays."""

    def prepare_matrix_product(self, dtype: str, size: int, device: str) -> Call:
        """The product of two random square matrices.

        ``float32`` is exact; ``tensorfloat32`` is float32 as a GPU's convolutions may compute it. Raises
        :class:`Unsupported`: for ``tensorfloat32``, wherever convolutions may not use it.
        """

    def prepare_triad(self, elements: int, repeats: int, device: str) -> Call:
        """``a -= s * b`` in place on float32 vectors, ``repeats`` times in one call."""

    def prepare_copy(self, elements: int, repeats: int, device: str) -> Call:
        """``a = b`` between float32 vectors that exist already, ``repeats`` times in one call."""

    def trace(self, folder: Path) -> AbstractContextManager:
        """Trace what runs inside, into ``folder``, laid out for TensorBoard's profile plugin."""

    def mark_step(self, name: str, number: int) -> AbstractContextManager:
        """Mark what runs inside as a step of the trace."""

    def convert_to_arrays(self, result: Any) -> list[Any]:
        """What a call returned, as float64 NumPy arrays: the output, then gradients of input and weights."""

    def prepare_empty_call(self, mode: str, device: str) -> Call:
        """A compiled function that does nothing: what a call costs from outside."""


def refuse_tensorfloat32() -> Unsupported:
    """The error for a ceiling that no convolution here can reach."""
    return Unsupported("TensorFloat-32 is off, or nothing that this device has")


def summarize_error(error: Exception) -> str:
    """What a framework said, without the paths and traces around it."""
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0] == "Graph execution error:":
        # TensorFlow says where each operation was made, and then what is wrong with it.
        lines = [line for line in lines[1:] if not line.startswith(("[[", "File ", "Detected at"))][-1:]
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no message'}"


def call_once(call: Call) -> Call:
    """``call``, after it has run once: only then does a framework say what it lacks."""
    call()
    return call


@contextmanager
def name_refusals(*errors: type[Exception]) -> Iterator[None]:
    """Raise as :class:`Unsupported` what ``errors`` say of a combination of settings that cannot run.

    What is our own fault, or the machine's, stays as it is, though it may have the same type.
    """
    try:
        yield
    except errors as error:
        if any(words in str(error).lower() for words in _NO_REFUSALS):
            raise
        raise Unsupported(summarize_error(error)) from error
