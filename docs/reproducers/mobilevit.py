"""MobileViT-XXS, written anew from its public description (Mehta and Rastegari, 2021): for keras-io#1225.

There somebody replaced the Conv2D of the Keras example by SeparableConv2D, and an epoch took twice as long.

    pytest bench/ --model docs/reproducers/mobilevit.py:build --model-input 128x128x3 --benchmark-autosave
"""

from __future__ import annotations

import keras
from keras import layers

#: Pixels of a side of a patch, and by how much an inverted residual widens.
PATCH, EXPANSION = 2, 2


def build(input_shape: tuple[int, int, int] = (256, 256, 3), classes: int = 5) -> keras.Model:
    """The classifier; both sides of the image are multiples of 64."""
    inputs = keras.Input(input_shape)
    x = layers.Rescaling(1 / 255)(inputs)
    x = convolve(x, 16, strides=2)
    x = invert_residual(x, 16)
    x = invert_residual(x, 24, strides=2)
    x = invert_residual(x, 24)
    x = invert_residual(x, 24)
    x = invert_residual(x, 48, strides=2)
    x = attend(x, blocks=2, width=64)
    x = invert_residual(x, 64, strides=2)
    x = attend(x, blocks=4, width=80)
    x = invert_residual(x, 80, strides=2)
    x = attend(x, blocks=3, width=96)
    x = convolve(x, 320, kernel_size=1)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def convolve(x, filters: int, kernel_size: int = 3, strides: int = 1):
    return layers.Conv2D(filters, kernel_size, strides=strides, padding="same", activation="swish")(x)


def invert_residual(x, filters: int, strides: int = 1):
    """Widen by a 1x1 layer, convolve each channel, and narrow again."""
    channels = x.shape[-1]
    y = layers.Conv2D(EXPANSION * channels, 1, use_bias=False)(x)
    y = layers.Activation("swish")(layers.BatchNormalization()(y))
    y = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(y)
    y = layers.Activation("swish")(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(y))
    return layers.Add()([x, y]) if strides == 1 and channels == filters else y


def attend(x, blocks: int, width: int):
    """A MobileViT block: convolutions around transformers that look across patches."""
    height, breadth, channels = x.shape[1:]
    local = convolve(convolve(x, width), width, kernel_size=1)
    patches = height * breadth // PATCH**2
    y = layers.Reshape((PATCH**2, patches, width))(local)
    for _ in range(blocks):
        y = transform(y, width)
    y = layers.Reshape((height, breadth, width))(y)
    y = convolve(y, channels, kernel_size=1)
    return convolve(layers.Concatenate()([x, y]), width)


def transform(x, width: int, heads: int = 2):
    """Attention and a small network behind it, each with a shortcut."""
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(heads, width)(y, y)])
    y = layers.Dense(2 * width, activation="swish")(layers.LayerNormalization()(x))
    return layers.Add()([x, layers.Dense(width)(y)])
