"""Vector registers: how many elements they hold, and how many channels a kernel has to fill them with."""

from __future__ import annotations

from bench.contract.cases import ConvCase
from bench.contract.kernels import DEPTHWISE, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT

#: Bytes of a vector register, by the instructions that an implementation names. The first that fits counts.
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
    """The channels that a kernel of ``case`` works on in vectors: those that it writes.

    A weight gradient is written in blocks of input channels and output channels, so the fewer count.
    """
    between = case.in_channels * case.depth_multiplier
    if operation == DEPTHWISE:
        return between
    inside_separable = operation == POINTWISE and case.is_separable
    inputs = between if inside_separable else case.in_channels
    if role == INPUT_GRADIENT:
        return inputs
    if role == WEIGHT_GRADIENT:
        return min(inputs, case.filters)
    return case.filters


def count_lanes(implementation: str, case: ConvCase) -> int:
    """Elements of ``case``'s dtype in a vector register; 0 where the implementation does not say."""
    for name, register_bytes in _BYTES.items():
        if name in implementation:
            return register_bytes // case.item_bytes
    return 0
