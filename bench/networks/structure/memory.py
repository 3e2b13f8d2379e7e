"""Whether a network and its variants fit into memory, asked before they are built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.contract.networks import VARIANTS, FoundLayer
from bench.networks.loading import Network
from bench.networks.sources.errors import ModelError

#: Of a number, in float32; half precision keeps its variables in float32 too.
_ITEM_BYTES = 4
_GIBIBYTE = 2**30


def refuse_too_large(
    network: Network, layers: Sequence[FoundLayer], free_bytes: int, *, trains: bool
) -> None:
    """Raise :class:`ModelError` where measuring cannot fit into ``free_bytes``."""
    needed = estimate_bytes(layers, trains=trains)
    if needed > free_bytes:
        raise ModelError(
            f"{network.name} needs at least {needed / _GIBIBYTE:.1f} GiB with batch {network.batch}, and "
            f"{free_bytes / _GIBIBYTE:.1f} GiB are free: give a smaller --model-batch"
        )


def estimate_bytes(layers: Iterable[FoundLayer], *, trains: bool) -> int:
    """The least memory that measuring takes: what all variants keep, and what a step of one needs.

    Every variant keeps its weights, with Adam three times over. A training step keeps the outputs of all
    layers for the gradients; inference needs no more than the largest at once.
    """
    layers = list(layers)
    variants = len(VARIANTS) if any(layer.becomes for layer in layers) else 1
    parameters = sum(layer.parameters for layer in layers)
    outputs = [layer.output_elements for layer in layers]
    kept = parameters * (3 if trains else 1) * _ITEM_BYTES
    step = (sum(outputs) if trains else max(outputs, default=0)) * _ITEM_BYTES
    # Changed layers may be smaller: of the other variants, half is counted.
    return kept + kept * (variants - 1) // 2 + step
