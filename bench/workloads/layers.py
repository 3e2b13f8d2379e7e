"""The Keras layer of a case, with random weights."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from bench.contract.cases import CAUSAL, GROUPED, SPLIT, ConvCase
from bench.frameworks.interface import Framework, Unsupported

#: Of all random numbers: weights, inputs, output gradients; MNIST trainings count up from it.
SEED = 20190924


def refuse_unknown_activations(cases: Iterable[ConvCase]) -> None:
    """Raise ``ValueError`` where this Keras does not have an activation: mostly, its name is misspelt."""
    import keras

    names = {case.activation for case in cases} - {None, "relu"}
    for name in sorted(names):
        try:
            keras.activations.get(name)
        except (ValueError, TypeError):
            close = difflib.get_close_matches(name, dir(keras.activations), n=1)
            hint = f": did you mean {close[0]}?" if close else ""
            raise ValueError(f"Keras {keras.__version__} has no activation {name!r}{hint}") from None


def build_layer(framework: Framework, case: ConvCase) -> Any:
    """The Keras layer of ``case`` with random weights, equal for equal cases. Raises :class:`Unsupported`."""
    import keras

    keras.utils.set_random_seed(SEED)
    try:
        with framework.place_on(case.device):
            layer = create_keras_layer(case)
            if not layer.built:
                layer.build(compute_tensor_shape(case, case.height, case.width, case.in_channels))
    except (ValueError, TypeError, NotImplementedError) as error:
        # Keras 3 has it for Conv1D alone, and names the paddings that there are in another order every time.
        if case.is_separable and case.padding == CAUSAL and CAUSAL in str(error):
            raise Unsupported(f"Keras: SeparableConv1D has no padding {CAUSAL!r} here") from error
        raise Unsupported(f"Keras: {str(error).strip().splitlines()[0]}") from error
    return layer


def create_keras_layer(case: ConvCase) -> Any:
    """The layer of ``case`` from ``keras.layers``, or a model of such layers."""
    import keras

    layers = keras.layers
    common = _list_options(case)
    if case.layer == GROUPED:
        return layers.Conv2D(case.filters, groups=case.in_channels, **common)
    if case.layer == SPLIT:
        return _create_split(case, common)
    if case.layer in ("conv2d", "pointwise_conv2d"):
        return layers.Conv2D(case.filters, **common)
    if case.layer == "conv1d":
        return layers.Conv1D(case.filters, **common)
    common["depth_multiplier"] = case.depth_multiplier
    if case.layer == "depthwise_conv2d":
        return layers.DepthwiseConv2D(**common)
    if case.layer == "separable_conv2d":
        return layers.SeparableConv2D(case.filters, **common)
    return layers.SeparableConv1D(case.filters, **common)


def _list_options(case: ConvCase) -> dict[str, Any]:
    """What all layers are told, by Keras's names."""

    def shorten(pair: tuple[int, int]) -> int | tuple[int, int]:
        return pair[1] if case.is_1d else pair

    return {
        "kernel_size": shorten(case.kernel_size),
        "strides": shorten(case.strides),
        "dilation_rate": shorten(case.dilation_rate),
        "padding": case.padding,
        "data_format": case.data_format,
        "activation": case.activation,
        "use_bias": case.use_bias,
        "dtype": case.dtype,
    }


def _create_split(case: ConvCase, common: dict[str, Any]) -> Any:
    """A SeparableConv2D of depth multiplier m, as m depthwise layers of 1 side by side and a pointwise layer.

    It computes the same of its weights, but for the order of the channels in between.
    """
    import keras

    layers = keras.layers
    image = compute_tensor_shape(case, case.height, case.width, case.in_channels)[1:]
    inputs = keras.Input(image, batch_size=case.batch, dtype=case.dtype)
    plain = {**common, "activation": None, "use_bias": False}
    between = [layers.DepthwiseConv2D(**plain)(inputs) for _ in range(case.depth_multiplier)]
    axis = 1 if case.data_format == "channels_first" else -1
    joined = layers.Concatenate(axis=axis, dtype=case.dtype)(between)
    pointwise = {**common, "kernel_size": 1, "strides": 1, "dilation_rate": 1}
    return keras.Model(inputs, layers.Conv2D(case.filters, **pointwise)(joined))


def compute_tensor_shape(case: ConvCase, height: int, width: int, channels: int) -> tuple[int, ...]:
    """The shape of a batch of images of this size, in the case's data format."""
    spatial = (width,) if case.is_1d else (height, width)
    image = (channels, *spatial) if case.data_format == "channels_first" else (*spatial, channels)
    return (case.batch, *image)
