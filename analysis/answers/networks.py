"""A whole network -> the one sentence that the answer has of it."""

from __future__ import annotations

from analysis.networks.network import CONVOLUTION, MeasuredNetwork, classify_layer
from analysis.networks.words import count, describe_change, describe_unproven
from bench.contract.networks import RECOMMENDED
from bench.contract.printable import make_printable


def write_headline(network: MeasuredNetwork) -> str:
    """``Training: ResNet50 is 1.35x faster (1.32-1.38) with 17 of its 53 convolutions changed.``"""
    doing = network.direction[:1].upper() + network.direction[1:]
    return f"{doing}: {_write_outcome(network, make_printable(network.name, keep=''))}."


def _write_outcome(network: MeasuredNetwork, name: str) -> str:
    possible = sum(bool(layer.found.becomes) for layer in network.layers)
    if not possible:
        return f"nothing to change in {name}: it has no convolution that can become the other"
    if network.recommended is None:
        return f"what would pay in {name} is not known: not all layers that can change were measured alone"
    if not network.changed:
        return (
            f"nothing to change in {name}: of {count(possible, 'possible change')} none is faster by itself"
        )
    recommended = network.find_variant(RECOMMENDED)
    if recommended is None or not network.is_proven:
        return describe_unproven(network, name)
    return f"{name} is {describe_change(recommended)} with {_count_changes(network, possible)}"


def _count_changes(network: MeasuredNetwork, possible: int) -> str:
    """A block is several convolutions, and one change."""
    changed = network.changed
    if any(layer.found.absorbs for layer in changed):
        return f"{len(changed)} of its {count(possible, 'possible change')}"
    convolutions = sum(classify_layer(layer.found.kind) == CONVOLUTION for layer in network.layers)
    return f"{len(changed)} of its {count(convolutions, 'convolution')} changed"
