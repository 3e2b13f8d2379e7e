import keras
import numpy as np
import pytest

from bench.contract.networks import DENSE
from bench.networks.blocks import build_block
from bench.networks.finding import find_layers
from tests.bench.networks import made_models

layers = keras.layers
IMAGE = made_models.IMAGE


def find(model, *shapes):
    network = made_models.as_network(model, *shapes)
    return network, {layer.name: layer for layer in find_layers(network, "graph", "CPU:0")}


def build(*parts, image=IMAGE):
    """A Functional model of ``parts`` in a row."""
    inputs = keras.Input(image)
    outputs = inputs
    for part in parts:
        outputs = part(outputs)
    return keras.Model(inputs, outputs)


def depthwise(**options):
    return layers.DepthwiseConv2D(3, padding="same", name="depthwise", **options)


def pointwise(**options):
    return layers.Conv2D(4, 1, name="pointwise", **options)


@pytest.mark.parametrize(
    ("between", "names"),
    [
        ([], ()),
        ([layers.BatchNormalization(name="norm"), layers.ReLU(6.0, name="relu")], ("norm", "relu")),
        ([layers.Dropout(0.5, name="drop")], ("drop",)),
        ([layers.LayerNormalization(name="norm"), layers.PReLU(name="relu")], ("norm", "relu")),
    ],
)
def test_a_block_reaches_from_the_depthwise_layer_to_the_pointwise_one(between, names):
    _, found = find(build(depthwise(), *between, pointwise()))
    block = found["depthwise"]
    assert (block.becomes, block.block) == (DENSE, "depthwise")
    assert [case.id for case in block.cases] == ["separable_conv2d-train-2x8x8x3-f4-k3-first"]
    assert block.absorbs == (*names, "pointwise")
    assert block.parameters_after == 9 * 3 * 4 + 4
    assert block.multiplications_after == 2 * 64 * 9 * 3 * 4


def branch():
    """The depthwise layer's output goes to the pointwise layer and past it."""
    image = keras.Input(IMAGE)
    x = depthwise()(image)
    return keras.Model(image, layers.Concatenate()([x, pointwise()(x)]))


def add_outside():
    image = keras.Input(IMAGE)
    return keras.Model(image, pointwise()(depthwise()(image) + 1.0))


def return_both():
    image = keras.Input(IMAGE)
    x = depthwise()(image)
    return keras.Model(image, [x, pointwise()(x)])


def repeat():
    image, wise = keras.Input(IMAGE), layers.Conv2D(3, 1, name="pointwise")
    return keras.Model(image, wise(wise(depthwise()(image))))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (made_models.build_squeeze_excite, "several layers read the output of relu, which is behind it"),
        (branch, "several layers read its output"),
        (return_both, "several layers read its output"),
        (repeat, "the network calls pointwise, which is behind it, 2 times"),
        (
            lambda: build(depthwise(), layers.MaxPooling2D(name="pool"), pointwise()),
            "there is no 1x1 convolution behind it, but pool (MaxPooling2D)",
        ),
        (
            lambda: build(depthwise(), pointwise(strides=2)),
            "there is no 1x1 convolution behind it, but pointwise (Conv2D)",
        ),
        (
            lambda: build(depthwise(), layers.Conv2D(4, 3, name="conv")),
            "there is no 1x1 convolution behind it, but conv (Conv2D)",
        ),
        (lambda: build(depthwise()), "no layer of its model reads its output"),
        (
            lambda: build(keras.Sequential([keras.Input(IMAGE), depthwise()]), pointwise()),
            "no layer of its model reads its output",
        ),
        (
            lambda: build(depthwise(), keras.Sequential([keras.Input(IMAGE), pointwise()], name="inner")),
            "there is no 1x1 convolution behind it, but inner (Sequential)",
        ),
        (
            lambda: build(depthwise(trainable=False), pointwise()),
            "it is frozen (trainable=False), and its replacement would have new weights",
        ),
        (
            lambda: build(depthwise(), layers.BatchNormalization(trainable=False, name="norm"), pointwise()),
            "norm, which is behind it, is frozen (trainable=False), and its replacement would have new "
            "weights",
        ),
    ],
)
def test_what_is_no_block_says_why(model, reason):
    _, found = find(model())
    block = next(layer for layer in found.values() if layer.kind == "DepthwiseConv2D")
    assert (block.becomes, block.absorbs, block.block, block.reason) == (None, (), None, reason)


def test_an_operation_outside_of_layers_ends_a_block():
    _, found = find(add_outside())
    assert found["depthwise"].becomes is None
    # In Keras 2 an operation is a layer.
    assert found["depthwise"].reason in (
        "an operation outside of layers reads its output",
        "there is no 1x1 convolution behind it, but tf.__operators__.add (TFOpLambda)",
    )


def test_equal_blocks_are_known_by_the_first_of_them_and_others_by_themselves():
    _, found = find(made_models.build_inverted_residuals())
    assert [found[f"depthwise_{number}"].block for number in (1, 2)] == ["depthwise_1", "depthwise_1"]
    _, found = find(made_models.build_mobile())
    assert [found[f"depthwise_{number}"].block for number in (1, 2)] == ["depthwise_1", "depthwise_2"]


def test_blocks_that_compute_something_else_are_not_equal():
    def row(number, **options):
        return [
            layers.DepthwiseConv2D(3, padding="same", name=f"depthwise_{number}", **options),
            layers.Conv2D(3, 1, name=f"pointwise_{number}"),
        ]

    _, found = find(build(*row(1), *row(2), *row(3, use_bias=False)))
    assert [found[f"depthwise_{n}"].block for n in (1, 2, 3)] == ["depthwise_1", "depthwise_1", "depthwise_3"]


@pytest.mark.parametrize(
    ("model", "name", "shape", "kinds"),
    [
        (
            made_models.build_inverted_residuals,
            "depthwise_2",
            IMAGE,
            ["DepthwiseConv2D", "BatchNormalization", "ReLU", "Conv2D"],
        ),
        (made_models.build_mobile, "depthwise_1", IMAGE, ["DepthwiseConv2D", "Conv2D"]),
        (made_models.build_wavenet, "depthwise", (16, 3), ["DepthwiseConv1D", "Conv1D"]),
    ],
)
def test_a_block_alone_is_a_small_model_as_it_is_or_dense(model, name, shape, kinds):
    network, found = find(model(), shape)
    as_it_is, dense = (
        build_block(network, found[name], dense=dense, training=False) for dense in (False, True)
    )
    assert [type(layer).__name__ for layer in as_it_is.layers[1:]] == kinds
    assert [type(layer).__name__ for layer in dense.layers[1:]] == [kinds[-1]]
    assert dense.input_shape == as_it_is.input_shape
    assert dense.input_shape == (made_models.BATCH, *map(int, found[name].input_shape.split("x")))
    assert dense.output_shape == as_it_is.output_shape
    assert dense.count_params() == found[name].parameters_after
    images = np.zeros(dense.input_shape, "float32")
    assert dense(images).shape == as_it_is(images).shape


def test_the_dense_layer_has_the_window_of_the_one_and_the_output_of_the_other():
    network, found = find(made_models.build_mobile())
    (_, layer) = build_block(network, found["depthwise_1"], dense=True, training=True).layers
    assert (layer.kernel_size, layer.strides, layer.padding) == ((3, 3), (2, 2), "valid")
    assert (layer.filters, layer.activation.__name__) == (5, "relu")


def test_a_block_alone_shares_no_weight_with_the_network_and_is_the_same_each_time():
    network, found = find(made_models.build_mobile())
    one, other = (build_block(network, found["depthwise_1"], dense=False, training=True) for _ in range(2))
    own = {id(weight) for weight in network.keras_model.weights}
    assert not own.intersection(id(weight) for weight in one.weights)
    for weight, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
