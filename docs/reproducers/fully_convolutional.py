"""A small fully convolutional network that labels every pixel: for tensorflow#42664.

There such a network trained far slower on a GPU with SeparableConv2D, though inference got faster.

    pytest bench/ --model docs/reproducers/fully_convolutional.py:build --benchmark-autosave
"""

from __future__ import annotations

import keras
from keras import layers


def build(input_shape: tuple[int, int, int] = (64, 64, 3), labels: int = 4) -> keras.Model:
    """The labeller; both sides of the image are multiples of 4."""
    inputs = keras.Input(input_shape)
    x = convolve(convolve(inputs, 16), 32)
    shortcut = x
    x = convolve(convolve(layers.MaxPooling2D()(x), 64), 64)
    x = convolve(convolve(layers.MaxPooling2D()(x), 128), 128)
    x = layers.Conv2DTranspose(64, 2, strides=2, activation="relu")(x)
    x = convolve(x, 64)
    x = layers.Conv2DTranspose(32, 2, strides=2, activation="relu")(x)
    x = convolve(layers.Concatenate()([x, shortcut]), 32)
    return keras.Model(inputs, layers.Conv2D(labels, 1, activation="softmax")(x))


def convolve(x, filters: int):
    return layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
