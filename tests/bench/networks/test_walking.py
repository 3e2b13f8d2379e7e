import keras
import numpy as np
import pytest

from bench.networks.walking import list_layers, list_tensors, walk, watch_calls, watch_scopes
from tests.bench.networks import made_models

IMAGES = np.zeros((1, *made_models.IMAGE), "float32")


def test_layers_are_known_by_the_models_that_they_lie_in():
    assert list(list_layers(made_models.build_nested())) == [
        "middle/encoder/conv",
        "middle/encoder/relu",
        "middle/encoder/conv_1",
        "middle/conv",
        "flat",
        "dense",
    ]


def test_two_layers_of_one_path_are_told_apart():
    assert list(list_layers(made_models.build_composite())) == [
        "conv",
        "block/part",
        "block/part (2)",
        "last",
    ]


def test_a_layer_that_is_met_twice_has_its_first_path():
    assert list(list_layers(made_models.build_siamese())) == [
        "encoder/conv",
        "encoder/relu",
        "encoder/conv_1",
        "apart",
        "last",
    ]


def test_a_convolution_is_one_layer_though_its_activation_is_one_too():
    layer = keras.layers.Conv2D(2, 3, activation=keras.layers.PReLU(), name="conv")
    assert list(list_layers(keras.Sequential([keras.Input(made_models.IMAGE), layer]))) == ["conv"]


@pytest.mark.skipif(keras.__version__.startswith("2."), reason="Keras 2 refuses such a name itself")
def test_names_that_a_terminal_would_obey_are_not_passed_on():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a\x1b[2J\nb")])
    assert list(list_layers(model)) == ["a?[2J?b"]


@pytest.mark.parametrize(
    ("build", "paths"),
    [
        (made_models.build_composite, ["conv", "block/part", "block/part (2)", "block", "last"]),
        (
            made_models.build_subclassed,
            ["encoder/conv", "encoder/relu", "encoder/conv_1", "encoder", "head", "norm"],
        ),
    ],
)
def test_every_call_is_seen_when_it_is_over(build, paths):
    seen = []
    model = build()
    model(IMAGES)
    with watch_calls(model, lambda path, layer, inputs, outputs: seen.append((path, inputs, outputs))):
        result = model(IMAGES)
    assert [path for path, _, _ in seen] == paths
    assert all(len(inputs) == len(outputs) == 1 for _, inputs, outputs in seen)
    assert [tuple(outputs[0].shape) for _, _, outputs in seen][-1] == tuple(result.shape)


def test_nothing_of_watching_remains():
    model = made_models.build_nested()
    before, weights = model.get_config(), len(model.weights)
    with watch_calls(model, lambda *call: None):
        model(IMAGES)
    assert not any("call" in vars(place.layer) for place in walk(model))
    assert (model.get_config(), len(model.weights)) == (before, weights)


def test_watching_ends_with_an_error_too_and_a_call_of_the_users_own_comes_back():
    model = made_models.build_sequential()
    own = model.layers[0].call
    object.__setattr__(model.layers[0], "call", own)

    def refuse(*call):
        raise KeyError(call[0])

    with pytest.raises(KeyError), watch_calls(model, refuse):
        model(IMAGES)
    patched = [place.path for place in walk(model) if "call" in vars(place.layer)]
    assert patched == ["scale"]
    assert vars(model.layers[0])["call"] is own


def test_scopes_are_read_at_each_call_and_the_later_layer_has_a_shared_one():
    model = made_models.build_composite()
    said = iter(["one", "", "two", "two", "three"])
    with watch_scopes(model, lambda: next(said)) as scopes:
        model(IMAGES)
    assert scopes == {"one": "conv", "two": "block/part (2)", "three": "last"}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow has scopes")
@pytest.mark.parametrize("build", [made_models.build_nested, made_models.build_subclassed])
def test_operations_of_a_traced_graph_lie_in_the_scopes_of_their_layers(build):
    import tensorflow as tf

    model = build()
    with watch_scopes(model, tf.get_current_name_scope) as scopes:
        traced = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.constant(IMAGES))
    names = [op.name for op in traced.graph.get_operations() if op.type == "Conv2D"]
    longest = [max((s for s in scopes if f"{name}/".startswith(f"{s}/")), key=len) for name in names]
    convolutions = [path for path, layer in list_layers(model).items() if hasattr(layer, "kernel_size")]
    assert [scopes[scope] for scope in longest] == convolutions


def test_tensors_come_in_the_order_of_their_places():
    one, other = np.zeros(1), np.zeros(2)
    assert list_tensors({"b": other, "a": [one, None, "text"]}) == [one, other]
