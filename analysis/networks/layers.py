"""The layers of a network: what each takes alone, what its change would do, and whether that pays."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from analysis.networks.network import MeasuredLayer
from analysis.networks.variants import NetworkRuns
from analysis.networks.words import format_change
from analysis.pairs.judging import ControlNoise, Rows, judge_ratios
from analysis.results.network_rows import BLOCK_KEY, REFUSED_COLUMNS
from analysis.results.tables import Results
from analysis.statistics import verdicts
from analysis.statistics.estimates import Estimate
from analysis.statistics.verdicts import Verdict
from bench.contract.cases import DENSE_OF, SEPARABLE_OF, ConvCase
from bench.contract.networks import AS_IT_IS, DENSE, DIRECTION_OF_LAYERS, FoundLayer

#: The other layer of a layer's comparison.
_OTHER_LAYERS = {**DENSE_OF, **SEPARABLE_OF}


@dataclass(frozen=True)
class _Change:
    """A layer, or one call of it, alone: as it is, and as what it can become.

    ``seconds`` are medians over the runs; ``ratios`` has a row a run, of the other to the own time.
    """

    own_seconds: float
    other_seconds: float
    ratios: Rows


class LayersAlone:
    """What was measured of single layers and of blocks, in the runs of one environment."""

    def __init__(self, results: Results) -> None:
        self._cases: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in results.layers[results.layers["ratio"].notna()].to_dict("records"):
            self._cases[row["id"]].append(row)
        self._blocks: dict[tuple, list[dict[str, Any]]] = defaultdict(list)
        for row in results.blocks[results.blocks["ratio"].notna()].to_dict("records"):
            self._blocks[tuple(row[name] for name in (*BLOCK_KEY, "variant"))].append(row)
        refused = results.not_measured
        self._refused = dict(zip(refused["id"], refused["reason"], strict=True))
        blocks = results.refused_networks
        self._refused_blocks = blocks[blocks["layer"].notna()].to_dict("records")

    def measure_change(self, layer: FoundLayer, network: NetworkRuns) -> _Change | None:
        """What the change of ``layer`` does, over all its calls; None where a part was not measured."""
        if layer.block:
            return self._measure_block(layer.block, network)
        changes = [self._measure_case(case) for case in list_cases(layer, network)]
        found = [change for change in changes if change]
        return _add_changes(found) if found and len(found) == len(layer.cases) else None

    def find_refusal(self, layer: FoundLayer, network: NetworkRuns) -> str:
        """Why a side of its comparisons could not be measured; empty where nothing says so."""
        if layer.block:
            return self._find_block_refusal(layer.block, network)
        cases = list_cases(layer, network)
        found = (self._refused.get(case.id) for own in cases for case in (own, _replace_layer(own)))
        return next((str(reason) for reason in found if reason), "")

    def _measure_case(self, case: ConvCase) -> _Change | None:
        own, other = self._cases[case.id], self._cases[_replace_layer(case).id]
        # A ratio is the separable layer's, to the dense one of the same turns.
        ratios = _invert_ratios(own) if case.is_separable else other
        return _build_change(own, other, ratios)

    def _measure_block(self, block: str, network: NetworkRuns) -> _Change | None:
        """From the runs that measured this network: another one of its name may have another such block."""
        facts = _describe_block(block, network)
        known = tuple(facts[name] for name in BLOCK_KEY)
        keys = [(*known, variant) for variant in (AS_IT_IS, DENSE)]
        own, other = ([row for row in self._blocks[key] if row["run"] in network.runs] for key in keys)
        return _build_change(own, other, other)

    def _find_block_refusal(self, block: str, network: NetworkRuns) -> str:
        """The newest reason."""
        facts = _describe_block(block, network)
        wanted = {name: facts[name] for name in REFUSED_COLUMNS if name in facts}
        reasons = [
            str(row["reason"])
            for row in self._refused_blocks
            if row["run"] in network.runs and wanted.items() <= row.items()
        ]
        return reasons[-1] if reasons else ""


def _describe_block(block: str, network: NetworkRuns) -> dict[str, Any]:
    """What the rows of a block of ``network`` have in common."""
    chosen = network.chosen
    own = {name: chosen[name] for name in ("model", "inputs", "mode", "device", "batch")}
    direction = DIRECTION_OF_LAYERS[chosen["direction"]]
    return {**own, "network": chosen["name"], "layer": block, "direction": direction}


def list_cases(layer: FoundLayer, network: NetworkRuns) -> list[ConvCase]:
    """A layer alone, one case a call, in the direction of its network and where that ran."""
    direction = DIRECTION_OF_LAYERS[network.chosen["direction"]]
    return [
        dataclasses.replace(case, direction=direction, mode=network.mode, device=network.device)
        for case in layer.cases
        if case.layer in _OTHER_LAYERS
    ]


def judge_layers(network: NetworkRuns, alone: LayersAlone, noise: ControlNoise) -> list[MeasuredLayer]:
    """The layers of a network, all changes judged together; nothing is known yet of its traces."""
    changes = {
        layer.name: change
        for layer in network.layers
        if layer.becomes and (change := alone.measure_change(layer, network))
    }
    groups = [change.ratios for change in changes.values()]
    noises = [noise.estimate(network, len(group)) for group in groups]
    judged = dict(zip(changes, judge_ratios(groups, noises), strict=True)) if groups else {}
    recommended = network.chosen["recommended"]
    holders = {name: layer.name for layer in network.layers for name in layer.absorbs if layer.becomes}
    found = []
    for layer in network.layers:
        change = changes.get(layer.name)
        ratio, verdict = judged.get(layer.name, (None, None))
        is_recommended = layer.name in (recommended or ())
        reason = layer.reason
        if layer.becomes:
            refusal = alone.find_refusal(layer, network)
            reason = _explain(ratio, verdict, refusal, is_recommended, recommended is None)
        elif layer.name in holders:
            reason = reason or f"it goes with {holders[layer.name]}"
        found.append(
            MeasuredLayer(
                found=layer,
                comparison=_name_comparison(layer, network),
                in_network_seconds=None,
                alone_seconds=change.own_seconds if change else None,
                other_seconds=change.other_seconds if change else None,
                ratio=ratio,
                verdict=verdict.word if verdict else "",
                convert=is_recommended,
                reason=reason,
                recommended_seconds=None,
            )
        )
    return found


def _replace_layer(case: ConvCase) -> ConvCase:
    """The other layer of its comparison."""
    return dataclasses.replace(case, layer=_OTHER_LAYERS[case.layer])


def _build_change(own: Rows, other: Rows, ratios: Rows) -> _Change | None:
    if not own or not other or not ratios:
        return None
    return _Change(
        own_seconds=median(row["seconds"] for row in own),
        other_seconds=median(row["seconds"] for row in other),
        ratios=[{name: row[name] for name in ("run", "ratio", "ratios")} for row in ratios],
    )


def _invert_ratios(rows: Rows) -> Rows:
    return [
        {"run": row["run"], "ratio": 1 / row["ratio"], "ratios": [1 / one for one in row["ratios"]]}
        for row in rows
    ]


def _add_changes(changes: Sequence[_Change]) -> _Change | None:
    """Several calls of a layer as one: its ratio is that of the sums, turn by turn as far as all go.

    None where no run measured all of them.
    """
    if len(changes) == 1:
        return changes[0]
    own = sum(change.own_seconds for change in changes)
    weights = [change.own_seconds / own for change in changes]
    by_run = [{row["run"]: row for row in change.ratios} for change in changes]
    runs = [run for run in by_run[0] if all(run in rows for rows in by_run)]
    if not runs:
        return None
    return _Change(
        own_seconds=own,
        other_seconds=sum(change.other_seconds for change in changes),
        ratios=[_add_ratios(run, [rows[run] for rows in by_run], weights) for run in runs],
    )


def _add_ratios(run: int, rows: Rows, weights: Sequence[float]) -> Mapping[str, Any]:
    turns = zip(*(row["ratios"] for row in rows), strict=False)
    return {
        "run": run,
        "ratio": sum(weight * row["ratio"] for weight, row in zip(weights, rows, strict=True)),
        "ratios": [sum(weight * one for weight, one in zip(weights, turn, strict=True)) for turn in turns],
    }


def _name_comparison(layer: FoundLayer, network: NetworkRuns) -> str:
    if not layer.becomes:
        return ""
    if layer.block:
        return f"block of {layer.block}"
    return ", ".join(dict.fromkeys(case.comparison for case in list_cases(layer, network)))


def _explain(
    ratio: Estimate | None, verdict: Verdict | None, refusal: str, is_recommended: bool, is_open: bool
) -> str:
    """Why a change is recommended, or is not; ``is_open`` where no recommendation could be made."""
    if ratio is None or verdict is None:
        return f"it was not measured alone{f': {refusal}' if refusal else ''}"
    says = f"alone, the change makes it {format_change(ratio)}"
    if verdict.word == verdicts.UNDECIDED:
        says = f"{says}; undecided: {verdict.reason}"
    elif verdict.word == verdicts.SAME:
        says = f"{says}: the same"
    if verdict.word != verdicts.FASTER and is_recommended:
        return f"{says}; the run that measured it counted it as faster"
    if verdict.word == verdicts.FASTER and not is_recommended:
        why = "not all layers were measured alone" if is_open else "the newest run did not count it as faster"
        return f"{says}; {why}"
    return says
