"""What is said of a whole network, most important first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from analysis.networks.code import write_code
from analysis.networks.network import (
    CONVOLUTION,
    KINDS,
    OUTSIDE,
    MeasuredLayer,
    MeasuredNetwork,
    MeasuredVariant,
)
from analysis.networks.words import (
    count,
    describe_change,
    describe_unproven,
    format_difference,
    format_step,
    format_times,
)
from analysis.statistics import verdicts
from analysis.wording import format_milliseconds, format_percent, join_words
from bench.contract.networks import DENSE, RECOMMENDED, SEPARABLE, TRAINING_WITH_ADAM

#: Layers, and reasons, that a sentence names; the table has all.
_NAMED = 6
#: A prediction that misses no more of the change than this can be relied on.
_NEAR_ENOUGH = 0.15
_CHANGES = {RECOMMENDED: "the recommended changes", DENSE: "all dense", SEPARABLE: "all separable"}
NEW_WEIGHTS = (
    "The changed layers have new weights: the network must be trained again, and whether it then is as "
    "accurate is for you to check."
)


def summarize_network(network: MeasuredNetwork) -> dict[str, Any]:
    """All that is known of ``network`` and said of it, as JSON has it."""
    return {**network.as_dict(), "sentences": write_sentences(network), "code": write_code(network)}


def write_title(network: MeasuredNetwork) -> str:
    """``ResNet50, inference: batch 8, 96x96x3, graph, CPU:0, 1 run``."""
    facts = [f"batch {network.batch}", *network.inputs, network.mode, network.device]
    return f"{network.name}, {network.direction}: {', '.join(facts)}, {count(network.replicates, 'run')}"


def write_sentences(network: MeasuredNetwork) -> list[str]:
    """What was measured of ``network`` in its direction."""
    recommended = network.find_variant(RECOMMENDED)
    return [
        *_write_recommendation(network, recommended),
        *_write_naive_swaps(network),
        *_write_predictions(network),
        *_write_kinds(network),
        *_write_most(network),
        *_write_unchangeable(network),
    ]


def write_differences(networks: Iterable[MeasuredNetwork]) -> list[str]:
    """Where a network's directions recommend different changes, a sentence each.

    Directions whose changes are not known to make the network faster recommend nothing.
    """
    alike: dict[tuple, list[MeasuredNetwork]] = {}
    for network in networks:
        if network.is_proven or network.recommended == ():
            key = (network.name, network.model, network.mode, network.device, network.batch, network.inputs)
            alike.setdefault(key, []).append(network)
    return [
        f"{found[0].name}: what pays depends on what the network does: "
        f"{'; '.join(_write_choice(network) for network in found)}."
        for found in alike.values()
        if len({frozenset(network.recommended or ()) for network in found}) > 1
    ]


def _write_choice(network: MeasuredNetwork) -> str:
    changed = _name_layers([layer.found.name for layer in network.changed])
    return f"in {network.direction} the changes of {changed}" if changed else f"in {network.direction} none"


def _write_recommendation(network: MeasuredNetwork, recommended: MeasuredVariant | None) -> list[str]:
    possible = _list_changeable(network)
    if not possible:
        return ["Nothing to change: it has no convolution that can become the other."]
    if network.recommended is None:
        return [
            "What would pay is not known: not all layers that can be changed were measured alone in this "
            "direction."
        ]
    if not network.recommended:
        return [f"Nothing to change: of {count(len(possible), 'possible change')} none is faster by itself."]
    names = _name_layers([layer.found.name for layer in network.changed])
    if recommended is None or not network.is_proven:
        return [f"{describe_unproven(network, 'the network', names)}."]
    changed = f"{len(network.changed)} of {count(len(possible), 'possible change')}"
    before = format_step(network.as_it_is.seconds)
    return [
        f"With {changed} ({names}) the network is {describe_change(recommended)}: "
        f"{format_step(recommended.seconds)} ms a step, as it is {before} ms.",
        NEW_WEIGHTS,
    ]


def _write_naive_swaps(network: MeasuredNetwork) -> list[str]:
    """What it does to change everything that can be changed."""
    sentences = []
    for word in (SEPARABLE, DENSE):
        variant = network.find_variant(word)
        if variant is None or not variant.converted:
            continue
        if set(variant.converted) == set(network.recommended or ()):
            sentences.append(f"These are all the layers that can become {word}.")
        else:
            layers, change = count(len(variant.converted), "layer"), describe_change(variant)
            sentences.append(f"With every layer {word} that can be ({layers}) it is {change}.")
    return sentences


def _write_predictions(network: MeasuredNetwork) -> list[str]:
    """Whether the layers alone say what the network does; of what is recommended, else of each swap."""
    if network.direction == TRAINING_WITH_ADAM:
        return []
    changing = [variant for variant in network.variants if variant.converted]
    recommended = [variant for variant in changing if variant.variant == RECOMMENDED]
    return [
        sentence for variant in recommended or changing for sentence in _write_prediction(network, variant)
    ]


def _write_prediction(network: MeasuredNetwork, variant: MeasuredVariant) -> list[str]:
    predicted, remainder = variant.predicted_ratio, network.compute_remainder(variant)
    changes = _CHANGES[variant.variant]
    if variant.variant == RECOMMENDED and not network.is_proven:
        changes = "what is faster by itself"
    if predicted is None or remainder is None:
        return [f"What the layers alone predict for {changes} is not known: not all were measured."]
    if predicted <= 0:
        return [
            f"For {changes} the layers gain more alone than the whole network takes: here their times alone "
            "cannot be added up."
        ]
    says = f"For {changes} the layers alone predict {format_times(predicted)}"
    if variant.verdict is None or variant.verdict.word not in verdicts.DIFFERENT:
        return [f"{says}; the network's own change is not clear enough to be compared with that."]
    change = variant.ratio.value - 1
    missed = abs(variant.ratio.value - predicted) / abs(change)
    left = f"{format_difference(remainder)} ms a step"
    if missed <= _NEAR_ENOUGH:
        return [f"{says}, and so it is, within {format_percent(missed)} of the change ({left})."]
    return [
        f"{says}, which misses the change by {format_percent(missed)}: {left} is not explained by the "
        "layers alone, which cannot be trusted to predict this network."
    ]


def _write_kinds(network: MeasuredNetwork) -> list[str]:
    """Where the time of a traced step goes."""
    if not network.by_kind or not network.traced_seconds:
        return []
    words = {CONVOLUTION: "convolutions", OUTSIDE: "what is outside operations"}
    parts = [
        f"{words.get(kind, kind)} {format_percent(network.by_kind[kind] / network.traced_seconds)}"
        for kind in KINDS
        if network.by_kind.get(kind)
    ]
    step = format_milliseconds(network.traced_seconds)
    return [f"Where the time of a traced step of {step} ms goes: {join_words(parts)}."]


def _write_most(network: MeasuredNetwork) -> list[str]:
    """The most that changing layers can gain: what can be changed cannot take less than no time.

    Nothing, where layers may take more than what has their names, or where a variant gained more.
    """
    seconds = {layer.found.name: layer.in_network_seconds or 0.0 for layer in network.layers}
    names = {name for layer in _list_changeable(network) for name in (layer.found.name, *layer.found.absorbs)}
    taken = sum(seconds.get(name, 0.0) for name in names)
    if not network.traced_seconds or network.unnamed_seconds or not 0 < taken < network.traced_seconds:
        return []
    rest = 1 - taken / network.traced_seconds
    if any(variant.ratio.value < rest for variant in network.variants):
        return []
    return [
        f"What can be changed takes {format_percent(1 - rest)} of it: whatever it becomes, the network gets "
        f"at most {format_times(rest)}."
    ]


def _write_unchangeable(network: MeasuredNetwork) -> list[str]:
    """Which convolutions over 1x1 have to stay, and why."""
    kept = [layer.found for layer in network.layers if layer.found.reason]
    parts = [f"{found.name} ({found.reason})" for found in kept[:_NAMED]]
    if len(kept) > _NAMED:
        parts.append(f"{len(kept) - _NAMED} more")
    return [f"These cannot be changed: {'; '.join(parts)}."] if kept else []


def _list_changeable(network: MeasuredNetwork) -> list[MeasuredLayer]:
    return [layer for layer in network.layers if layer.found.becomes]


def _name_layers(names: Sequence[str]) -> str:
    if len(names) <= _NAMED + 1:
        return join_words(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
