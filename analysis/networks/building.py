"""Results -> every measured network, with its variants, its layers and what its traces show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from analysis.networks.in_network import NetworkTrace, read_network_trace
from analysis.networks.layers import LayersAlone, judge_layers
from analysis.networks.network import MeasuredLayer, MeasuredNetwork, MeasuredVariant
from analysis.networks.predicting import predict_ratio
from analysis.networks.variants import NetworkRuns, group_networks, judge_variants
from analysis.pairs.judging import ControlNoise
from analysis.results.tables import Results
from analysis.traces.line import TraceError
from bench.contract.networks import AS_IT_IS, RECOMMENDED, TRAINING_WITH_ADAM

_DOUBTS = {
    "settled": "had not settled when timing began",
    "contaminated": "lost processor time to other guests of the host, or were on a GPU that was held back",
}


def build_networks(results: Results) -> list[MeasuredNetwork]:
    """Every network in ``results``, which are of one environment, one a direction, mode, device and inputs.

    All variants are judged together, and the layers of each network. What was not measured as it is is left
    out: nothing can be said of it.
    """
    noise = ControlNoise(results.layers)
    runs = group_networks(results)
    alone = LayersAlone(results)
    return [
        _build_network(network, variants, judge_layers(network, alone, noise))
        for network, variants in zip(runs, judge_variants(runs, noise), strict=True)
    ]


def _build_network(
    network: NetworkRuns, variants: Sequence[MeasuredVariant], layers: Sequence[MeasuredLayer]
) -> MeasuredNetwork:
    chosen = network.chosen
    problems = [*network.problems, *_list_doubts(network)]
    as_it_is = _read_trace(network, AS_IT_IS, problems)
    # Where nothing is recommended, it is the same trace.
    changed = _read_trace(network, RECOMMENDED, problems) if chosen["recommended"] else None
    traced_seconds = as_it_is.step_seconds if as_it_is else None
    layers = [_add_traced(layer, as_it_is, changed) for layer in layers]
    # The layers alone were measured without an optimizer.
    is_predicted = chosen["direction"] != TRAINING_WITH_ADAM
    seconds = variants[0].seconds.value
    predicted = [
        replace(variant, predicted_ratio=predict_ratio(variant, layers, seconds))
        for variant in variants
        if is_predicted
    ]
    return MeasuredNetwork(
        **{name: chosen[name] for name in ("name", "model", "direction", "mode", "device", "batch")},
        inputs=chosen["inputs"],
        variants=tuple(predicted or variants),
        layers=tuple(layers),
        recommended=chosen["recommended"],
        accounted=as_it_is.accounted if as_it_is else None,
        by_kind=as_it_is.by_kind if as_it_is else {},
        unnamed_seconds=as_it_is.unnamed_seconds if as_it_is else 0.0,
        traced_seconds=traced_seconds,
        replicates=len(network.rows[AS_IT_IS]),
        problems=tuple(problems),
    )


def _read_trace(network: NetworkRuns, variant: str, problems: list[str]) -> NetworkTrace | None:
    """The newest trace of ``variant``; what is wrong with it or missing in it is added to ``problems``."""
    found = network.find_trace(variant)
    if found is None:
        return None
    folder, row = found
    try:
        trace = read_network_trace(folder, row)
    except TraceError as error:
        problems.append(f"{error}.")
        return None
    if variant == AS_IT_IS:  # the other one would say the same
        problems += trace.problems
    return trace


def _add_traced(
    layer: MeasuredLayer, as_it_is: NetworkTrace | None, recommended: NetworkTrace | None
) -> MeasuredLayer:
    """``layer`` with its seconds in the traced networks, where these say which layer an operation is of."""
    own = _find_seconds(as_it_is, [layer.found.name])
    instead = _find_seconds(recommended, [layer.found.name, *layer.found.absorbs])
    return replace(layer, in_network_seconds=own, recommended_seconds=instead if layer.convert else None)


def _find_seconds(trace: NetworkTrace | None, names: Sequence[str]) -> float | None:
    if trace is None or not trace.by_layer:
        return None
    return sum(trace.by_layer.get(name, 0.0) for name in names)


def _list_doubts(network: NetworkRuns) -> list[str]:
    """A sentence on measurements of the network that did not settle or were disturbed."""
    # What is recommended may be another variant's row.
    rows: dict[tuple, Mapping[str, Any]] = {
        (row["run"], row["variant"]): row for rows in network.rows.values() for row in rows
    }
    doubtful = {
        "settled": [row for row in rows.values() if not row["settled"]],
        "contaminated": [row for row in rows.values() if row["contaminated"]],
    }
    return [
        f"{len(found)} of {len(rows)} measurements of it {_DOUBTS[doubt]}."
        for doubt, found in doubtful.items()
        if found
    ]
