"""A whole network -> the one sentence that the answer has of it."""

from __future__ import annotations

from analysis.networks.kinds import CONVOLUTION, classify_layer
from analysis.networks.network import MeasuredNetwork, MeasuredVariant
from analysis.networks.words import count, format_change
from analysis.statistics import verdicts
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
    convolutions = sum(classify_layer(layer.found.kind) == CONVOLUTION for layer in network.layers)
    changed = f"{len(network.changed)} of its {count(convolutions, 'convolution')} changed"
    recommended = network.find_variant(RECOMMENDED)
    if recommended is None:
        return f"{name} was not measured with {changed}, which would pay by themselves"
    return f"{name} {_describe_change(recommended)} with {changed}"


def _describe_change(variant: MeasuredVariant) -> str:
    change = format_change(variant.ratio)
    word = variant.verdict.word if variant.verdict else verdicts.UNDECIDED
    if word in verdicts.DIFFERENT:
        return f"is {change}"
    if word == verdicts.SAME:
        return f"is about as fast as before, {change},"
    return f"may be {change} (undecided)"
