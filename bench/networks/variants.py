"""Which layers each variant of a network changes, and which changes pay by themselves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.contract.networks import (
    AS_IT_IS,
    DENSE,
    DIRECTION_OF_LAYERS,
    RECOMMENDED,
    SEPARABLE,
    FoundLayer,
)
from bench.contract.thresholds import ENOUGH_CONTROLS, SINGLE_RUN_NOISE

#: A change is recommended where the odds that it is none are no larger (a two-sided sign test over turns).
_CHANCE = 0.05


@dataclass(frozen=True)
class LayersAlone:
    """What was measured of a network's layers, each alone.

    ``ratios`` are of the turns: by comparison, SeparableConv over Conv; by block (see :func:`name_block`),
    dense over as it is. ``refused`` names the comparisons and blocks of which one side could not be measured.
    """

    ratios: Mapping[str, Sequence[float]]
    refused: Collection[str] = ()
    #: Of layers against a second copy of themselves.
    control_ratios: Sequence[float] = ()

    @property
    def noise(self) -> float:
        """The relative change that this machine shows where there is none, and at least one run's noise."""
        changes = [math.expm1(abs(math.log(ratio))) for ratio in self.control_ratios]
        if len(changes) < ENOUGH_CONTROLS:
            return max([SINGLE_RUN_NOISE, *changes])
        return max(SINGLE_RUN_NOISE, statistics.quantiles(changes, n=20, method="inclusive")[-1])


def name_block(layer: FoundLayer, direction: str, mode: str, device: str) -> str:
    """What the measurement of a layer's block is known by; ``direction`` is that of a case."""
    return f"block {layer.block} {direction} {mode} {device}"


def list_measurements(layer: FoundLayer, direction: str, mode: str, device: str) -> tuple[str, ...]:
    """The comparisons, one a call, or the block, that say what ``layer`` gains by its change.

    ``direction`` is the network's.
    """
    alone = DIRECTION_OF_LAYERS[direction]
    if layer.block:
        return (name_block(layer, alone, mode, device),)
    cases = [replace(case, direction=alone, mode=mode, device=device) for case in layer.cases]
    return tuple(case.comparison for case in cases)


def choose_changes(
    layers: Iterable[FoundLayer], alone: LayersAlone, direction: str, mode: str, device: str
) -> dict[str, tuple[str, ...] | None]:
    """By variant, the names of the layers that it changes; ``None`` for *recommended* where it is not known.

    What could not be measured alone in this direction cannot be built either, and no variant changes it.
    """
    measurements = {
        layer: list_measurements(layer, direction, mode, device) for layer in layers if layer.becomes
    }
    possible = [
        layer for layer, names in measurements.items() if not any(name in alone.refused for name in names)
    ]
    changes: dict[str, tuple[str, ...] | None] = {AS_IT_IS: ()}
    for variant in (DENSE, SEPARABLE):
        changes[variant] = tuple(layer.name for layer in possible if layer.becomes == variant)
    known = all(_decides(alone.ratios.get(name, ())) for layer in possible for name in measurements[layer])
    changes[RECOMMENDED] = None
    if known:
        changes[RECOMMENDED] = tuple(
            layer.name
            for layer in possible
            if all(_gains(layer, alone.ratios[name], alone.noise) for name in measurements[layer])
        )
    return changes


def _decides(ratios: Sequence[float]) -> bool:
    """Whether so many turns can tell a change from chance."""
    return 2 / 2 ** len(ratios) <= _CHANCE


def _gains(layer: FoundLayer, ratios: Sequence[float], noise: float) -> bool:
    """Whether the change of ``layer`` makes it faster beyond ``noise``, and not by chance."""
    # Blocks are measured as new over old; comparisons as separable over dense.
    is_new_over_old = bool(layer.block) or layer.becomes == SEPARABLE
    changes = ratios if is_new_over_old else [1 / ratio for ratio in ratios]
    border = 1 / (1 + noise)
    faster = sum(change < border for change in changes)
    chance = 2 * sum(math.comb(len(changes), k) for k in range(faster, len(changes) + 1)) / 2 ** len(changes)
    return statistics.median(changes) < border and chance <= _CHANCE


def explain_absence(variant: str, changes: Mapping[str, tuple[str, ...] | None]) -> str:
    """Why ``variant`` is not measured; empty where it is."""
    names = changes[variant]
    if variant == AS_IT_IS:
        return ""
    if names is None:
        return "its layers were not all measured alone, each in six turns at least: nothing is recommended"
    if not names:
        return (
            "no change is faster by itself"
            if variant == RECOMMENDED
            else f"nothing in it can become {variant}"
        )
    if variant == RECOMMENDED:
        for other in (DENSE, SEPARABLE):
            if names == changes[other]:
                return f"it is the variant {other!r}"
    return ""


def count_after(layers: Iterable[FoundLayer], changed: Collection[str], field: str) -> int:
    """``parameters`` or ``multiplications`` of a network, once the layers named ``changed`` are."""
    layers = list(layers)
    absorbed = {name for layer in layers if layer.name in changed for name in layer.absorbs}
    total = 0
    for layer in layers:
        if layer.name in changed:
            total += getattr(layer, f"{field}_after")
        elif layer.name not in absorbed:
            total += getattr(layer, field)
    return total
