import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.contract import cost
from bench.contract.cases import DIRECTIONS, GROUPED, LAYERS, SPLIT, ConvCase, split_parts
from bench.contract.kernels import list_roles

TINY = st.builds(
    ConvCase,
    layer=st.sampled_from(["conv2d", "separable_conv2d"]),
    direction=st.just("forward"),
    batch=st.integers(1, 2),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    in_channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation_rate=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.just("same"),
    depth_multiplier=st.integers(1, 2),
    use_bias=st.booleans(),
) | st.builds(
    ConvCase,
    layer=st.sampled_from(["conv2d", "separable_conv2d"]),
    height=st.integers(4, 6),
    width=st.integers(4, 6),
    batch=st.just(1),
    in_channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.just("valid"),
)
TINY_1D = st.builds(
    ConvCase,
    layer=st.sampled_from(["conv1d", "separable_conv1d"]),
    height=st.just(1),
    width=st.integers(1, 6),
    batch=st.integers(1, 2),
    in_channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    kernel_size=st.tuples(st.just(1), st.integers(1, 4)),
    strides=st.tuples(st.just(1), st.integers(1, 3)),
    dilation_rate=st.tuples(st.just(1), st.integers(1, 2)),
    padding=st.sampled_from(["same", "causal"]),
    depth_multiplier=st.integers(1, 2),
    use_bias=st.booleans(),
)


def brute_force(case, channels, outputs_a_channel, dense):
    """Convolve by loops, counting: (multiplications, those not on padding, output elements)."""
    out_height, out_width = case.output_size
    before = [0, 0]
    if case.padding == "same":
        for axis, (size, out) in enumerate(zip((case.height, case.width), case.output_size, strict=True)):
            total = max((out - 1) * case.strides[axis] + case.dilated_kernel[axis] - size, 0)
            before[axis] = total // 2
    if case.padding == "causal":
        before[1] = (case.kernel_size[1] - 1) * case.dilation_rate[1]
    nominal = effective = 0
    for y, x, f, g in np.ndindex(out_height, out_width, *case.kernel_size):
        row = y * case.strides[0] - before[0] + f * case.dilation_rate[0]
        column = x * case.strides[1] - before[1] + g * case.dilation_rate[1]
        products = case.batch * channels * outputs_a_channel
        nominal += products
        effective += products * (0 <= row < case.height and 0 <= column < case.width)
    filters = outputs_a_channel if dense else channels * outputs_a_channel
    return nominal, effective, case.batch * out_height * out_width * filters


@settings(max_examples=150, deadline=None)
@given(TINY | TINY_1D)
def test_multiplications_match_counting_by_loops(case):
    if case.is_dense:
        nominal, effective, outputs = brute_force(case, case.in_channels, case.filters, dense=True)
    else:
        nominal, effective, middle = brute_force(case, case.in_channels, case.depth_multiplier, dense=False)
        outputs = middle // (case.in_channels * case.depth_multiplier) * case.filters
        nominal += middle * case.filters
        effective += middle * case.filters
    assert cost.count_nominal_macs(case) == nominal
    assert cost.count_flops(case) == 2 * effective + (outputs if case.use_bias else 0)


@settings(max_examples=50, deadline=None)
@given(TINY)
def test_a_separable_layer_costs_what_its_parts_cost(case):
    whole = dataclasses.replace(case, layer="separable_conv2d", direction="train")
    parts = split_parts(whole)
    assert cost.count_flops(whole) == sum(cost.count_flops(part) for part in parts)
    assert cost.count_bytes(whole) == sum(cost.count_bytes(part) for part in parts)
    assert cost.count_parameters(whole) == sum(cost.count_parameters(part) for part in parts)


@settings(max_examples=50, deadline=None)
@given(TINY)
def test_other_ways_to_write_a_layer_cost_what_it_costs(case):
    """But for the input, which each of several depthwise layers reads for itself."""
    whole = dataclasses.replace(case, layer="separable_conv2d", direction="train")
    split = dataclasses.replace(whole, layer=SPLIT)
    assert cost.count_flops(split) == cost.count_flops(whole)
    assert cost.count_parameters(split) == cost.count_parameters(whole)
    assert (cost.count_bytes(split) > cost.count_bytes(whole)) == (case.depth_multiplier > 1)
    depthwise, _ = split_parts(whole)
    grouped = dataclasses.replace(depthwise, layer=GROUPED)
    assert cost.list_kernels(grouped) == cost.list_kernels(depthwise)
    assert cost.count_parameters(grouped) == cost.count_parameters(depthwise)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("input_gradient", [True, False])
@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("layer", LAYERS)
def test_what_is_counted_are_the_kernels_that_the_contract_names(
    layer, multiplier, input_gradient, direction
):
    fields = {"conv1d": {"height": 1, "kernel_size": (1, 3)}, "pointwise_conv2d": {"kernel_size": (1, 1)}}
    fields["separable_conv1d"] = fields["conv1d"]
    fields["depthwise_conv2d"] = fields[GROUPED] = {"filters": 64 * multiplier}
    case = ConvCase(
        layer=layer, direction=direction, input_gradient=input_gradient, depth_multiplier=multiplier,
        **fields.get(layer, {}),
    )  # fmt: skip
    roles = list_roles(case)
    assert {(kernel.operation, kernel.role) for kernel in cost.list_kernels(case)} == set(roles)
    assert len(set(roles)) == len(roles)


@pytest.mark.parametrize("layer", ["conv2d", "separable_conv2d"])
def test_training_multiplies_three_times_as_much_as_forward(layer):
    forward = ConvCase(layer=layer, use_bias=False)
    train = dataclasses.replace(forward, direction="train")
    backward = dataclasses.replace(forward, direction="backward")
    assert cost.count_flops(train) == 3 * cost.count_flops(forward)
    assert cost.count_flops(backward) == 2 * cost.count_flops(forward)


def test_a_first_layer_trains_with_two_kernels_when_dense_and_five_when_separable():
    first = ConvCase(direction="train", input_gradient=False)
    assert len(cost.list_kernels(first)) == 2
    separable = cost.list_kernels(dataclasses.replace(first, layer="separable_conv2d"))
    assert [(kernel.operation, kernel.role) for kernel in separable] == [
        ("depthwise", "forward"), ("depthwise", "weight_gradient"),
        ("pointwise", "forward"), ("pointwise", "input_gradient"), ("pointwise", "weight_gradient"),
    ]  # fmt: skip


def test_the_articles_multiplications_are_reproduced():
    dense = ConvCase(batch=1, height=15, width=15, in_channels=3, filters=10, padding="valid", use_bias=False)
    assert cost.count_nominal_macs(dense) == 45_630 == 4_563 * 10
    assert cost.count_nominal_macs(dataclasses.replace(dense, layer="separable_conv2d")) == 9_633


def test_causal_padding_has_as_many_taps_as_lie_at_the_start_or_before_it():
    case = ConvCase("conv1d", height=1, width=8, kernel_size=(1, 3), dilation_rate=(1, 2), padding="causal")
    # Eight outputs of three taps; the first two outputs lose two taps each, the next two one.
    assert cost.count_nominal_taps(case) == 24
    assert cost.count_effective_taps(case) == 24 - 2 * 2 - 2 * 1
    assert cost.count_covered_pixels(case) == 8


def test_padding_takes_the_known_share_of_the_multiplications():
    for side, kernel, share in ((15, 3, 0.913), (7, 7, 0.570)):
        case = ConvCase(height=side, width=side, kernel_size=(kernel, kernel))
        assert cost.count_effective_taps(case) / cost.count_nominal_taps(case) == pytest.approx(
            share, abs=5e-4
        )


def test_published_intensities_are_reproduced():
    def intensity(layer, **fields):
        size = {"batch": 32, "height": 28, "width": 28, "in_channels": 128, "filters": 128}
        kernels = cost.list_kernels(ConvCase(layer=layer, use_bias=False, **size, **fields))
        return sum(2 * k.nominal_macs for k in kernels) / sum(k.bytes for k in kernels)

    assert intensity("conv2d") == pytest.approx(281, abs=1)
    assert intensity("depthwise_conv2d") == pytest.approx(2.25, abs=0.01)
    assert intensity("pointwise_conv2d", kernel_size=(1, 1)) == pytest.approx(31.9, abs=0.1)
    assert intensity("separable_conv2d") == pytest.approx(17.1, abs=0.1)


def test_a_stride_over_pixels_leaves_them_unread_but_their_gradient_is_written():
    case = ConvCase(direction="train", kernel_size=(1, 1), strides=(2, 2), use_bias=False)
    forward, input_gradient, weight_gradient = cost.list_kernels(case)
    pixels, weights, outputs = 8 * 32 * 32 * 64, 64 * 64, 8 * 16 * 16 * 64
    assert forward.bytes == weight_gradient.bytes == 4 * (pixels / 4 + weights + outputs)
    assert input_gradient.bytes == 4 * (pixels + weights + outputs)


def test_half_precision_halves_the_bytes():
    single = cost.count_bytes(ConvCase())
    assert cost.count_bytes(ConvCase(dtype="bfloat16")) == single / 2


def test_the_articles_networks_have_its_parameters():
    def network(layer):
        first = ConvCase(layer=layer, height=28, width=28, in_channels=1, filters=32, padding="valid")
        second = ConvCase(layer=layer, height=13, width=13, in_channels=32, filters=64, padding="valid")
        head = 5 * 5 * 64 * 256 + 256 + 256 * 10 + 10
        return cost.count_parameters(first) + cost.count_parameters(second) + head

    assert network("conv2d") == 431_242
    assert network("separable_conv2d") == 414_899


def test_a_kernel_is_found_by_its_operation_and_role():
    case = ConvCase(layer="separable_conv2d", direction="train")
    for kernel in cost.list_kernels(case):
        assert cost.find_kernel(case, kernel.operation, kernel.role) == kernel
    assert cost.find_kernel(case, "dense", "forward") is None
