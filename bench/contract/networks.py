"""What is measured of a whole network: written by ``bench.networks``, read by ``analysis.networks``.

Needs nothing but the standard library.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.contract.cases import ConvCase

#: A network as it came, with every layer dense or separable that can be, and with the changes that pay.
AS_IT_IS, DENSE, SEPARABLE, RECOMMENDED = "as it is", "dense", "separable", "recommended"
VARIANTS = (AS_IT_IS, DENSE, SEPARABLE, RECOMMENDED)

#: What a network does in one call.
INFERENCE, TRAINING, TRAINING_WITH_ADAM = "inference", "training", "training with Adam"
#: What its layers do meanwhile, as the direction of a case.
DIRECTION_OF_LAYERS = {INFERENCE: "forward", TRAINING: "train", TRAINING_WITH_ADAM: "train"}

#: The file beside a network's trace that says how it was captured; written last.
NETWORK_CAPTURE = "network.json"


@dataclass(frozen=True)
class FoundLayer:
    """A layer of a network, as it was found by running the network once.

    ``name`` is its own with those of the models and layers that it lies in: ``encoder/conv1``. Layers come in
    the order in which the network first calls them.
    """

    name: str
    #: Keras's class.
    kind: str
    #: How often the network calls it in one pass: a shared layer, more than once.
    calls: int = 1
    #: Of its first call, without the batch: ``56x56x128``.
    input_shape: str = ""
    #: Trainable and not.
    parameters: int = 0
    #: Of a forward pass of one batch, over all calls, taps on padding included.
    multiplications: int = 0
    #: Numbers that its calls return for one batch.
    output_elements: int = 0
    #: The names of the layers whose output it reads, where the network's graph says so.
    inputs: tuple[str, ...] = ()
    #: :data:`DENSE` or :data:`SEPARABLE`: what it can become. ``None`` where it can become neither.
    becomes: str | None = None
    #: What a change takes out besides this layer: of a depthwise layer, those up to its pointwise layer.
    absorbs: tuple[str, ...] = ()
    #: The layer alone, one a call, each with direction *train*: what its comparison is known by. Of a
    #: depthwise layer with its pointwise layer, the SeparableConv2D of these sizes: ``block`` is measured.
    cases: tuple[ConvCase, ...] = ()
    #: What the row of its block is known by: equal blocks are measured once, by the first one's name.
    block: str | None = None
    #: Parameters and multiplications after the change.
    parameters_after: int | None = None
    multiplications_after: int | None = None
    #: Why a convolution over 1x1 cannot be changed; empty for all other layers.
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON stores it (see ``bench/contract/schema.json``)."""
        fields = {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}
        return {**fields, "cases": [case.as_dict() for case in self.cases]}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> FoundLayer:
        """The inverse of :meth:`as_dict`. Raises ``ValueError`` where a case cannot exist."""
        known = {field.name for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
            if name in known
        }
        cases = tuple(ConvCase.from_dict(case) for case in fields.get("cases", ()))
        return cls(**{**values, "cases": cases})


@dataclass(frozen=True)
class NetworkCapture:
    """What :data:`NETWORK_CAPTURE` says of how a network was traced."""

    network: str
    variant: str
    direction: str
    #: By name scope of operations, the layer that made them: ``resnet/conv1`` -> ``conv1``. Gradients carry
    #: the scope behind ``gradient_tape/``. Empty where the framework does not name operations.
    scopes: Mapping[str, str]
    #: Seconds of each step before the trace, without the profiler.
    untraced_step_seconds: tuple[float, ...]
    #: Seconds of each traced step, and of each by the calling thread's own CPU clock.
    traced_step_seconds: tuple[float, ...]
    caller_cpu_seconds: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """As :data:`NETWORK_CAPTURE` has it."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> NetworkCapture:
        """The inverse of :meth:`as_dict`.

        Raises ``KeyError`` where a field is missing, ``ValueError`` or ``TypeError`` where one is of another
        kind.
        """
        times = {
            name: tuple(float(value) for value in fields[name])
            for name in ("untraced_step_seconds", "traced_step_seconds", "caller_cpu_seconds")
        }
        scopes = {str(scope): str(layer) for scope, layer in dict(fields["scopes"]).items()}
        return cls(
            network=str(fields["network"]),
            variant=str(fields["variant"]),
            direction=str(fields["direction"]),
            scopes=scopes,
            untraced_step_seconds=times["untraced_step_seconds"],
            traced_step_seconds=times["traced_step_seconds"],
            caller_cpu_seconds=times["caller_cpu_seconds"],
        )
