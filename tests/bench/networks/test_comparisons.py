import keras
import pytest

from bench.networks.comparisons import create_case, list_shapes
from bench.networks.finding import find_layers
from bench.plan.comparisons import Axes, expand
from tests.bench.networks import made_models

layers = keras.layers


def describe(layer, shape=(2, 8, 8, 3), **given):
    layer.build((None, *shape[1:]))
    options = {"mode": "graph", "device": "CPU:0", "input_gradient": True}
    return create_case(layer, shape, **{**options, **given}).id


@pytest.mark.parametrize(
    ("layer", "case"),
    [
        (layers.Conv2D(4, 3, activation="relu"), "conv2d-train-2x8x8x3-f4-k3-valid-relu"),
        (layers.Conv2D(4, 3, activation="linear", use_bias=False), "conv2d-train-2x8x8x3-f4-k3-valid-nobias"),
        (layers.Conv2D(4, 3, activation=layers.ReLU()), "conv2d-train-2x8x8x3-f4-k3-valid"),
        (layers.Conv2D(4, 3, activation=lambda x: 2 * x), "conv2d-train-2x8x8x3-f4-k3-valid"),
        (
            layers.SeparableConv2D(4, (1, 3), padding="same", depth_multiplier=2),
            "separable_conv2d-train-2x8x8x3-f4-k1x3-m2",
        ),
        (
            layers.Conv2D(4, 3, data_format="channels_first", dtype="float16"),
            "conv2d-train-2x8x3x8-f4-k3-valid-nchw-float16",
        ),
    ],
)
def test_a_layer_is_the_case_that_its_settings_say(layer, case):
    assert describe(layer) == case


def test_a_layer_of_one_dimension_has_a_height_of_one():
    layer = layers.Conv1D(4, 2, padding="causal", dilation_rate=4)
    assert describe(layer, (2, 16, 3), mode="xla", input_gradient=False) == (
        "conv1d-train-2x16x3-f4-k2-1d-causal-d4-first-xla"
    )


def test_equal_layers_are_compared_once_under_the_name_of_the_first():
    found = find_layers(made_models.as_network(made_models.build_repeated()), "graph", "CPU:0")
    shapes = list_shapes(found, "graph", "CPU:0")
    assert [shape.name for shape in shapes] == ["first", "second + 1 more"]
    assert all(shape.control for shape in shapes)


def test_blocks_are_measured_as_they_are_and_not_compared():
    found = find_layers(made_models.as_network(made_models.build_mobile()), "graph", "CPU:0")
    assert any(layer.cases for layer in found)
    assert list_shapes(found, "graph", "CPU:0") == ()


def test_a_layer_is_compared_in_every_direction_but_only_in_its_mode_on_its_device():
    found = find_layers(made_models.as_network(made_models.build_sequential()), "graph", "CPU:0")
    shapes = list_shapes(found, "xla", "CPU:0")
    axes = Axes(("CPU:0", "GPU:0"), directions=("forward", "train"), modes=("graph", "eager"))
    comparisons = expand(shapes, axes)
    assert [comparison.id for comparison in comparisons if comparison.name == "separable"] == [
        "forward-2x3x3x5-f6-k3-m2-xla",
        "train-2x3x3x5-f6-k3-m2-xla",
    ]
    assert {case.layer for comparison in comparisons for case in comparison.cases} == {
        "conv2d",
        "separable_conv2d",
    }


def test_what_a_row_of_a_layer_is_known_by_is_among_its_comparisons():
    for build, shape in ((made_models.build_sequential, (8, 8, 3)), (made_models.build_wavenet, (16, 3))):
        found = find_layers(made_models.as_network(build(), shape), "graph", "CPU:0")
        comparisons = {one.id for one in expand(list_shapes(found, "graph", "CPU:0"), Axes(("CPU:0",)))}
        cases = [case.comparison for layer in found for case in layer.cases if not layer.block]
        assert cases
        assert comparisons.issuperset(cases)
