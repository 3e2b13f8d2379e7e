"""The article's two classifiers, and those that test its guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.contract.mnist import (
    ACTIVATION,
    CLASSES,
    CONV,
    CONV_DEEPER,
    CONV_SHALLOWER,
    FIRST_FILTERS,
    HYBRID,
    IMAGE_SIDE,
    KERNEL_SIDE,
    MATCHED,
    PADDING,
    POOL_SIDE,
    SECOND_FILTERS,
    SEPARABLE,
    SEPARABLE_DEEPER,
    SEPARABLE_SHALLOWER,
)

CONV_LAYER, SEPARABLE_LAYER = "conv2d", "separable_conv2d"


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
        Model(CONV, ((CONV_LAYER, _FIRST), (CONV_LAYER, _SECOND)), "the article's Conv2D"),
        Model(
            SEPARABLE,
            ((SEPARABLE_LAYER, _FIRST), (SEPARABLE_LAYER, _SECOND)),
            "the article's SeparableConv2D",
        ),
        Model(
            HYBRID,
            ((CONV_LAYER, _FIRST), (SEPARABLE_LAYER, _SECOND)),
            "is it the first layer that costs the time?",
        ),
        # Filters raised until 431,230 parameters stand against conv's 431,242.
        Model(
            MATCHED, ((SEPARABLE_LAYER, 77), (SEPARABLE_LAYER, 66)), "do fewer parameters cost the accuracy?"
        ),
        Model(
            CONV_DEEPER,
            ((CONV_LAYER, 32), (CONV_LAYER, 64), (CONV_LAYER, 64)),
            "does a layer more help?",
        ),
        Model(
            SEPARABLE_DEEPER,
            ((SEPARABLE_LAYER, 32), (SEPARABLE_LAYER, 64), (SEPARABLE_LAYER, 64)),
            "does a layer more help?",
        ),
        Model(CONV_SHALLOWER, ((CONV_LAYER, 32),), "does a layer less help?"),
        Model(SEPARABLE_SHALLOWER, ((SEPARABLE_LAYER, 32),), "does a layer less help?"),
    )
}


def build_model(model: Model, seed: int) -> Any:
    """The Keras model, compiled as in the article: Adam, categorical cross-entropy, accuracy.

    With the same seed, models of equal layers begin with equal weights.
    """
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    kinds = {CONV_LAYER: layers.Conv2D, SEPARABLE_LAYER: layers.SeparableConv2D}
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
