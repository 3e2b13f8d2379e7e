"""What kind of work a layer or an operation does."""

from __future__ import annotations

import re

CONVOLUTION, NORMALISATION, ACTIVATION, REST = "convolution", "normalisation", "activation", "rest"
#: What is no operation: the executor, dispatch, Python, waiting.
OUTSIDE = "outside operations"
KINDS = (CONVOLUTION, NORMALISATION, ACTIVATION, REST, OUTSIDE)

#: Keras's layers that apply a function to each number, besides those whose names say so.
_ACTIVATION_LAYERS = frozenset({"Activation", "ELU", "Softmax"})
#: Convolutions by TensorFlow's types (oneDNN's variants contain them), PyTorch's names, XLA's instructions.
_CONVOLUTIONS = re.compile(r"Conv2D|DepthwiseConv2d|Conv3D|::\w*conv|^convolution(?:\.\d+)?$")


def classify_layer(keras_class: str) -> str:
    """The kind of a layer of ``keras_class``; whatever is not known is the rest."""
    if "Conv" in keras_class:
        return CONVOLUTION
    if "Normalization" in keras_class:
        return NORMALISATION
    return ACTIVATION if keras_class in _ACTIVATION_LAYERS or keras_class.endswith("ReLU") else REST


def is_convolution(operation: str) -> bool:
    """Whether an operation, as its framework calls it, is a convolution or a gradient of one."""
    return bool(_CONVOLUTIONS.search(operation))
