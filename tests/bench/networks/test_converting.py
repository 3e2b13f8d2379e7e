from functools import cache

import keras
import numpy as np
import pytest

from bench.contract.networks import DENSE, SEPARABLE
from bench.networks.converting import ConversionError, convert, create_replacement
from bench.networks.finding import find_layers
from bench.networks.inputs import draw_inputs
from bench.networks.structure.counting import count_parameters
from bench.networks.walking import list_layers
from tests.bench.networks import made_models

layers = keras.layers
IMAGE = made_models.IMAGE


@cache
def find(build, *shapes):
    """The network, which nothing here changes, and its layers."""
    network = made_models.as_network(build(), *shapes)
    return network, find_layers(network, "graph", "CPU:0")


def run(model, network):
    outputs = model(draw_inputs(network), training=False)
    return np.asarray(outputs.detach() if hasattr(outputs, "detach") else outputs)


def list_kinds(model):
    return {path: type(layer).__name__ for path, layer in list_layers(model).items()}


@pytest.mark.parametrize("becomes", [DENSE, SEPARABLE])
@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (made_models.build_sequential, ()),
        (made_models.build_unet, ()),
        (made_models.build_nested, ()),
        (made_models.build_siamese, (IMAGE, IMAGE)),
        (made_models.build_shared, ()),
        (made_models.build_two_inputs, (IMAGE, (5,))),
        (made_models.build_inverted_residuals, ()),
        (made_models.build_mobile, ()),
        (made_models.build_wavenet, ((16, 3),)),
        (made_models.build_composite, ()),
        (made_models.build_grouped, ((8, 8, 4),)),
        (made_models.build_mixed, ()),
        (made_models.build_frozen, ()),
    ],
)
def test_exactly_the_layers_named_change_and_all_others_stay(build, shapes, becomes):
    network, found = find(build, *shapes)
    changed = {layer.name: layer for layer in found if layer.becomes == becomes}
    absorbed = {name for layer in changed.values() for name in layer.absorbs}
    copy = convert(network, changed, found)

    expected = {}
    for layer in found:
        other = layer.kind.replace("Separable", "").replace("Depthwise", "")
        new = other if becomes == DENSE else f"Separable{layer.kind}"
        kind = new if layer.name in changed else layer.kind
        expected[layer.name] = "Activation" if layer.name in absorbed else kind
    assert list_kinds(copy) == expected

    parameters = {
        layer.name: layer.parameters_after if layer.name in changed else layer.parameters for layer in found
    }
    assert copy.count_params() == sum(n for name, n in parameters.items() if name not in absorbed)
    originals = list_layers(network.keras_model)
    for path, layer in list_layers(copy).items():
        assert layer is not originals[path]
        assert layer.trainable == originals[path].trainable
        assert layer.compute_dtype == originals[path].compute_dtype
        if path not in absorbed:
            assert count_parameters(layer) == parameters[path]
        if path not in changed and path not in absorbed:
            for new, old in zip(layer.get_weights(), originals[path].get_weights(), strict=True):
                np.testing.assert_array_equal(new, old)
    assert run(copy, network).shape == run(network.keras_model, network).shape
    assert [tensor.shape for tensor in copy.inputs] == [t.shape for t in network.keras_model.inputs]
    assert copy.name == network.keras_model.name


def build_normalised():
    """Its first layer has learnt mean and variance, and draws random numbers besides."""
    norm = layers.Normalization(name="norm")
    norm.adapt(np.arange(2 * 8 * 8 * 3, dtype="float32").reshape(2, *IMAGE))
    stack = [norm, layers.GaussianNoise(0.5), layers.Conv2D(3, 3, name="conv")]
    return keras.Sequential([keras.Input(IMAGE), *stack])


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (made_models.build_nested, ()),
        (build_normalised, ()),
        (made_models.build_siamese, (IMAGE, IMAGE)),
        (made_models.build_inverted_residuals, ()),
        (made_models.build_composite, ()),
    ],
)
def test_a_copy_without_changes_computes_the_same_and_the_network_stays_as_it_is(build, shapes):
    network, found = find(build, *shapes)
    before, config = run(network.keras_model, network), network.keras_model.get_config()
    convert(network, [layer.name for layer in found if layer.becomes], found)
    copy = convert(network.keras_model, (), found)
    np.testing.assert_array_equal(run(copy, network), before)
    np.testing.assert_array_equal(run(network.keras_model, network), before)
    assert network.keras_model.get_config() == config


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (made_models.build_siamese, (IMAGE, IMAGE)),
        (made_models.build_inverted_residuals, ()),
        (made_models.build_composite, ()),
    ],
)
def test_a_changed_network_can_be_saved_and_loaded_again(build, shapes, tmp_path):
    network, found = find(build, *shapes)
    copy = convert(network, [layer.name for layer in found if layer.becomes], found)
    copy.save(tmp_path / "changed.keras")
    loaded = keras.models.load_model(tmp_path / "changed.keras")
    np.testing.assert_allclose(run(loaded, network), run(copy, network), rtol=1e-6)
    assert list_kinds(loaded) == list_kinds(copy)


def test_new_weights_are_the_same_each_time():
    network, found = find(made_models.build_nested)
    names = [layer.name for layer in found if layer.becomes]
    one, other = convert(network, names, found), convert(network, names, found)
    np.testing.assert_array_equal(run(one, network), run(other, network))


def build_shared_by_two():
    image = keras.Input(IMAGE)
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    inner = keras.Model(image, shared(image), name="inner")
    return keras.Model(image, layers.Add()([inner(image), shared(image)]))


def test_a_layer_that_two_models_share_is_one_in_the_copy_too():
    network, found = find(build_shared_by_two)
    copy = convert(network, ["inner/shared"], found)
    assert copy.get_layer("shared") is copy.get_layer("inner").get_layer("shared")


def test_settings_are_taken_over_where_they_fit():
    layer = layers.Conv2D(
        4,
        (3, 5),
        strides=2,
        padding="same",
        data_format="channels_first",
        activation="tanh",
        use_bias=False,
        kernel_initializer=keras.initializers.HeNormal(seed=5),
        kernel_regularizer=keras.regularizers.L2(0.5),
        kernel_constraint=keras.constraints.MaxNorm(3.0),
        activity_regularizer=keras.regularizers.L1(0.25),
        dtype="float64",
        name="layer",
    )
    separable = create_replacement(layer)
    assert type(separable) is layers.SeparableConv2D
    for part in ("depthwise", "pointwise"):
        assert getattr(separable, f"{part}_initializer").get_config()["seed"] == 5
        assert getattr(separable, f"{part}_regularizer") is layer.kernel_regularizer
        assert getattr(separable, f"{part}_constraint") is layer.kernel_constraint
    back = create_replacement(separable)
    kept = [
        "name",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "filters",
        "use_bias",
    ]
    for name in (*kept, "activation", "activity_regularizer", "compute_dtype", "kernel_regularizer"):
        assert getattr(back, name) == getattr(layer, name)
    assert back.kernel_initializer.get_config() == layer.kernel_initializer.get_config()


def test_initial_values_of_one_shape_are_not_taken_over():
    layer = layers.Conv2D(4, 3, kernel_initializer=lambda shape, dtype=None: np.ones((3, 3, 3, 4)))
    assert type(create_replacement(layer).pointwise_initializer).__name__ == "GlorotUniform"


def test_an_activation_with_weights_gets_new_ones():
    layer = layers.Conv2D(4, 3, activation=layers.PReLU(shared_axes=(1, 2)))
    activation = create_replacement(layer).activation
    assert activation is not layer.activation
    assert activation.shared_axes == [1, 2]


@pytest.mark.parametrize("name", ["dense", "nothing"])
def test_a_layer_that_cannot_be_changed_is_refused(name):
    network, found = find(made_models.build_sequential)
    with pytest.raises(ConversionError, match=f"^there is no layer '{name}' that can be changed$"):
        convert(network, [name], found)


def test_a_subclassed_model_is_refused():
    with pytest.raises(ConversionError, match=r"^the model is subclassed: "):
        convert(made_models.build_subclassed(), (), ())
