"""From shapes and axes to comparisons: what is measured in lock-step."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.contract.cases import DIRECTIONS, ConvCase, split_parts


@dataclass(frozen=True)
class Shape:
    """One geometry, before directions, modes, devices and dtypes are chosen.

    ``fields`` are fields of :class:`ConvCase`; a direction, mode or dtype among them is pinned: the
    shape is measured so or not at all.
    """

    fields: Mapping[str, Any]
    name: str = ""
    is_1d: bool = False
    #: Measure the depthwise and the pointwise layer alone too.
    parts: bool = False
    #: Measure the dense layer against a second copy of itself: the noise of this machine.
    control: bool = False
    #: Its training tells a story that a reader should have: traced by default, its remedies measured.
    telling: bool = False


@dataclass(frozen=True)
class Comparison:
    """Cases that are measured in lock-step because they answer one question together."""

    id: str
    cases: tuple[ConvCase, ...]
    name: str = ""
    control: bool = False
    telling: bool = False


@dataclass(frozen=True)
class Axes:
    """What a grid is crossed with."""

    devices: Sequence[str]
    directions: Sequence[str] = DIRECTIONS
    modes: Sequence[str] = ("graph",)
    dtypes: Sequence[str] = ("float32",)
    #: Which of these the user asked for ("mode"); shapes pinned to something else are then left out.
    chosen: frozenset[str] = field(default_factory=frozenset)


#: Fields of a case that a grid is crossed with, unless a shape pins them.
_CROSSED = ("device", "mode", "dtype", "direction")


def expand(shapes: Iterable[Shape], axes: Axes) -> tuple[Comparison, ...]:
    """Every comparison of ``shapes`` under ``axes``; no case appears twice.

    Shapes that differ in name alone become one comparison with all their names.
    """
    seen: set[ConvCase] = set()
    comparisons: dict[str, Comparison] = {}
    for shape in shapes:
        choices = [_values(shape, axes, name) for name in _CROSSED]
        for values in itertools.product(*choices):
            found = _comparison(shape, dict(zip(_CROSSED, values, strict=True)), seen)
            known = comparisons.get(found.id)
            comparisons[found.id] = _merged(known, found) if known else found
    return tuple(comparisons.values())


def _merged(one: Comparison, other: Comparison) -> Comparison:
    """Two comparisons of the same id: all their cases, of which they share none, and all their names."""
    names = dict.fromkeys(name for name in (one.name, other.name) if name)
    return Comparison(
        one.id,
        one.cases + other.cases,
        ", ".join(names),
        one.control or other.control,
        one.telling or other.telling,
    )


def _values(shape: Shape, axes: Axes, name: str) -> Sequence[str]:
    values = getattr(axes, f"{name}s")
    if name not in shape.fields:
        return values
    pinned = shape.fields[name]
    return (pinned,) if name not in axes.chosen or pinned in values else ()


def _comparison(shape: Shape, settings: Mapping[str, str], seen: set[ConvCase]) -> Comparison:
    layers = ("conv1d", "separable_conv1d") if shape.is_1d else ("conv2d", "separable_conv2d")
    dense = ConvCase(layer=layers[0], **{**shape.fields, **settings})
    separable = replace(dense, layer=layers[1])
    cases = [dense, separable]
    if shape.parts and not shape.is_1d:
        cases += split_parts(separable)
    cases = [case for case in cases if case not in seen]
    seen.update(cases)
    # Training holds every kernel of the other directions.
    telling = shape.telling and dense.direction == "train"
    return Comparison(dense.comparison, tuple(cases), shape.name, shape.control, telling)
