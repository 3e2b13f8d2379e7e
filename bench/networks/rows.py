"""The rows that a network is measured in: its variants, and its blocks alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.contract.networks import (
    AS_IT_IS,
    DENSE,
    INFERENCE,
    TRAINING,
    TRAINING_WITH_ADAM,
    VARIANTS,
    FoundLayer,
)
from bench.networks.loading import Network

#: What a network does, by what the user asks of its layers.
_NETWORK_DIRECTIONS = {"forward": (INFERENCE,), "train": (TRAINING, TRAINING_WITH_ADAM)}
LAYER_DIRECTIONS = tuple(_NETWORK_DIRECTIONS)


@dataclass(frozen=True)
class NetworkRow:
    """A variant of the network in one direction, or of one of its blocks; ``shape`` is that of its inputs.

    Of a block, ``direction`` is that of a case, and the variants are as it is and dense.
    """

    network: str
    direction: str
    mode: str
    device: str
    shape: str
    variant: str
    #: The depthwise layer of the block; ``None`` for the whole network.
    layer: str | None = None

    @property
    def group(self) -> str:
        """What it is measured in lock-step with."""
        return _join_words(self.network, self.layer or "", self.direction, self.mode, self.device)

    @property
    def id(self) -> str:
        return _join_words(self.group, self.variant)


def list_network_rows(
    network: Network, directions: Iterable[str], modes: Sequence[str], devices: Sequence[str]
) -> list[NetworkRow]:
    """Every variant, in what the layers' ``directions`` are of a network; some may turn out not to exist."""
    shape = describe_inputs(network)
    asked = [word for direction in directions for word in _NETWORK_DIRECTIONS[direction]]
    return [
        NetworkRow(network.name, direction, mode, device, shape, variant)
        for direction, mode, device, variant in itertools.product(asked, modes, devices, VARIANTS)
    ]


def list_block_rows(
    network: Network,
    layers: Iterable[FoundLayer],
    directions: Sequence[str],
    modes: Sequence[str],
    devices: Sequence[str],
) -> list[NetworkRow]:
    """Both sides of every distinct block."""
    first = [layer for layer in layers if layer.block == layer.name]
    return [
        NetworkRow(
            network=network.name,
            direction=direction,
            mode=mode,
            device=device,
            shape=f"{network.batch}x{layer.input_shape}",
            variant=variant,
            layer=layer.name,
        )
        for layer in first
        for direction, mode, device in itertools.product(directions, modes, devices)
        for variant in (AS_IT_IS, DENSE)
    ]


def describe_inputs(network: Network) -> str:
    """The shapes of all inputs with the batch: ``8x96x96x3, 8x10``."""
    return ", ".join("x".join(map(str, (network.batch, *shape))) for shape in network.input_shapes)


def _join_words(*words: str) -> str:
    """The words that say something and are not usual, as a test's name has them."""
    told = [word for word in words if word not in ("", "graph", "CPU:0")]
    return "-".join(word.replace(" ", "-").replace(":", "") for word in told)
