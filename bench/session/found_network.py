"""The network that a run is asked for: loaded, its layers found, and the rows that it is measured in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from bench.contract.networks import FoundLayer
from bench.machine.capacity import measure_free_memory
from bench.networks.comparisons import list_shapes
from bench.networks.finding import find_layers
from bench.networks.loading import Network, load_network
from bench.networks.rows import NetworkRow, list_block_rows, list_network_rows
from bench.networks.structure.memory import refuse_too_large
from bench.plan.comparisons import Shape
from bench.session.options import Options


@dataclass(frozen=True)
class FoundNetwork:
    """The network that is asked for, its layers, and in which modes and on which devices it is measured."""

    network: Network
    layers: tuple[FoundLayer, ...]
    #: Of its layers.
    directions: tuple[str, ...]
    modes: tuple[str, ...]
    devices: tuple[str, ...]

    def list_shapes(self) -> list[Shape]:
        """What its layers are compared by, each alone."""
        places = itertools.product(self.modes, self.devices)
        return [shape for mode, device in places for shape in list_shapes(self.layers, mode, device)]

    def list_rows(self) -> list[NetworkRow]:
        """The rows of the whole network."""
        return list_network_rows(self.network, self.directions, self.modes, self.devices)

    def list_blocks(self) -> list[NetworkRow]:
        """The rows of what is measured alone but is no case."""
        return list_block_rows(self.network, self.layers, self.directions, self.modes, self.devices)


def find_network(options: Options, devices: Sequence[str]) -> FoundNetwork | None:
    """The network that ``options`` ask for; ``None`` where they ask for none. Raises ``ValueError``."""
    asked = options.network
    if not asked:
        return None
    network = load_network(asked.model, asked.batch, asked.input_shapes, unsafe=asked.unsafe)
    modes = options.modes or ("graph",)
    layers = find_layers(network, modes[0], devices[0])
    refuse_too_large(network, layers, measure_free_memory(), trains="train" in asked.directions)
    return FoundNetwork(network, tuple(layers), asked.directions, modes, tuple(devices))
