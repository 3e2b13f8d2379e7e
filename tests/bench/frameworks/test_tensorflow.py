"""What is timed is what is claimed: checked on TensorFlow itself."""

import dataclasses
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bench.contract import cost
from bench.contract.cases import ConvCase, split_parts
from bench.frameworks import tensorflow, tensorflow_graphs
from bench.frameworks.interface import Unsupported
from bench.frameworks.loading import load_framework
from bench.plan.ceilings import list_ceilings
from bench.workloads import layers
from bench.workloads.agreement import Disagreement, check_agreement
from bench.workloads.layers import compute_tensor_shape, create_keras_layer, refuse_unknown_activations
from bench.workloads.preparing import prepare
from tests.bench import framework_contract
from tests.bench.framework_contract import LAYERS, OPTIONS

tf = pytest.importorskip("tensorflow")

FRAMEWORK = load_framework()
SMALL = {"batch": 2, "height": 8, "width": 9, "in_channels": 4, "filters": 6}


LAYERS_AND_OPTIONS = [*product(LAYERS[:2], OPTIONS), *((layer, {}) for layer in LAYERS[2:])]


def case_of(layer, **fields):
    return framework_contract.case_of(layer, **{"direction": "forward", **SMALL, **fields})


def result(case):
    return [np.asarray(t, dtype=np.float64) for t in tf.nest.flatten(prepare(FRAMEWORK, case).call())]


@pytest.mark.parametrize("layer", ["conv2d", "separable_conv2d"])
def test_a_first_layer_has_no_input_gradient(layer):
    inner = result(case_of(layer, direction="backward"))
    first = result(case_of(layer, direction="backward", input_gradient=False))
    assert len(first) == len(inner) - 1
    assert all(gradient.shape[0] != SMALL["batch"] or gradient.ndim == 1 for gradient in first)


@pytest.mark.parametrize(("layer", "options"), LAYERS_AND_OPTIONS, ids=str)
def test_the_backward_graph_needs_no_operation_of_the_forward_pass(layer, options):
    case = case_of(layer, direction="backward", **options)
    layer = create_keras_layer(case)
    x = tf.random.normal(compute_tensor_shape(case, case.height, case.width, case.in_channels))
    layer.build(x.shape)
    dy = tf.random.normal(layer(x).shape)
    weights = [w if isinstance(w, tf.Variable) else w.value for w in layer.trainable_weights]
    function, saved = tensorflow_graphs.cut_out_backward(layer, weights, True, x, dy)
    graph = tf.function(function).get_concrete_function(*saved).graph
    needed = {op.type for op in tensorflow_graphs.find_needed_operations(graph.outputs)}
    assert not needed & tensorflow_graphs.FORWARD_OPERATIONS


def test_a_forward_operation_left_in_the_backward_graph_is_an_error():
    x = tf.random.normal((1, 4, 4, 2))
    w = tf.random.normal((3, 3, 2, 2))

    @tf.custom_gradient
    def recomputing(x):
        def gradient(dy):
            return tf.nn.conv2d(dy, w, 1, "SAME")  # a forward operation in the gradient

        return tf.nn.conv2d(x, w, 1, "SAME"), gradient

    with pytest.raises(RuntimeError, match="the backward function still computes forward: Conv2D"):
        tensorflow_graphs.cut_out_backward(recomputing, [], True, x, x)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_eager_and_graph_backward_run_no_forward_operation(mode):
    case = case_of("separable_conv2d", direction="backward", mode=mode)
    call = prepare(FRAMEWORK, case).call
    ran = []
    from tensorflow.python.framework import op_callbacks

    def note(op_type, inputs, attributes, outputs, op_name=None, graph=None):
        ran.append(op_type)

    op_callbacks.add_op_callback(note)
    try:
        call()
    finally:
        op_callbacks.remove_op_callback(note)
    assert not set(ran) & tensorflow_graphs.FORWARD_OPERATIONS
    if mode == "eager":
        assert "DepthwiseConv2dNativeBackpropFilter" in ran


@pytest.mark.parametrize(("layer", "options"), LAYERS_AND_OPTIONS, ids=str)
def test_the_closed_form_of_parameters_is_keras_own_count(layer, options):
    case = case_of(layer, **options)
    built = create_keras_layer(case)
    built.build(compute_tensor_shape(case, case.height, case.width, case.in_channels))
    assert cost.count_parameters(case) == built.count_params()


def test_a_separable_layer_is_its_two_parts():
    case = case_of("separable_conv2d", strides=(2, 2), depth_multiplier=2, activation="relu")
    whole = create_keras_layer(case)
    parts = [create_keras_layer(part) for part in split_parts(case)]
    x = tf.random.normal((2, 8, 9, 4))
    whole.build(x.shape)
    middle = parts[0](x)
    parts[1](middle)
    depthwise, pointwise, bias = whole.get_weights()
    parts[0].set_weights([depthwise])
    parts[1].set_weights([pointwise, bias])
    np.testing.assert_allclose(whole(x), parts[1](parts[0](x)), rtol=1e-4, atol=1e-5)
    assert tuple(middle.shape[1:]) == (*case.output_size, 8)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_inputs_weights_and_results_have_the_cases_dtype(dtype):
    call = prepare(FRAMEWORK, case_of("separable_conv2d", direction="train", dtype=dtype)).call
    assert {t.dtype.name for t in tf.nest.flatten(call())} == {dtype}


def test_a_combination_that_keras_or_tensorflow_refuses_is_unsupported_with_its_reason():
    refused = case_of("conv2d", strides=(2, 2), dilation_rate=(2, 2))
    with pytest.raises(Unsupported, match="Keras: `strides > 1` not supported in conjunction"):
        prepare(FRAMEWORK, refused)


def test_an_activation_that_does_not_exist_is_unsupported():
    with pytest.raises(Unsupported, match="no_such"):
        prepare(FRAMEWORK, case_of("conv2d", activation="no_such"))


def test_the_same_case_gets_the_same_numbers_twice():
    one = result(case_of("separable_conv2d", direction="train"))
    other = result(case_of("separable_conv2d", direction="train"))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "ceiling", list_ceilings(("CPU:0",), ("float32",), ("graph", "xla")), ids=lambda c: c.id
)
def test_every_ceiling_can_be_called(ceiling):
    small = dataclasses.replace(ceiling, size=min(ceiling.size, 256), repeats=min(ceiling.repeats, 3))
    small.prepare(FRAMEWORK)()


def test_a_triad_really_runs_every_repetition(monkeypatch):
    elements, repeats = 1024, 50
    graph = None

    def remember(function, arguments, **options):
        nonlocal graph
        compiled = original(function, arguments, **options)
        graph = compiled.graph
        return compiled

    original = tensorflow.compile_function
    monkeypatch.setattr(tensorflow, "compile_function", remember)
    FRAMEWORK.prepare_triad(elements, repeats, "CPU:0")
    assert sum(op.type == "ResourceApplyGradientDescent" for op in graph.get_operations()) == repeats


ACTIVATIONS = [
    "swish",
    "relu6",
    "gelu",
    "sigmoid",
    "softmax",
    "leaky_relu",
    "elu",
    "tanh",
    "hard_sigmoid",
    "selu",
]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_held_against_kerass_own_in_float64(activation, dtype, data_format):
    case = ConvCase(
        "separable_conv2d", direction="train", activation=activation, dtype=dtype, data_format=data_format
    )
    assert check_agreement(FRAMEWORK, case) is None


def test_an_activation_that_computes_something_else_is_found(monkeypatch):
    import keras

    def wrong(x):
        return keras.ops.silu(x) * 1.1

    def layer(case):
        return keras.layers.Conv2D(case.filters, 3, padding="same", activation=wrong)

    monkeypatch.setattr(layers, "create_keras_layer", layer)
    with pytest.raises(Disagreement, match="the output differs"):
        check_agreement(FRAMEWORK, ConvCase(activation="silu", direction="forward"))


def test_an_activation_that_cannot_be_checked_says_why_and_blames_nobody(monkeypatch):
    def fails(name, y, dy):
        raise RuntimeError("not in float64")

    monkeypatch.setattr(type(FRAMEWORK), "compute_activation", staticmethod(fails))
    assert "mish does not run in float64 here" in check_agreement(FRAMEWORK, ConvCase(activation="mish"))


def test_a_misspelt_activation_is_told_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"has no activation 'swihs': did you mean swish\?"):
        refuse_unknown_activations([ConvCase(activation="swihs")])


def test_the_bias_along_the_width_is_found_where_it_is_and_nowhere_else():
    """docs/reproducers/keras_bias_channels_first.py, in Keras 3 to 3.15 at least."""
    options = {"layer": "separable_conv2d", "data_format": "channels_first"}
    check_agreement(FRAMEWORK, ConvCase(**options, strides=(2, 2)))
    wide = ConvCase(**options, batch=2, height=64, width=64, in_channels=64, filters=64)
    script = Path(__file__).parents[3] / "docs" / "reproducers" / "keras_bias_channels_first.py"
    said = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    if "WRONG" not in said:
        assert check_agreement(FRAMEWORK, wide) is None
        return
    with pytest.raises(Disagreement, match="it adds the bias along the width: docs/reproducers"):
        check_agreement(FRAMEWORK, wide)
