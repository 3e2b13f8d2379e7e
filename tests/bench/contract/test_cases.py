import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contract.cases import DIRECTIONS, DTYPES, LAYERS, MODES, ConvCase, split_parts

SIZES = st.integers(1, 9)
PAIRS_OF_SIZES = st.tuples(st.integers(1, 5), st.integers(1, 5))
CASES = st.builds(
    ConvCase,
    layer=st.sampled_from(["conv2d", "separable_conv2d"]),
    direction=st.sampled_from(DIRECTIONS),
    input_gradient=st.booleans(),
    mode=st.sampled_from(MODES),
    dtype=st.sampled_from(DTYPES),
    batch=SIZES,
    height=SIZES,
    width=SIZES,
    in_channels=SIZES,
    filters=SIZES,
    kernel_size=PAIRS_OF_SIZES,
    strides=PAIRS_OF_SIZES,
    dilation_rate=PAIRS_OF_SIZES,
    depth_multiplier=st.integers(1, 3),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
    activation=st.sampled_from([None, "relu"]),
    use_bias=st.booleans(),
)


@given(CASES)
def test_a_case_survives_being_written_and_read(case):
    assert ConvCase.from_dict(case.as_dict()) == case


@given(CASES, CASES)
def test_different_cases_have_different_ids(one, other):
    assert (one.id == other.id) == (one == other)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ConvCase)])
def test_cases_that_differ_in_one_field_have_different_ids(field):
    case = ConvCase(layer="separable_conv2d", direction="train")
    other = {
        "layer": "conv2d", "direction": "backward", "input_gradient": False, "mode": "xla", "device": "GPU:1",
        "dtype": "float16", "kernel_size": (3, 5), "strides": (1, 2), "padding": "valid",
        "dilation_rate": (2, 1), "data_format": "channels_first", "activation": "relu", "use_bias": False,
    }.get(field, getattr(case, field) if isinstance(getattr(case, field), str) else None)  # fmt: skip
    changed = dataclasses.replace(case, **{field: getattr(case, field) + 1 if other is None else other})
    assert changed.id != case.id


def test_the_id_leaves_out_what_is_usual():
    assert ConvCase().id == "conv2d-forward-8x32x32x64-f64-k3"
    case = ConvCase(layer="separable_conv2d", direction="train", mode="xla", strides=(2, 1), dtype="float16")
    assert case.id == "separable_conv2d-train-8x32x32x64-f64-k3-s2x1-float16-xla"


@given(CASES)
def test_output_size_counts_the_windows_that_fit(case):
    for size, stride, out in zip((case.height, case.width), case.strides, case.output_size, strict=True):
        # TensorFlow's rule for 'same': one output for every stride begun.
        assert out == len(range(0, size, stride))
    if case.dilated_kernel[0] <= case.height and case.dilated_kernel[1] <= case.width:
        valid = dataclasses.replace(case, padding="valid")
        starts = [
            [o for o in range(0, size, stride) if o + extent <= size]
            for size, extent, stride in zip(
                (case.height, case.width), case.dilated_kernel, case.strides, strict=True
            )
        ]
        assert valid.output_size == (len(starts[0]), len(starts[1]))


@given(SIZES, st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_causal_output_counts_the_windows_that_fit_behind_the_zeros(width, kernel, stride, dilation):
    case = ConvCase(
        "conv1d", height=1, width=width, kernel_size=(1, kernel), strides=(1, stride),
        dilation_rate=(1, dilation), padding="causal",
    )  # fmt: skip
    zeros = (kernel - 1) * dilation
    starts = [start for start in range(0, zeros + width, stride) if start + zeros < zeros + width]
    assert case.output_size == (1, len(starts))
    assert "-causal" in case.id


def test_a_forward_case_has_no_gradients_to_leave_out():
    assert ConvCase(input_gradient=False) == ConvCase(input_gradient=True)
    assert ConvCase(direction="train", input_gradient=False) != ConvCase(direction="train")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"layer": "conv9d"}, "layer must be one of"),
        ({"batch": 0}, "batch must be a whole number of at least 1"),
        ({"filters": 2.0}, "filters must be a whole number"),
        ({"in_channels": True}, "in_channels must be a whole number"),
        ({"kernel_size": 3}, "kernel_size must be two whole numbers"),
        ({"use_bias": "no"}, "use_bias must be true or false"),
        ({"height": 4, "kernel_size": (5, 5), "padding": "valid"}, "spans 5 does not fit into height 4"),
        ({"width": 4, "kernel_size": (3, 3), "dilation_rate": (2, 2), "padding": "valid"}, "spans 5"),
        ({"layer": "conv1d"}, "a 1-D layer has height"),
        ({"padding": "causal"}, "padding 'causal' is for 1-D layers, not for a conv2d"),
        ({"layer": "pointwise_conv2d"}, "a pointwise layer has a 1x1 kernel"),
        ({"layer": "depthwise_conv2d", "filters": 7}, "has 64 filters, not 7"),
    ],
)
def test_a_layer_that_cannot_exist_is_refused_in_one_sentence(fields, words):
    with pytest.raises(ValueError, match=words) as error:
        ConvCase(**fields)
    assert "\n" not in str(error.value)


def test_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match="a case has no field 'colour'"):
        ConvCase.from_dict({"colour": "red"})


def test_the_parts_of_a_separable_layer_fit_together():
    whole = ConvCase(
        layer="separable_conv2d", direction="train", input_gradient=False, strides=(2, 2), depth_multiplier=3,
        activation="relu", filters=40,
    )  # fmt: skip
    depthwise, pointwise = split_parts(whole)
    assert (depthwise.filters, depthwise.use_bias, depthwise.activation) == (192, False, None)
    assert not depthwise.input_gradient
    assert (pointwise.height, pointwise.width, pointwise.in_channels, pointwise.filters) == (16, 16, 192, 40)
    assert pointwise.input_gradient
    assert pointwise.activation == "relu"


def test_every_layer_name_makes_a_case():
    one_d = {"height": 1, "kernel_size": (1, 3)}
    special = {"conv1d": one_d, "separable_conv1d": one_d, "pointwise_conv2d": {"kernel_size": (1, 1)}}
    cases = [ConvCase(layer=layer, **special.get(layer, {})) for layer in LAYERS]
    assert len({case.id for case in cases}) == len(LAYERS)
    for one, other in itertools.combinations(cases, 2):
        assert one != other
