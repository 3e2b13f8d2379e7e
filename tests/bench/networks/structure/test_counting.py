import keras
import numpy as np
import pytest

from bench.contract.cases import ConvCase
from bench.contract.cost import count_nominal_macs
from bench.networks.structure.counting import count_multiplications, count_parameters
from bench.workloads.layers import compute_tensor_shape, create_keras_layer

layers = keras.layers


def count(layer, shape):
    outputs = layer.compute_output_shape(shape)
    if not layer.built:
        layer.build(shape)
    return count_multiplications(layer, [shape], [tuple(outputs)])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv1D(4, 3, strides=2), (2, 9, 3)),
        (layers.Conv2D(4, (2, 3), dilation_rate=2), (2, 7, 8, 3)),
        (layers.Conv2D(4, 3, groups=2), (2, 5, 5, 6)),
        (layers.Conv3D(2, 2), (1, 3, 4, 5, 2)),
        (layers.Conv1DTranspose(3, 3, strides=2), (2, 4, 2)),
        (layers.Conv2DTranspose(3, (3, 2), strides=2), (2, 4, 3, 2)),
        (layers.Conv3DTranspose(2, 2), (1, 2, 3, 2, 2)),
        (layers.DepthwiseConv1D(3, depth_multiplier=2), (2, 6, 3)),
        (layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2), (2, 7, 7, 3)),
        (layers.Dense(4), (2, 5, 3)),
        (layers.EinsumDense("abc,cd->abd", output_shape=(None, 4)), (2, 5, 3)),
        (layers.EinsumDense("...x,xyz->...yz", output_shape=(4, 2)), (2, 5, 3)),
        (layers.EinsumDense("abcd,cde->abe", output_shape=(None, 4)), (2, 5, 3, 2)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, layers.Layer) else "",
)
def test_ones_times_ones_add_up_to_the_number_of_products(layer, shape):
    layer(np.ones(shape, "float32"))
    layer.set_weights([np.ones(weight.shape) * (len(weight.shape) > 1) for weight in layer.weights])
    outputs = layer(np.ones(shape, "float32"))
    products = np.asarray(outputs.detach() if hasattr(outputs, "detach") else outputs).sum()
    assert count(layer, shape) == products


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "changes",
    [
        {"layer": "conv2d", "strides": (2, 2)},
        {"layer": "conv2d", "padding": "valid", "dilation_rate": (2, 2)},
        {"layer": "separable_conv2d", "depth_multiplier": 3, "kernel_size": (5, 3)},
        {"layer": "depthwise_conv2d", "filters": 3, "strides": (2, 2)},
        {"layer": "separable_conv1d", "height": 1, "kernel_size": (1, 3), "strides": (1, 2)},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_cases_cost_what_the_analysis_counts(changes, data_format):
    sizes = {"batch": 2, "height": 7, "width": 8, "in_channels": 3, "filters": 4}
    case = ConvCase(**{**sizes, **changes}, data_format=data_format)
    layer = create_keras_layer(case)
    shape = compute_tensor_shape(case, case.height, case.width, case.in_channels)
    assert count(layer, shape) == count_nominal_macs(case)


def test_parameters_are_those_that_are_trained_and_those_that_are_not():
    norm = layers.BatchNormalization()
    norm.build((2, 5))
    assert count_parameters(norm) == 20


def test_a_layer_that_multiplies_by_no_matrix_counts_for_nothing():
    assert count(layers.BatchNormalization(), (2, 5)) == 0
