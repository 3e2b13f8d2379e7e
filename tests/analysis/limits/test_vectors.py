import dataclasses

import pytest

from analysis.limits.vectors import count_channels, count_lanes
from bench.contract.cases import ConvCase

SEPARABLE = ConvCase(layer="separable_conv2d", in_channels=8, filters=24, depth_multiplier=2)
DENSE = ConvCase(in_channels=8, filters=24)


@pytest.mark.parametrize(
    ("case", "operation", "role", "channels"),
    [
        (DENSE, "dense", "forward", 24),
        (DENSE, "dense", "input_gradient", 8),
        (DENSE, "dense", "weight_gradient", 8),
        (SEPARABLE, "depthwise", "forward", 16),
        (SEPARABLE, "depthwise", "weight_gradient", 16),
        (SEPARABLE, "pointwise", "forward", 24),
        (SEPARABLE, "pointwise", "input_gradient", 16),
        (SEPARABLE, "pointwise", "weight_gradient", 16),
    ],
)
def test_a_kernel_works_on_the_channels_that_it_writes(case, operation, role, channels):
    assert count_channels(operation, role, case) == channels


@pytest.mark.parametrize(
    ("implementation", "dtype", "lanes"),
    [
        ("jit:avx512_core", "float32", 16),
        ("jit:avx512_core", "bfloat16", 32),
        ("jit_dw:avx2", "float32", 8),
        ("jit:avx", "float64", 4),
        ("ref:any", "float32", 0),
    ],
)
def test_lanes_are_the_elements_of_the_register_that_an_implementation_names(implementation, dtype, lanes):
    assert count_lanes(implementation, dataclasses.replace(DENSE, dtype=dtype)) == lanes
