"""The article's two classifiers, and those that test its guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CONV, SEPARABLE = "conv2d", "separable_conv2d"


@dataclass(frozen=True)
class Model:
    """A classifier of 28x28 images: convolutions (kind and filters), the first two each followed by
    pooling and dropout, then a dense layer of 256 and ten outputs.

    ``question`` says what it is there to find out.
    """

    name: str
    convolutions: tuple[tuple[str, int], ...]
    question: str


#: The article's settings: 3x3 kernels, padding valid, pooling 2x2, dropout a quarter.
_KERNEL, _POOL, _DROPOUT, _HIDDEN, _CLASSES = 3, 2, 0.25, 256, 10

MODELS = {
    model.name: model
    for model in (
        Model("conv", ((CONV, 32), (CONV, 64)), "the article's Conv2D"),
        Model("separable", ((SEPARABLE, 32), (SEPARABLE, 64)), "the article's SeparableConv2D"),
        Model("hybrid", ((CONV, 32), (SEPARABLE, 64)), "is it the first layer that costs the time?"),
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
    """``model`` compiled as in the article: Adam, categorical cross-entropy, accuracy.

    The same seed gives models of equal layers equal initial weights.
    """
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    kinds = {CONV: layers.Conv2D, SEPARABLE: layers.SeparableConv2D}
    stack: list[Any] = [keras.Input((28, 28, 1))]
    for place, (kind, filters) in enumerate(model.convolutions):
        stack.append(kinds[kind](filters, _KERNEL, activation="relu"))
        if place < 2:
            stack.append(layers.MaxPooling2D(_POOL))
        stack.append(layers.Dropout(_DROPOUT))
    stack += [
        layers.Flatten(),
        layers.Dense(_HIDDEN, activation="relu"),
        layers.Dense(_CLASSES, activation="softmax"),
    ]
    built = keras.Sequential(stack)
    built.compile(
        loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.Adam(), metrics=["accuracy"]
    )
    return built
