"""From ids back to cases."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.contract.case_ids import parse_id
from bench.contract.cases import (
    DATA_FORMATS,
    DIRECTIONS,
    DTYPES,
    GROUPED,
    LAYERS,
    LAYERS_1D,
    MODES,
    PADDINGS,
    ConvCase,
)
from bench.contract.claims import list_contrasts
from bench.plan.comparisons import Axes, expand
from bench.plan.grids import NAMES, load_grid
from bench.plan.remedies import suggest_remedies

SIZES = st.integers(1, 12) | st.integers(1, 2**63 - 1)
PAIRS = st.tuples(SIZES, SIZES)
#: Among them what looks like a device, a dtype or the start of another word.
ACTIVATIONS = st.sampled_from(["relu", "relu6", "log_softmax", "s2x", "d_2", "m", "first_", "xla2", "gpus0"])


@st.composite
def draw_cases(draw):
    layer = draw(st.sampled_from(LAYERS))
    fields = {
        "direction": draw(st.sampled_from(DIRECTIONS)),
        "input_gradient": draw(st.booleans()),
        "mode": draw(st.sampled_from(MODES)),
        "device": draw(st.sampled_from(["CPU:0", "CPU:1", "GPU:0", "GPU:12"])),
        "dtype": draw(st.sampled_from(DTYPES)),
        "padding": draw(st.sampled_from(PADDINGS)),
        "data_format": draw(st.sampled_from(DATA_FORMATS)),
        "activation": draw(st.none() | ACTIVATIONS),
        "use_bias": draw(st.booleans()),
        **{name: draw(SIZES) for name in ("batch", "height", "width", "in_channels", "filters")},
        **{name: draw(PAIRS) for name in ("kernel_size", "strides", "dilation_rate")},
        "depth_multiplier": draw(st.integers(1, 3)),
    }
    if layer in LAYERS_1D:
        fields["height"] = 1
        fields |= {name: (1, fields[name][1]) for name in ("kernel_size", "strides", "dilation_rate")}
    if layer == "pointwise_conv2d":
        fields["kernel_size"] = (1, 1)
    if layer in ("depthwise_conv2d", GROUPED):
        fields["filters"] = fields["in_channels"] * fields["depth_multiplier"]
    try:
        return ConvCase(layer, **fields)
    except ValueError:
        assume(False)


@given(draw_cases())
def test_a_case_is_found_by_its_id(case):
    assert parse_id(case.id) == case


@given(draw_cases())
def test_a_comparison_is_found_by_its_id(case):
    assume(case.is_dense or case.is_separable)
    found = parse_id(case.comparison)
    assert found.is_dense
    assert (found.comparison, found.is_1d) == (case.comparison, case.is_1d)


@pytest.mark.parametrize("name", NAMES)
def test_every_case_of_a_grid_is_found(name):
    for comparison in expand(load_grid(name).shapes, Axes(("CPU:0",))):
        assert parse_id(comparison.id) == comparison.cases[0]
        for case in comparison.cases:
            assert parse_id(case.id) == case


@pytest.mark.parametrize("word", ["nobias", "first", "xla", "float16", "valid", "s2", "m3", "nchw", "gpu0"])
def test_an_activation_called_as_another_word_is_read_as_that_word(word):
    taken = ConvCase(activation=word, direction="train")
    assert parse_id(taken.id).id == taken.id
    assert parse_id(taken.id).activation is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "nonsense",
            "there is no case 'nonsense': give an id as tables and reports print it, such as train-",
        ),
        ("", "there is no case ''"),
        ("train-8x32x32x64-f64-k3\n", r"there is no case 'train-8x32x32x64-f64-k3\\n': give an id"),
        ("\x1b[2J", r"there is no case '\\x1b\[2J': give an id"),
        ("sideways-8x32x32x64-f64-k3", "there is no case 'sideways-"),
        ("train-8x32x64-f64-k3", "it is called train-8x32x64-f64-k3-1d$"),
        ("train-8x32x32x64-f64-k3x3", "there is no case .*: it is called train-8x32x32x64-f64-k3$"),
        ("train-8x32x32x64-f64-k3-float32-graph-cpu0", ": it is called train-8x32x32x64-f64-k3$"),
        ("conv2d-forward-8x32x32x64-f64-k3-first", ": it is called conv2d-forward-8x32x32x64-f64-k3$"),
        ("train-8x32x32x64-f64-k3-causal", ": padding 'causal' is for 1-D layers, not for a conv2d$"),
        ("train-8x2x2x64-f64-k3-valid", "'valid' a kernel that spans 3 does not fit into height 2"),
        ("train-8x32x32x64-f9999999999999999999-k3", "there is no case"),
        ("train-8x32x32x64-f9999999999999999998-k3", "there is no case"),
        ("train-8x32x32x064-f64-k3", "there is no case"),
        ("depthwise_conv2d-train-8x32x32x64-f65-k3", "has 64 filters, not 65"),
    ],
)
def test_what_is_no_id_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        parse_id(text)
    assert str(error.value).isprintable()


def test_remedies_and_contrasts_are_no_cases():
    remedied = ConvCase("separable_conv2d", direction="train", mode="xla", depth_multiplier=2)
    ids = [remedy.id for remedy in suggest_remedies(remedied, "tensorflow")]
    ids += [contrast.id for contrast in list_contrasts(("CPU:0",))]
    assert len(ids) > 3
    for name in ids:
        with pytest.raises(
            ValueError, match="is no case, but a remedy or a contrast: give the id of the case"
        ):
            parse_id(name)
