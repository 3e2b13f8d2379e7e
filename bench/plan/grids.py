"""Named sets of comparisons: which shapes are measured when the user names a grid."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from bench.contract.cases import ConvCase
from bench.contract.claims import load_claims
from bench.plan.comparisons import Shape


@dataclass(frozen=True)
class Grid:
    name: str
    description: str
    shapes: tuple[Shape, ...]


def _square(side: int) -> dict[str, tuple[int, int]]:
    return {"kernel_size": (side, side)}


def _channels(channels: int) -> dict[str, int]:
    """As many filters as channels, but as in real first layers never fewer than 32."""
    return {"in_channels": channels, "filters": max(channels, 32)}


# The shape that every one-factor arm starts from is ConvCase's defaults: 8 x 32 x 32 x 64 -> 64, 3x3.
_OPTION_ARMS: tuple[dict[str, Any], ...] = (
    {"strides": (2, 2)},
    {"padding": "valid"},
    {"dilation_rate": (2, 2)},
    {"depth_multiplier": 2},
    {"depth_multiplier": 4},
    {"data_format": "channels_first"},
    {"activation": "relu"},
    {"use_bias": False},
    {"input_gradient": False},
)
_DTYPE_ARMS = tuple({"dtype": dtype} for dtype in ("bfloat16", "float16", "float64"))
_SIZE_ARMS: tuple[dict[str, Any], ...] = (
    {"batch": 1},
    {"batch": 32},
    {"height": 8, "width": 8},
    {"height": 16, "width": 16},
    {"height": 64, "width": 64},
    {"filters": 16},
    {"filters": 256},
)
#: Changes that turned out to tell why: each falls to another kernel, or spends its time elsewhere.
_TELLING_ARMS: tuple[dict[str, Any], ...] = (
    {"batch": 1},
    {"dilation_rate": (2, 2)},
    {"depth_multiplier": 4},
    {"data_format": "channels_first"},
    {"dtype": "float16"},
    {"mode": "eager"},
    {"mode": "xla"},
)
_MODE_ARMS: tuple[dict[str, Any], ...] = ({"mode": "eager"}, {"mode": "xla"})


def _default() -> tuple[Shape, ...]:
    plane = tuple(
        Shape(
            {**_channels(channels), **_square(side)},
            parts=side == 3,
            control=side == 3,
            telling=channels == 64 and side in (3, 5),
        )
        for channels in (1, 3, 8, 16, 32, 64, 128, 256)
        for side in (3, 5, 7)
    )
    arms = [Shape(arm, telling=arm in _TELLING_ARMS) for arm in (*_SIZE_ARMS, *_OPTION_ARMS)]
    # Noise may differ where other code runs; but a float16 call takes over a second on CPU.
    arms += [
        Shape(arm, control=arm.get("dtype") != "float16", telling=arm in _TELLING_ARMS)
        for arm in (*_DTYPE_ARMS, *_MODE_ARMS)
    ]
    line = {"height": 1, "width": 1024, "kernel_size": (1, 3)}
    return (*plane, *arms, Shape(line, is_1d=True), *_mnist_layers())


def _sentinels() -> tuple[Shape, ...]:
    """Ten of the default grid's shapes, each for another reason to change: what to watch over upgrades."""
    arms = ({}, {"kernel_size": (5, 5)}, {"depth_multiplier": 4}, {"strides": (2, 2)}, *_MODE_ARMS)
    shapes = [Shape(arm, control=not arm or arm in _MODE_ARMS) for arm in arms]
    shapes += [Shape({**_channels(channels), **_square(3)}, control=True) for channels in (3, 256)]
    return (*shapes, *(replace(shape, parts=False) for shape in _mnist_layers()))


def _claim_12132() -> tuple[Shape, ...]:
    return tuple(
        Shape(
            {"height": 16, "width": 16, "in_channels": channels, "filters": channels},
            control=channels in (32, 512),
        )
        for channels in (32, 64, 128, 256, 512, 1024, 2048)
    )


def _claims() -> tuple[Shape, ...]:
    """A shape a test that compares the two layers; the others are ``list_contrasts``."""
    shapes = []
    for claim in load_claims():
        for trial in claim.trials:
            if trial.is_comparison:
                fields = {
                    name: value for name, value in vars(trial.base).items() if name not in ("layer", "device")
                }
                changed = {
                    name: value for name, value in fields.items() if value != getattr(ConvCase(), name)
                }
                shapes.append(
                    Shape({**changed, "direction": trial.base.direction}, control=claim.id == "flops")
                )
    return tuple(shapes)


def _kernels() -> tuple[Shape, ...]:
    sides = [(k, k) for k in (1, 2, 3, 4, 5, 7, 9, 11, 15)] + [(1, 3), (3, 1), (1, 7), (7, 1)]
    return tuple(Shape({"kernel_size": k}, parts=True, control=k == (3, 3)) for k in sides)


def _options() -> tuple[Shape, ...]:
    arms = [{}, *_OPTION_ARMS, {"depth_multiplier": 8}, {"strides": (2, 2), "padding": "valid"}, *_DTYPE_ARMS]
    return tuple(
        Shape({**arm, "mode": mode}, parts=True, control=not arm)
        for arm in arms
        for mode in ("graph", "eager", "xla")
    )


def _mnist_layers() -> tuple[Shape, ...]:
    common = {"batch": 250, "padding": "valid", "activation": "relu"}
    first = {"height": 28, "width": 28, "in_channels": 1, "filters": 32, "input_gradient": False}
    second = {"height": 13, "width": 13, "in_channels": 32, "filters": 64}
    return (
        Shape({**common, **first}, name="MNIST layer 1", parts=True, control=True, telling=True),
        Shape({**common, **second}, name="MNIST layer 2", parts=True, control=True, telling=True),
    )


@cache
def _mobilenet() -> tuple[Shape, ...]:
    """MobileNet's first layer and its separable blocks, each against the dense layer of the same shape.

    A block's geometry is that of its depthwise layer, its filters those of the pointwise layer
    that follows. Blocks that repeat are measured once.
    """
    text = resources.files("bench.plan").joinpath("shapes/keras_applications.json").read_text("utf-8")
    layers = json.loads(text)["MobileNet"]
    shapes = []
    for layer, following in itertools.pairwise(layers):
        if layer["kind"] not in ("conv", "dw"):
            continue
        shapes.append(
            Shape(
                {
                    "height": layer["H"],
                    "width": layer["W"],
                    "in_channels": layer["C"],
                    "filters": layer["K"] if layer["kind"] == "conv" else following["K"],
                    "kernel_size": (layer["k"],) * 2,
                    "strides": (layer["stride"],) * 2,
                    "padding": layer["padding"],
                    "use_bias": False,
                    "input_gradient": layer["kind"] != "conv",
                },
                name=f"MobileNet {layer['name']}",
                parts=True,
            )
        )
    return tuple(shapes)


_BUILDERS = {
    "smoke": (
        "under a minute: one small shape, all directions",
        lambda: (
            Shape(
                {"batch": 2, "height": 16, "width": 16, "in_channels": 16, "filters": 16},
                parts=True,
                control=True,
            ),
        ),
    ),
    "default": ("channels x kernel size, and one-factor arms for every other axis", _default),
    "sentinels": ("ten shapes of the default grid, to compare environments by", _sentinels),
    "channels": ("32 to 2048 channels, the claim in tensorflow#12132", _claim_12132),
    "claims": ("what has been claimed in public (bench/claims.json)", _claims),
    "kernels": ("kernel sizes 1 to 15, square and flat", _kernels),
    "options": ("every layer option, in every mode", _options),
    "mnist-layers": ("the two convolutions of the article's MNIST network", _mnist_layers),
    "mobilenet": ("MobileNet's separable blocks against dense layers of the same shape", _mobilenet),
}

NAMES = tuple(_BUILDERS)


def load_grid(name: str) -> Grid:
    """The grid called ``name``; ``ValueError`` names those there are."""
    if name not in _BUILDERS:
        raise ValueError(f"there is no grid {name!r}; there are: {', '.join(NAMES)}")
    description, build = _BUILDERS[name]
    return Grid(name, description, build())
