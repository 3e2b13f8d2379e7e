"""What a Keras backend must offer, and how it says that it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.contract.cases import ConvCase

Call = Callable[[], object]

#: Errors with these words are the machine's fault, or ours.
_NO_REFUSALS = ("out of memory", "resource_exhausted", "same device", "recompile_limit")
#: Keras 3 prints messages in bold.
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


class Unsupported(Exception):
    """This framework cannot run this case; the message says why, in the framework's own words."""


@dataclass(frozen=True)
class NetworkStep:
    """What one call of a whole network does, how, and where."""

    #: ``eager``, ``graph`` or ``xla``, as of a case.
    mode: str
    device: str
    #: Loss and gradients, as in training; else the outputs, as in inference.
    training: bool
    #: Adam is applied to the gradients, too.
    with_adam: bool = False


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

    def prepare_network(self, model: Any, inputs: Any, step: NetworkStep) -> Call:
        """``step`` of a built Keras ``model`` as a call without arguments.

        ``inputs`` are arrays in the structure that the model takes. ``model`` lies on the step's device: it
        was created inside :meth:`place_on`. Without training the call returns the outputs. With training it
        returns the loss (see :mod:`bench.frameworks.steps.loss`) and a list with the gradient of each
        trainable weight that the loss depends on. State such as moving statistics and seeds goes on from call
        to call, as in training; with Adam its state does, too, but its rate is 0 and weights stay equal.

        The model is traced here and now, and nothing that was traced before is taken instead: a caller may
        replace methods of its layers meanwhile. (What a model compiles itself, with a ``tf.function`` of its
        own, is not ours.) With JAX, training traces it twice, once for the shapes of its outputs.

        Raises :class:`Unsupported`, also where a network that shall be trained has no output of floating
        point, or no trainable weight.
        """

    def read_scope(self) -> str:
        """The name scope of operations that are created now; empty where operations have no such names."""

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
    text = _COLOURS.sub("", getattr(error, "message", None) or str(error))
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[0] == "Graph execution error:":
        lines = _skip_places(lines)
    said = "".join(_unwrap(lines)[:1]).strip()
    return f"{type(error).__name__}: {said[:300] or 'no message'}"


def _skip_places(lines: list[str]) -> list[str]:
    """What TensorFlow says of an operation that cannot run, after where it was made."""
    stripped = [line.strip() for line in lines[1:]]
    nodes = [place for place, line in enumerate(stripped) if line.startswith("Node: ")]
    if nodes:
        return stripped[nodes[0] + 1 :]
    return [line for line in stripped if not line.startswith(("[[", "File ", "Detected at"))][-1:]


def _unwrap(lines: list[str]) -> list[str]:
    """The lines of a message without what Keras and AutoGraph write before it, maybe several times."""
    while lines:
        if lines[0].startswith("Exception encountered when calling "):
            lines = lines[1:]
        elif lines[0] == "in user code:":
            # The places come first, each with a line of code below it and further to the right.
            said = [line[4:] for line in lines[1:]]
            while said and said[0].startswith((" ", "File ")):
                said = said[1:]
            lines = [re.sub(r"^\w+: ", "", line) for line in said[:1]] + said[1:]
        else:
            break
    return lines


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
