import numpy as np
import pytest

from analysis.networks.building import build_networks
from analysis.networks.code import write_code
from analysis.results.loading import load_results
from bench.contract.networks import FoundLayer
from tests.analysis import made_results
from tests.analysis.networks import made_networks

LAYERS = (
    FoundLayer("conv", "Conv2D", becomes="separable"),
    FoundLayer("kept", "Conv2D", becomes="separable"),
    FoundLayer("bn", "BatchNormalization"),
    FoundLayer("dw", "DepthwiseConv2D", becomes="dense", absorbs=("dw_bn", "dw_relu", "pw"), block="dw"),
    FoundLayer("dw_bn", "BatchNormalization"),
    FoundLayer("dw_relu", "ReLU"),
    FoundLayer("pw", "Conv2D"),
    FoundLayer("encoder/sep", "SeparableConv2D", becomes="dense"),
    FoundLayer("encoder/inner/conv", "Conv2D", becomes="separable"),
    FoundLayer("head", "Dense"),
)


@pytest.fixture(scope="module")
def model():
    import keras

    layers = keras.layers
    inner = keras.Sequential([keras.Input((8, 8, 6)), layers.Conv2D(6, 3, name="conv")], name="inner")
    inside = keras.Input((8, 8, 4))
    deep = layers.SeparableConv2D(6, 3, padding="same", activation="relu", name="sep")(inside)
    encoder = keras.Model(inside, inner(deep), name="encoder")
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2", name="conv")(image)
    x = layers.Conv2D(4, 3, padding="same", name="kept")(x)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="dw")(x)
    x = layers.BatchNormalization(name="dw_bn")(x)
    x = layers.ReLU(name="dw_relu")(x)
    x = layers.Conv2D(4, 1, activation="tanh", name="pw")(x)
    outputs = layers.Dense(2, name="head")(layers.Flatten(name="flat")(encoder(x)))
    return keras.Model(image, outputs, name="net")


def run_code(folder, recommended, layers=LAYERS):
    """What the code of a network that these changes make faster defines."""
    defined = {}
    exec(write_code(build(folder, recommended, 0.8, layers)), defined)
    return defined["change_layers"]


def build(folder, recommended, ratio, layers=LAYERS):
    """A network that takes ``ratio`` times as long with the recommended changes."""
    told = {"layers": [layer.as_dict() for layer in layers], "recommended": recommended}
    changed = {"layers": [], "recommended": recommended, "converted": recommended}
    rows = [
        made_networks.network_row("as it is", 1.0, **told),
        made_networks.network_row("recommended", ratio, **changed),
    ]
    (network,) = build_networks(load_results([made_results.save(folder, rows)]))
    return network


def name_classes(model, prefix=""):
    import keras

    found = {}
    for layer in model.layers:
        path = prefix + layer.name
        if isinstance(layer, keras.Model):
            found |= name_classes(layer, f"{path}/")
        elif not isinstance(layer, keras.layers.InputLayer):
            found[path] = type(layer).__name__
    return found


def test_the_code_changes_the_recommended_layers_and_no_others(tmp_path, model):
    recommended = ["conv", "dw", "encoder/sep", "encoder/inner/conv"]
    changed = run_code(tmp_path, recommended)(model)
    assert name_classes(changed) == {
        **name_classes(model),
        "conv": "SeparableConv2D",
        "dw": "Conv2D",
        "dw_bn": "Activation",
        "dw_relu": "Activation",
        "pw": "Activation",
        "encoder/sep": "Conv2D",
        "encoder/inner/conv": "SeparableConv2D",
    }
    assert changed.output_shape == model.output_shape
    dense = changed.get_layer("dw")
    assert (dense.kernel_size, dense.strides, dense.filters) == ((3, 3), (2, 2), 4)
    assert (dense.use_bias, dense.activation.__name__) == (True, "tanh")
    conv = changed.get_layer("conv")
    assert conv.pointwise_regularizer.get_config() == model.get_layer("conv").kernel_regularizer.get_config()
    for name in ("kept", "bn", "head"):
        own, old = changed.get_layer(name).get_weights(), model.get_layer(name).get_weights()
        assert len(own) == len(old) > 0
        assert all(np.array_equal(one, other) for one, other in zip(own, old, strict=True))
    assert changed.predict(np.zeros((2, 16, 16, 3), "float32"), verbose=0).shape == (2, 2)


@pytest.mark.parametrize("recommended", [["kept"], ["dw"]])
def test_the_code_of_a_single_kind_of_change_runs_too(tmp_path, model, recommended):
    changed = run_code(tmp_path, recommended)(model)
    (name,) = recommended
    assert name_classes(changed)[name] != name_classes(model)[name]
    assert name_classes(changed)["encoder/sep"] == "SeparableConv2D"
    new, old = (one.get_layer("encoder").get_weights() for one in (changed, model))
    assert all(np.array_equal(one, other) for one, other in zip(new, old, strict=True))


def test_layers_of_one_dimension_become_layers_of_one_dimension(tmp_path):
    import keras

    sequence = keras.Sequential(
        [
            keras.Input((16, 3)),
            keras.layers.Conv1D(4, 3, padding="same", dilation_rate=2, name="conv"),
            keras.layers.SeparableConv1D(4, 3, name="sep"),
        ]
    )
    layers = (
        FoundLayer("conv", "Conv1D", becomes="separable"),
        FoundLayer("sep", "SeparableConv1D", becomes="dense"),
    )
    changed = run_code(tmp_path, ["conv", "sep"], layers)(sequence)
    assert name_classes(changed) == {"conv": "SeparableConv1D", "sep": "Conv1D"}
    assert changed.get_layer("conv").dilation_rate == (2,)
    assert changed.output_shape == sequence.output_shape


def test_what_a_file_says_is_never_run_as_code(tmp_path):
    name = "'}; raise SystemExit #"
    layers = (FoundLayer(name, "Conv2D(); raise SystemExit", becomes="separable"),)
    assert callable(run_code(tmp_path, [name], layers))


def test_what_a_change_takes_out_keeps_its_type(tmp_path):
    import keras

    image = keras.Input((8, 8, 3))
    x = keras.layers.DepthwiseConv2D(3, name="dw", dtype="float64")(image)
    x = keras.layers.BatchNormalization(name="dw_bn", dtype="mixed_float16")(x)
    x = keras.layers.ReLU(name="dw_relu", dtype="mixed_bfloat16")(x)
    model = keras.Model(image, keras.layers.Conv2D(4, 1, name="pw")(x))
    changed = run_code(tmp_path, ["dw"])(model)
    types = {layer.name: layer.compute_dtype for layer in changed.layers[1:]}
    assert types == {"dw": "float32", "dw_bn": "float16", "dw_relu": "bfloat16", "pw": "float32"}


def test_the_code_runs_where_keras_knows_no_function_for_calls(tmp_path, monkeypatch):
    import keras

    image = keras.Input((8, 8, 3))
    x = keras.layers.ReLU(name="dw_relu")(keras.layers.DepthwiseConv2D(3, name="dw")(image))
    model = keras.Model(image, keras.layers.Conv2D(4, 1, name="pw")(x))
    own = keras.models.clone_model

    def clone_model(model, input_tensors=None, clone_function=None):
        return own(model, input_tensors=input_tensors, clone_function=clone_function)

    monkeypatch.setattr(keras.models, "clone_model", clone_model)
    assert name_classes(run_code(tmp_path, ["dw"])(model))["dw"] == "Conv2D"


@pytest.mark.parametrize("ratio", [1.0, 0.99, 1.3])
def test_changes_that_do_not_make_the_network_faster_have_no_code(tmp_path, ratio):
    network = build(tmp_path, ["conv"], ratio)
    assert network.changed
    assert write_code(network) == ""


def test_changes_that_were_not_measured_in_the_network_have_no_code(tmp_path):
    file = made_results.save(tmp_path, made_networks.network_rows({"as it is": 1.0}))
    (network,) = build_networks(load_results([file]))
    assert network.changed
    assert write_code(network) == ""


def test_without_a_recommended_change_there_is_no_code(tmp_path):
    file = made_results.save(tmp_path, made_networks.network_rows({"as it is": 1.0}, recommended=[]))
    (network,) = build_networks(load_results([file]))
    assert write_code(network) == ""
