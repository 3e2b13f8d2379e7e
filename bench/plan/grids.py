"""Named sets of comparisons: which shapes are measured when the user names a grid."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from bench.contract.cases import ConvCase
from bench.contract.claims import load_claims
from bench.contract.mnist import FIRST_LAYER, SECOND_LAYER
from bench.plan.comparisons import Shape


@dataclass(frozen=True)
class Grid:
    """Shapes to measure, under the name that the user asks for them by."""

    name: str
    description: str
    shapes: tuple[Shape, ...]


def _set_kernel(side: int) -> dict[str, tuple[int, int]]:
    return {"kernel_size": (side, side)}


def _set_channels(channels: int) -> dict[str, int]:
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
_MODE_ARMS: tuple[dict[str, Any], ...] = ({"mode": "eager"}, {"mode": "xla"})
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


def _build_smoke() -> tuple[Shape, ...]:
    fields = {"batch": 2, "height": 16, "width": 16, "in_channels": 16, "filters": 16}
    return (Shape(fields, parts=True, control=True),)


def _build_default() -> tuple[Shape, ...]:
    line = {"height": 1, "width": 1024, "kernel_size": (1, 3)}
    return (*_build_plane(), *_build_arms(), Shape(line, is_1d=True), *_build_mnist_layers())


def _build_plane() -> tuple[Shape, ...]:
    """Channels x kernel size."""
    return tuple(
        Shape(
            {**_set_channels(channels), **_set_kernel(side)},
            parts=side == 3,
            control=side == 3,
            telling=channels == 64 and side in (3, 5),
        )
        for channels in (1, 3, 8, 16, 32, 64, 128, 256)
        for side in (3, 5, 7)
    )


def _build_arms() -> tuple[Shape, ...]:
    """One factor changed at a time, from where all arms start."""
    plain = [Shape(arm, telling=arm in _TELLING_ARMS) for arm in _SIZE_ARMS + _OPTION_ARMS]
    # Noise may differ where other code runs, so these have a control; but a float16 call takes over a second
    # on CPU.
    controlled = [
        Shape(arm, control=arm.get("dtype") != "float16", telling=arm in _TELLING_ARMS)
        for arm in _DTYPE_ARMS + _MODE_ARMS
    ]
    return (*plain, *controlled)


def _build_sentinels() -> tuple[Shape, ...]:
    """Ten of the default grid's shapes, each for another reason to change: what to watch over upgrades."""
    arms: tuple[dict[str, Any], ...] = (
        {},
        {"kernel_size": (5, 5)},
        {"depth_multiplier": 4},
        {"strides": (2, 2)},
        *_MODE_ARMS,
    )
    shapes = [Shape(arm, control=not arm or arm in _MODE_ARMS) for arm in arms]
    shapes += [Shape({**_set_channels(channels), **_set_kernel(3)}, control=True) for channels in (3, 256)]
    shapes += [replace(shape, parts=False) for shape in _build_mnist_layers()]
    return tuple(shapes)


def _build_channels() -> tuple[Shape, ...]:
    return tuple(
        Shape(
            {"height": 16, "width": 16, "in_channels": channels, "filters": channels},
            control=channels in (32, 512),
        )
        for channels in (32, 64, 128, 256, 512, 1024, 2048)
    )


def _build_claims() -> tuple[Shape, ...]:
    """A shape for each trial that compares the two layers; ``list_contrasts`` has the other trials."""
    return tuple(
        Shape(_pin_direction(trial.base), control=claim.id == "flops")
        for claim in load_claims()
        for trial in claim.trials
        if trial.is_comparison
    )


def _pin_direction(case: ConvCase) -> dict[str, Any]:
    """The fields in which ``case`` differs from the default case, and its direction in any event."""
    usual = ConvCase()
    fields = {
        name: value
        for name, value in vars(case).items()
        if name not in ("layer", "device") and value != getattr(usual, name)
    }
    return {**fields, "direction": case.direction}


def _build_kernels() -> tuple[Shape, ...]:
    square = [(side, side) for side in (1, 2, 3, 4, 5, 7, 9, 11, 15)]
    flat = [(1, 3), (3, 1), (1, 7), (7, 1)]
    return tuple(
        Shape({"kernel_size": kernel}, parts=True, control=kernel == (3, 3)) for kernel in square + flat
    )


def _build_options() -> tuple[Shape, ...]:
    more = ({"depth_multiplier": 8}, {"strides": (2, 2), "padding": "valid"})
    arms = ({}, *_OPTION_ARMS, *more, *_DTYPE_ARMS)
    return tuple(
        Shape({**arm, "mode": mode}, parts=True, control=not arm)
        for arm in arms
        for mode in ("graph", "eager", "xla")
    )


def _build_mnist_layers() -> tuple[Shape, ...]:
    return (
        Shape(FIRST_LAYER, name="MNIST layer 1", parts=True, control=True, telling=True),
        Shape(SECOND_LAYER, name="MNIST layer 2", parts=True, control=True, telling=True),
    )


@cache
def _build_mobilenet() -> tuple[Shape, ...]:
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


#: What each grid is there for, and what builds its shapes.
_BUILDERS: dict[str, tuple[str, Callable[[], tuple[Shape, ...]]]] = {
    "smoke": ("under a minute: one small shape, all directions", _build_smoke),
    "default": ("channels x kernel size, and one-factor arms for every other axis", _build_default),
    "sentinels": ("ten shapes of the default grid, to compare environments by", _build_sentinels),
    "channels": ("32 to 2048 channels, the claim in tensorflow#12132", _build_channels),
    "claims": ("what has been claimed in public (bench/contract/claims.json)", _build_claims),
    "kernels": ("kernel sizes 1 to 15, square and flat", _build_kernels),
    "options": ("every layer option, in every mode", _build_options),
    "mnist-layers": ("the two convolutions of the article's MNIST network", _build_mnist_layers),
    "mobilenet": ("MobileNet's separable blocks against dense layers of the same shape", _build_mobilenet),
}

NAMES = tuple(_BUILDERS)


def load_grid(name: str) -> Grid:
    """The grid called ``name``; ``ValueError`` names those there are."""
    if name not in _BUILDERS:
        raise ValueError(f"there is no grid {name!r}; there are: {', '.join(NAMES)}")
    description, build = _BUILDERS[name]
    return Grid(name, description, build())
