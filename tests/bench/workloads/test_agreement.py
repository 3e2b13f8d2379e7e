"""The reference itself: against loops that follow the definition, and against finite differences."""

import dataclasses
import itertools

import numpy as np
import pytest

from bench.contract.cases import GROUPED, SPLIT, ConvCase
from bench.workloads.agreement import find_disagreement
from bench.workloads.reference import LayerTensors, compute_expected, draw_tensors
from bench.workloads.small_cases import find_small_case

OPTIONS = [
    {},
    {"strides": (2, 3)},
    {"padding": "valid"},
    {"dilation_rate": (2, 3)},
    {"depth_multiplier": 2},
    {"kernel_size": (1, 4)},
    {"activation": "relu"},
    {"use_bias": False},
    {"data_format": "channels_first"},
]
#: Of 1-D layers alone.
CAUSAL = [
    {"padding": "causal"},
    {"padding": "causal", "kernel_size": (1, 4), "dilation_rate": (1, 3), "strides": (1, 1)},
    {"padding": "causal", "data_format": "channels_first", "activation": "relu"},
]
KINDS = ["conv2d", "separable_conv2d", "depthwise_conv2d", "pointwise_conv2d", "conv1d", "separable_conv1d"]


def case_of(layer, **fields):
    between = {"filters": ConvCase.in_channels * fields.get("depth_multiplier", 1)}
    special = {
        "depthwise_conv2d": between,
        GROUPED: between,
        "pointwise_conv2d": {"kernel_size": (1, 1)},
        "conv1d": {"height": 1, "kernel_size": (1, 3), "strides": (1, 2)},
        "separable_conv1d": {"height": 1, "kernel_size": (1, 3), "strides": (1, 2)},
    }.get(layer, {})
    return find_small_case(ConvCase(layer=layer, **{**special, **fields}))


def shapes_of(case):
    """Of Keras's weights."""
    kernel = case.kernel_size[1:] if case.is_1d else case.kernel_size
    between = case.in_channels * case.depth_multiplier
    shapes = {
        "separable": [
            (*kernel, case.in_channels, case.depth_multiplier),
            (*(1,) * len(kernel), between, case.filters),
        ],
        "depthwise_conv2d": [(*kernel, case.in_channels, case.depth_multiplier)],
        GROUPED: [(*kernel, 1, case.filters)],
        SPLIT: [(*kernel, case.in_channels, 1)] * case.depth_multiplier + [(1, 1, between, case.filters)],
    }.get("separable" if case.is_separable else case.layer, [(*kernel, case.in_channels, case.filters)])
    return [*shapes, *([(case.filters,)] if case.use_bias else [])]


def given_to(case):
    return draw_tensors(case, shapes_of(case))


def by_definition(case, x, weights):
    """A convolution element by element; x is (N, H, W, C), the kernel (kh, kw, inputs, outputs)."""
    (kernel,), stride, dilation = weights, case.strides, case.dilation_rate
    height, width = case.output_size
    before = [0, 0]
    if case.padding == "same":
        for axis, size in enumerate((case.height, case.width)):
            needed = (case.output_size[axis] - 1) * stride[axis] + case.dilated_kernel[axis] - size
            before[axis] = max(needed, 0) // 2
    if case.padding == "causal":
        before[1] = (case.kernel_size[1] - 1) * dilation[1]
    y = np.zeros((len(x), height, width, kernel.shape[-1]))
    for n, i, j, k in np.ndindex(*y.shape):
        for a, b, c in np.ndindex(*kernel.shape[:3]):
            row = i * stride[0] + a * dilation[0] - before[0]
            column = j * stride[1] + b * dilation[1] - before[1]
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                y[n, i, j, k] += x[n, row, column, c] * kernel[a, b, c, k]
    return y


@pytest.mark.parametrize(
    "options", [o for o in OPTIONS if not {"activation", "data_format"} & set(o)], ids=str
)
def test_the_forward_pass_follows_the_definition(options):
    case = case_of("conv2d", **{**options, "use_bias": False})
    given = given_to(case)
    (found,) = compute_expected(case, given)
    np.testing.assert_allclose(found, by_definition(case, given.x, given.weights), atol=1e-12)


@pytest.mark.parametrize("options", [{}, *CAUSAL[:2]], ids=str)
def test_one_dimension_follows_the_definition_as_two_do(options):
    case = case_of("conv1d", **options, use_bias=False)
    given = given_to(case)
    (found,) = compute_expected(case, given)
    defined = by_definition(case, given.x[:, None], [given.weights[0][None]])
    np.testing.assert_allclose(found[:, None], defined, atol=1e-12)


def test_no_output_of_a_causal_layer_sees_what_comes_after_it():
    case = case_of("separable_conv1d", **CAUSAL[1])
    given = given_to(case)
    before = compute_expected(case, given)[0]
    x = given.x.copy()
    x[:, 2] += 1
    after = compute_expected(case, dataclasses.replace(given, x=x))[0]
    assert (before[:, :2] == after[:, :2]).all()
    assert (before[:, 2] != after[:, 2]).any()


def test_a_depthwise_layer_is_a_dense_one_with_a_diagonal_kernel():
    case = case_of("depthwise_conv2d", depth_multiplier=2, use_bias=False)
    given = given_to(case)
    (kernel,) = given.weights
    dense = np.zeros((*kernel.shape[:2], case.in_channels, case.filters))
    for channel, many in np.ndindex(*kernel.shape[2:]):
        dense[:, :, channel, 2 * channel + many] = kernel[:, :, channel, many]
    (found,) = compute_expected(case, given)
    np.testing.assert_allclose(found, by_definition(case, given.x, [dense]), atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        *itertools.product(("conv2d", "separable_conv2d"), OPTIONS),
        *((layer, {}) for layer in KINDS[2:]),
        *itertools.product(("conv1d", "separable_conv1d"), CAUSAL),
        (GROUPED, {}),
        (GROUPED, {"depth_multiplier": 2}),
        (SPLIT, {"depth_multiplier": 3}),
    ],
    ids=str,
)
def test_gradients_are_finite_differences(layer, options):
    """Layers are linear in each argument, and relu's kinks are multiples of 1/64 apart: no step meets one."""
    case = case_of(layer, **options)
    case = dataclasses.replace(case, direction="backward")
    forward = dataclasses.replace(case, direction="forward")
    given = given_to(case)
    step = 2.0**-12

    def loss(sample):
        return float((compute_expected(forward, sample)[0] * given.dy).sum())

    arguments = [given.x, *given.weights]
    for place, gradient in enumerate(compute_expected(case, given)):
        assert gradient.shape == arguments[place].shape
        for index in itertools.islice(np.ndindex(*gradient.shape), 0, None, 7):
            moved = [argument.copy() for argument in arguments]
            moved[place][index] += step
            up = loss(LayerTensors(moved[0], given.dy, tuple(moved[1:])))
            moved[place][index] -= 2 * step
            down = loss(LayerTensors(moved[0], given.dy, tuple(moved[1:])))
            slope = (up - down) / (2 * step)
            # Exactly at a kink both halves count; relu's gradient there is 0 by convention.
            if case.activation != "relu" or abs((up - 2 * loss(given) + down) / step) < 1e-9:
                assert slope == pytest.approx(gradient[index], abs=1e-6)


def test_whatever_is_computed_differently_is_named():
    case = case_of("separable_conv2d", direction="train")
    given = given_to(case)
    right = compute_expected(case, given)
    assert find_disagreement(case, right, given) is None
    for place, name in enumerate(("the output", "the gradient of the input", "the gradient of weight 1")):
        wrong = [array.copy() for array in right]
        wrong[place].flat[0] += 0.1 * np.abs(wrong[place]).max()
        assert find_disagreement(case, wrong, given).startswith(f"{name} differs from NumPy's by 0.1")
    assert find_disagreement(case, right[:-1], given) == "it returns 4 tensors instead of 5"
    assert "elements" in find_disagreement(case, [right[0][:1], *right[1:]], given)
    assert find_disagreement(case, [right[0] * np.nan, *right[1:]], given)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_small_relative_keeps_all_but_sizes(options):
    case = ConvCase(layer="separable_conv2d", direction="train", dtype="bfloat16", mode="xla", **options)
    relative = find_small_case(case)
    sizes = {"batch", "height", "width", "in_channels", "filters"}
    for name, value in case.as_dict().items():
        assert name in sizes or relative.as_dict()[name] == value
    assert relative.batch * relative.height * relative.width * relative.in_channels < 1000
