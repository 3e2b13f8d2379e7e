"""The article's two classifiers, and those that test its guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.contract.mnist import (
    ACTIVATION,
    CLASSES,
    FIRST_FILTERS,
    IMAGE_SIDE,
    KERNEL_SIDE,
    PADDING,
    POOL_SIDE,
    SECOND_FILTERS,
)

CONV, SEPARABLE = "conv2d", "separable_conv2d"


@dataclass(frozen=True)
class Model:
    """A classifier of 28x28 images.

    It has convolutions (kind and filters), each followed by dropout, the first two by pooling before that.
    Then come a dense layer of 256 and ten outputs. ``question`` says what the model is there to find out.
    """

    name: str
    convolutions: tuple[tuple[str, int], ...]
    question: str


#: The article's settings behind its convolutions, whose geometry is in :mod:`bench.contract.mnist`.
_DROPOUT, _HIDDEN = 0.25, 256
_FIRST, _SECOND = FIRST_FILTERS, SECOND_FILTERS

MODELS = {
    model.name: model
    for model in (
        Model("conv", ((CONV, _FIRST), (CONV, _SECOND)), "the article's Conv2D"),
        Model("separable", ((SEPARABLE, _FIRST), (SEPARABLE, _SECOND)), "the article's SeparableConv2D"),
        Model("hybrid", ((CONV, _FIRST), (SEPARABLE, _SECOND)), "is it the first layer that costs the time?"),
        # Filters raised until 431,230 parameters stand against conv's 431,242.
        Model("matched", ((SEPARABLE, 77), (SEPARABLE, 66)), "do fewer parameters cost the accuracy?"),
        Model("conv-deeper", ((CONV, 32), (CONV, 64), (CONV, 64)), "does a layer more help?"),
        Model(
            "separable-deeper",
            ((SEPARABLE, 32), (SEPARABLE, 64), (SEPARABLE, 64)),
            "does a layer more help?",
        ),
        Model("conv-shallower", ((CONV, 32),), "does a layer less help?"),
        Model("separable-shallower", ((SEPARABLE, 32),), "does a layer less help?"),
    )
}


def build_model(model: Model, seed: int) -> Any:
    """The Keras model, compiled as in the article: Adam, categorical cross-entropy, accuracy.

    With the same seed, models of equal layers begin with equal weights.
    """
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    kinds = {CONV: layers.Conv2D, SEPARABLE: layers.SeparableConv2D}
    stack: list[Any] = [keras.Input((IMAGE_SIDE, IMAGE_SIDE, 1))]
    for place, (kind, filters) in enumerate(model.convolutions):
        stack.append(kinds[kind](filters, KERNEL_SIDE, padding=PADDING, activation=ACTIVATION))
        if place < 2:
            stack.append(layers.MaxPooling2D(POOL_SIDE))
        stack.append(layers.Dropout(_DROPOUT))
    stack += [
        layers.Flatten(),
        layers.Dense(_HIDDEN, activation="relu"),
        layers.Dense(CLASSES, activation="softmax"),
    ]
    built = keras.Sequential(stack)
    built.compile(
        loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.Adam(), metrics=["accuracy"]
    )
    return built
