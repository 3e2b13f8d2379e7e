"""The article's MNIST classifiers: their geometry and their names. Needs nothing but the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Images of one training step.
BATCH = 250
#: Height and width of an image in pixels; it has one channel.
IMAGE_SIDE = 28
#: Height and width of each convolution's kernel, and of the pooling behind it.
KERNEL_SIDE, POOL_SIDE = 3, 2
PADDING, ACTIVATION = "valid", "relu"
#: Filters of the first convolution and of the second.
FIRST_FILTERS, SECOND_FILTERS = 32, 64
#: The digits.
CLASSES = 10
#: Names of models: the two of the article, one with a dense layer before a separable one, and a separable one
#: with as many parameters as the dense one.
CONV, SEPARABLE, HYBRID, MATCHED = "conv", "separable", "hybrid", "matched"
#: The two of the article with a convolution more, and with one less.
CONV_DEEPER, SEPARABLE_DEEPER = "conv-deeper", "separable-deeper"
CONV_SHALLOWER, SEPARABLE_SHALLOWER = "conv-shallower", "separable-shallower"

_SHARED = {
    "batch": BATCH,
    "kernel_size": (KERNEL_SIDE, KERNEL_SIDE),
    "padding": PADDING,
    "activation": ACTIVATION,
}
#: What is left of an image's side after the first convolution and its pooling: 13.
_SECOND_SIDE = (IMAGE_SIDE - KERNEL_SIDE + 1) // POOL_SIDE

#: The first convolution as fields of a :class:`bench.contract.cases.ConvCase`.
FIRST_LAYER: Mapping[str, Any] = {
    **_SHARED,
    "height": IMAGE_SIDE,
    "width": IMAGE_SIDE,
    "in_channels": 1,
    "filters": FIRST_FILTERS,
    # Nothing that learns lies before it.
    "input_gradient": False,
}
#: The second.
SECOND_LAYER: Mapping[str, Any] = {
    **_SHARED,
    "height": _SECOND_SIDE,
    "width": _SECOND_SIDE,
    "in_channels": FIRST_FILTERS,
    "filters": SECOND_FILTERS,
}
