import keras
import numpy as np
import pytest

from bench.contract.networks import DENSE, SEPARABLE, FoundLayer
from bench.networks.finding import find_layers
from bench.networks.sources.errors import ModelError
from tests.bench.networks import made_models

layers = keras.layers
IMAGE = made_models.IMAGE


def find(model, *shapes):
    found = find_layers(made_models.as_network(model, *shapes), "graph", "CPU:0")
    return {layer.name: layer for layer in found}


def stack(*parts, shape=IMAGE):
    return keras.Sequential([keras.Input(shape), *parts])


def test_a_sequential_model_is_told_layer_by_layer():
    found = find(made_models.build_sequential())
    assert [(layer.name, layer.kind, layer.input_shape) for layer in found.values()] == [
        ("scale", "Rescaling", "8x8x3"),
        ("conv", "Conv2D", "8x8x3"),
        ("conv_1", "Conv2D", "6x6x4"),
        ("norm", "BatchNormalization", "3x3x5"),
        ("separable", "SeparableConv2D", "3x3x5"),
        ("pointwise", "Conv2D", "3x3x6"),
        ("pool", "GlobalAveragePooling2D", "3x3x7"),
        ("dense", "Dense", "7"),
    ]
    assert {layer.name: layer.becomes for layer in found.values() if layer.becomes} == {
        "conv": SEPARABLE,
        "conv_1": SEPARABLE,
        "separable": DENSE,
    }
    assert [case.id for case in found["conv"].cases] == ["conv2d-train-2x8x8x3-f4-k3-valid-relu-first"]
    assert [case.id for case in found["separable"].cases] == ["separable_conv2d-train-2x3x3x5-f6-k3-m2"]
    assert not any(layer.reason for layer in found.values())


def test_what_a_layer_costs_is_that_of_the_networks_batch_before_and_after():
    conv = find(made_models.build_sequential())["conv"]
    assert conv.output_elements == 2 * 36 * 4
    # 6x6 outputs of two images; 3x3 taps, 3 channels, 4 filters.
    assert (conv.parameters, conv.multiplications) == (9 * 3 * 4 + 4, 2 * 36 * 9 * 3 * 4)
    assert (conv.parameters_after, conv.multiplications_after) == (
        9 * 3 + 3 * 4 + 4,
        2 * 36 * (9 * 3 + 3 * 4),
    )


def test_what_was_found_is_the_same_after_it_was_saved():
    for layer in find(made_models.build_inverted_residuals()).values():
        assert FoundLayer.from_dict(layer.as_dict()) == layer


@pytest.mark.parametrize(
    ("build", "shapes", "reads"),
    [
        (made_models.build_unet, (), {"both": ("down", "up"), "low": ("down",), "last": ("both",)}),
        (
            made_models.build_nested,
            (),
            {"middle/encoder/conv": (), "middle/conv": ("middle/encoder/conv_1",), "flat": ("middle/conv",)},
        ),
        (made_models.build_siamese, (IMAGE, IMAGE), {"apart": ("encoder/conv_1",)}),
        (made_models.build_two_inputs, (IMAGE, (5,)), {"told": (), "both": ("flat", "told")}),
        (made_models.build_inverted_residuals, (), {"skip": ("project_1", "project_2")}),
        (made_models.build_composite, (), {"block/part": ("conv",), "last": ("block/part (2)",)}),
        (
            made_models.build_subclassed,
            (),
            {"encoder/conv": (), "head": ("encoder/conv_1",), "norm": ("head",)},
        ),
        (made_models.build_mixed, (), {"separable": ("encoder/conv_1",), "softmax": ("separable",)}),
    ],
)
def test_every_layer_knows_whose_output_it_reads(build, shapes, reads):
    found = find(build(), *shapes)
    assert {name: found[name].inputs for name in reads} == reads


def test_an_operation_outside_of_layers_hides_no_layer():
    image = keras.Input(IMAGE)
    twice = layers.Conv2D(3, 3, padding="same", name="one")(image) * 2.0
    model = keras.Model(image, layers.Conv2D(3, 3, name="other")(image + twice))
    found = find(model)
    name, before = "other", found["other"].inputs
    while before and before[0] not in ("one", "other"):  # in Keras 2 an operation is a layer
        name, before = before[0], found[before[0]].inputs
    assert before == ("one",), name
    assert [case.input_gradient for case in found["other"].cases] == [True]


def test_layers_with_nothing_trained_before_them_need_no_gradient_of_their_input():
    for model, first in (
        (made_models.build_sequential(), {"conv"}),
        (made_models.build_frozen(), {"conv"}),
        (made_models.build_unet(), {"down"}),
    ):
        found = find(model).values()
        assert {layer.name for layer in found for case in layer.cases if not case.input_gradient} == first


def test_a_shared_layer_has_a_case_for_each_call():
    shared = find(made_models.build_shared())["shared"]
    assert shared.calls == 2
    assert {case.id for case in shared.cases} == {
        "conv2d-train-2x8x8x3-f3-k3-first",
        "conv2d-train-2x4x4x3-f3-k3",
    }
    assert shared.multiplications == 2 * (64 + 16) * 9 * 3 * 3


def test_a_model_that_is_called_twice_calls_its_layers_twice():
    found = find(made_models.build_siamese(), IMAGE, IMAGE)
    assert {name: layer.calls for name, layer in found.items() if layer.calls > 1} == {
        "encoder/conv": 2,
        "encoder/relu": 2,
        "encoder/conv_1": 2,
    }


def test_a_layer_that_sees_every_frame_multiplies_for_all_of_them():
    found = find(made_models.build_over_time(), (5, *IMAGE))
    assert found["frames/inner"].multiplications == 2 * 5 * 36 * 9 * 3 * 4


class OwnConv2D(layers.Conv2D):
    pass


@pytest.mark.parametrize(
    ("build", "shapes", "reasons"),
    [
        (made_models.build_unet, (), {"up": "there is no separable Conv2DTranspose"}),
        (
            made_models.build_grouped,
            ((8, 8, 4),),
            {"grouped": "groups=2: the other layer has no groups"},
        ),
        (
            made_models.build_composite,
            (),
            {"block/part": "it lies in ConvThenRelu, whose call is its own code"},
        ),
        (
            made_models.build_subclassed,
            (),
            dict.fromkeys(
                ("encoder/conv", "encoder/conv_1", "head"),
                "the model is subclassed: its own call decides which layers run",
            ),
        ),
        (
            made_models.build_frozen,
            (),
            {
                **dict.fromkeys(
                    ("encoder/conv", "encoder/conv_1", "frozen"),
                    "it is frozen (trainable=False), and its replacement would have new weights",
                ),
                "depthwise": "pointwise, which is behind it, is frozen (trainable=False), "
                "and its replacement would have new weights",
            },
        ),
        (
            made_models.build_over_time,
            ((5, *IMAGE),),
            {
                "frames/inner": "it lies in TimeDistributed, whose call is its own code",
                "recurrent": "there is no separable ConvLSTM2D",
            },
        ),
        (
            lambda: stack(OwnConv2D(3, 3, name="own"), layers.Conv2D(3, 3)),
            (),
            {"own": "OwnConv2D is a class of its own"},
        ),
        (
            lambda: stack(layers.Conv3D(2, 3, name="solid"), shape=(5, 5, 5, 2)),
            ((5, 5, 5, 2),),
            {"solid": "there is no separable Conv3D"},
        ),
    ],
)
def test_a_convolution_that_must_stay_says_why(build, shapes, reasons):
    found = find(build(), *shapes)
    assert {name: layer.reason for name, layer in found.items() if layer.reason} == reasons
    for name in reasons:
        assert (found[name].becomes, found[name].cases, found[name].parameters_after) == (None, (), None)


def test_what_the_framework_refuses_is_told_in_its_own_words(monkeypatch):
    def refuse(self, x):
        raise NotImplementedError("not with such strides\nand more")

    monkeypatch.setattr(layers.SeparableConv2D, "call", refuse)
    found = find(stack(layers.Conv2D(3, 3, name="conv")))["conv"]
    assert (found.becomes, found.cases) == (None, ())
    assert found.reason == "its replacement does not run: NotImplementedError: not with such strides"


def test_a_causal_layer_becomes_separable_where_keras_has_one():
    found = find(made_models.build_wavenet(), (16, 3))["dilated"]
    if keras.__version__.startswith("2."):
        assert [case.id for case in found.cases] == ["conv1d-train-2x16x3-f4-k2-1d-causal-d4-tanh-first"]
    else:
        assert found.reason == f"Keras {keras.__version__} has no SeparableConv1D with padding 'causal'"


def test_an_activation_of_the_users_own_is_left_out_where_the_layer_is_measured_alone():
    found = find(stack(layers.Conv2D(3, 3, activation=layers.PReLU(), name="conv")))["conv"]
    assert (found.becomes, found.cases[0].activation) == (SEPARABLE, None)


def test_channels_first_is_told_by_the_right_axes():
    conv = layers.Conv2D(4, 3, data_format="channels_first", name="conv")
    found = find(stack(conv, shape=(3, 8, 7)), (3, 8, 7))["conv"]
    assert [case.id for case in found.cases] == ["conv2d-train-2x8x7x3-f4-k3-valid-nchw-first"]
    assert (found.input_shape, found.multiplications) == ("3x8x7", 2 * 6 * 5 * 9 * 3 * 4)


def test_half_precision_is_that_of_the_computation():
    found = find(made_models.build_mixed())
    assert {case.dtype for layer in found.values() for case in layer.cases} == {"float16"}


class Unsaved(layers.Layer):
    """Keras cannot copy it: it takes what no configuration holds."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def call(self, x):
        return self.scale(x)


def test_nothing_can_be_changed_in_a_model_that_keras_cannot_copy():
    found = find(stack(layers.Conv2D(3, 3, name="conv"), Unsaved(lambda x: 2 * x)))["conv"]
    assert found.becomes is None
    assert found.reason.startswith("Keras cannot copy this model: ")


def test_a_network_without_convolution_is_refused():
    with pytest.raises(ModelError, match=r"^Made has no convolution$"):
        find(stack(layers.Dense(2), shape=(3,)), (3,))


def test_a_network_of_1x1_convolutions_has_nothing_to_change_and_no_reason():
    found = find(stack(layers.Conv2D(3, 1, name="conv")))["conv"]
    assert (found.becomes, found.reason) == (None, "")


def test_a_network_that_does_not_run_says_what_its_layer_said():
    class Stubborn(keras.Model):
        def call(self, x):
            raise RuntimeError("not today")

    with pytest.raises(ModelError, match=r"^Made does not run here: RuntimeError: not today"):
        find(Stubborn())


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow compiles in the model's call")
def test_a_model_that_compiles_itself_is_watched_at_a_shape_that_it_has_not_seen():
    import tensorflow as tf

    class Compiled(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(3, 3, name="conv")

        @tf.function
        def call(self, x):
            return self.conv(x)

    model = Compiled()
    model(np.zeros((1, *IMAGE), "float32"))
    assert find(model)["conv"].multiplications == 2 * 36 * 9 * 3 * 3


def test_a_model_of_a_fixed_batch_is_run_with_it():
    image = keras.Input(IMAGE, batch_size=made_models.BATCH)
    found = find(keras.Model(image, layers.Conv2D(3, 3, name="conv")(image)))["conv"]
    assert found.cases[0].batch == made_models.BATCH
    assert found.multiplications == 2 * 36 * 9 * 3 * 3


def test_names_are_the_same_whenever_the_network_is_built_anew():
    names = []
    for _ in range(2):
        keras.backend.clear_session()
        names.append(list(find(stack(layers.Conv2D(3, 3), layers.Conv2D(3, 3), layers.ReLU()))))
    assert names[0] == names[1] == ["conv2d", "conv2d_1", "re_lu"]


def test_finding_changes_nothing_in_the_network():
    model = made_models.build_inverted_residuals()
    before = [np.array(weight) for weight in model.get_weights()]
    config = model.get_config()
    find(model)
    assert model.get_config() == config
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
