"""Vector registers: how many elements they hold, and how many channels a kernel has to fill them with."""

from __future__ import annotations

from analysis.limits.cost import DENSE, DEPTHWISE, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT
from bench.contract.cases import ConvCase

#: Bytes of a vector register, by what an implementation's name says it was compiled for.
_BYTES = {
    "avx512": 64,
    "avx10": 64,
    "avx2": 32,
    "avx": 32,
    "sse41": 16,
    "sve_512": 64,
    "sve_256": 32,
    "asimd": 16,
}


def count_channels(operation: str, role: str, case: ConvCase) -> int:
    """The channels that a kernel of ``case`` writes; a weight gradient is in blocks of inputs and outputs."""
    between = case.in_channels * case.depth_multiplier
    inputs, outputs = {
        DENSE: (case.in_channels, case.filters),
        POINTWISE: (between if case.is_separable else case.in_channels, case.filters),
        DEPTHWISE: (between, between),
    }[operation]
    return {INPUT_GRADIENT: inputs, WEIGHT_GRADIENT: min(inputs, outputs)}.get(role, outputs)


def count_lanes(implementation: str, case: ConvCase) -> int:
    """Elements of a vector register; 0 where the implementation does not say."""
    found = next((size for name, size in _BYTES.items() if name in implementation), 0)
    return found // case.item_bytes
