"""What a Keras backend must offer, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from bench.contract.cases import ConvCase

Call = Callable[[], object]

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


def summarize_error(error: Exception) -> str:
    """What a framework said, without the paths and traces around it."""
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0] == "Graph execution error:":
        # TensorFlow says where each operation was made, and then what is wrong with it.
        lines = [line for line in lines[1:] if not line.startswith(("[[", "File ", "Detected at"))][-1:]
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no message'}"


def call_once(call: Call) -> Call:
    """``call``, having run: what is missing is missed only then."""
    call()
    return call


@contextmanager
def name_refusals(*errors: type[Exception]) -> Iterator[None]:
    """How a framework says that a combination of settings cannot run, as :class:`Unsupported`.

    What is our own fault, or the machine's, stays an error, though it may have the same type.
    """
    try:
        yield
    except errors as error:
        if any(words in str(error).lower() for words in _NO_REFUSALS):
            raise
        raise Unsupported(summarize_error(error)) from error
