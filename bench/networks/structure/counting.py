"""Parameters and multiplications of a Keras layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

#: What Keras calls the weights that a convolution or a dense layer multiplies by.
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")

Shape = Sequence[int]


def count_parameters(layer: Any) -> int:
    """Parameters of a built layer, trainable and not."""
    return sum(math.prod(weight.shape) for weight in layer.weights)


def count_multiplications(layer: Any, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
    """Multiplications by weights in one call of a built ``layer``, taps on padding included.

    ``inputs`` and ``outputs`` are the shapes of its tensors, with the batch. Convolutions, ``Dense`` and
    ``EinsumDense`` are counted; all other layers have none.
    """
    import keras

    layers = keras.layers
    transposed = tuple(getattr(layers, f"Conv{rank}DTranspose") for rank in (1, 2, 3))
    # In Keras 2 a transposed convolution is a kind of convolution.
    if isinstance(layer, transposed):
        return _count_weights(layer) * _count_positions(layer, inputs[0])
    if isinstance(layer, _list_convolutions(layers)):
        return _count_weights(layer) * _count_positions(layer, outputs[0])
    if isinstance(layer, layers.Dense):
        return _count_weights(layer) * math.prod(outputs[0][:-1])
    if isinstance(layer, layers.EinsumDense):
        return _count_weights(layer) * _count_rows(layer.equation, inputs[0])
    return 0


def _list_convolutions(layers: Any) -> tuple[type, ...]:
    names = ("Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D")
    return tuple(getattr(layers, name) for name in (*names, "DepthwiseConv1D", "DepthwiseConv2D"))


def _count_weights(layer: Any) -> int:
    """Weights of the kernels, each once."""
    kernels = [getattr(layer, name, None) for name in _KERNELS]
    return sum(math.prod(kernel.shape) for kernel in kernels if kernel is not None)


def _count_positions(layer: Any, shape: Shape) -> int:
    """Pixels of a batch of this shape."""
    if layer.data_format == "channels_first":
        return shape[0] * math.prod(shape[2:])
    return math.prod(shape[:-1])


def _count_rows(equation: str, shape: Shape) -> int:
    """How often ``equation`` uses each weight: once for each element that no axis of the weights tells."""
    of_input, of_kernel = equation.replace(" ", "").split("->")[0].split(",")
    before, dots, after = of_input.partition("...")
    # Axes that the dots stand for lie between those with letters.
    letters = [*before, *["."] * (len(shape) - len(before) - len(after) if dots else 0), *after]
    return math.prod(size for letter, size in zip(letters, shape, strict=True) if letter not in of_kernel)
