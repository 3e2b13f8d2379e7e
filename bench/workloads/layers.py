"""From a case to its Keras layer, with random weights."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from bench.contract.cases import GROUPED, SPLIT, ConvCase
from bench.frameworks.interface import Framework, Unsupported

SEED = 20190924


def refuse_unknown_activations(cases: Iterable[ConvCase]) -> None:
    """Raises ``ValueError`` where this Keras has no such activation: a name misspelt, mostly."""
    import keras

    for name in sorted({case.activation for case in cases if case.activation not in (None, "relu")}):
        try:
            keras.activations.get(name)
        except (ValueError, TypeError):
            close = difflib.get_close_matches(name, dir(keras.activations), n=1)
            hint = f": did you mean {close[0]}?" if close else ""
            raise ValueError(f"Keras {keras.__version__} has no activation {name!r}{hint}") from None


def build_layer(framework: Framework, case: ConvCase) -> Any:
    """The Keras layer of ``case`` with random weights. Raises :class:`Unsupported`."""
    import keras

    keras.utils.set_random_seed(SEED)
    try:
        with framework.placed_on(case.device):
            layer = create_keras_layer(case)
            if not layer.built:
                layer.build(tensor_shape(case, case.height, case.width, case.in_channels))
    except (ValueError, TypeError, NotImplementedError) as error:
        raise Unsupported(f"Keras: {str(error).strip().splitlines()[0]}") from error
    return layer


def create_keras_layer(case: ConvCase) -> Any:
    """The layer of ``case`` from ``keras.layers``, or a model of such layers."""
    import keras

    def sizes(pair: tuple[int, int]) -> int | tuple[int, int]:
        return pair[1] if case.is_1d else pair

    common: dict[str, Any] = {
        "kernel_size": sizes(case.kernel_size),
        "strides": sizes(case.strides),
        "dilation_rate": sizes(case.dilation_rate),
        "padding": case.padding,
        "data_format": case.data_format,
        "activation": case.activation,
        "use_bias": case.use_bias,
        "dtype": case.dtype,
    }
    layers = keras.layers
    if case.layer == GROUPED:
        return layers.Conv2D(case.filters, groups=case.in_channels, **common)
    if case.layer == SPLIT:
        return _split(case, common)
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


def _split(case: ConvCase, common: dict[str, Any]) -> Any:
    """A SeparableConv2D of depth multiplier m, as m depthwise layers of 1 side by side and one pointwise.

    The same functions of its weights, but for the order of the channels in between.
    """
    import keras

    layers = keras.layers
    image = tensor_shape(case, case.height, case.width, case.in_channels)[1:]
    inputs = keras.Input(image, batch_size=case.batch, dtype=case.dtype)
    plain = {**common, "activation": None, "use_bias": False}
    between = [layers.DepthwiseConv2D(**plain)(inputs) for _ in range(case.depth_multiplier)]
    axis = 1 if case.data_format == "channels_first" else -1
    joined = layers.Concatenate(axis=axis, dtype=case.dtype)(between)
    pointwise = {**common, "kernel_size": 1, "strides": 1, "dilation_rate": 1}
    return keras.Model(inputs, layers.Conv2D(case.filters, **pointwise)(joined))


def tensor_shape(case: ConvCase, height: int, width: int, channels: int) -> tuple[int, ...]:
    """A batch of images of this size, in the case's data format."""
    spatial = (width,) if case.is_1d else (height, width)
    image = (channels, *spatial) if case.data_format == "channels_first" else (*spatial, channels)
    return (case.batch, *image)
