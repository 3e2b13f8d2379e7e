"""From shapes and axes to comparisons: what is measured in lock-step."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.contract.cases import DIRECTIONS, FIELDS, SEPARABLE_OF, ConvCase, split_parts


@dataclass(frozen=True)
class Shape:
    """One geometry, before directions, modes, devices and dtypes are chosen.

    ``fields`` are fields of :class:`ConvCase`. A direction, mode, dtype or device among them is pinned: the
    shape is measured with that value or not at all.
    """

    fields: Mapping[str, Any]
    name: str = ""
    is_1d: bool = False
    #: Measure the depthwise and the pointwise layer alone too.
    parts: bool = False
    #: Measure the dense layer against a second copy of itself: the noise of this machine.
    control: bool = False
    #: Measure this layer alone, and no comparison: a part, or another way to write one.
    alone: str | None = None
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
    #: The fields of a case whose values the user asked for ("mode"). A shape that is pinned to another value
    #: is left out.
    chosen: frozenset[str] = field(default_factory=frozenset)


#: Fields of a case that a grid is crossed with, unless a shape pins them, and what :class:`Axes` calls their
#: values.
AXIS_OF = {"device": "devices", "mode": "modes", "dtype": "dtypes", "direction": "directions"}


def expand(shapes: Iterable[Shape], axes: Axes) -> tuple[Comparison, ...]:
    """Every comparison of ``shapes`` under ``axes``; no case appears twice.

    Shapes that differ in name alone become one comparison with all their names.
    """
    seen: set[ConvCase] = set()
    comparisons: dict[str, Comparison] = {}
    for shape in shapes:
        values_by_field = [_choose_values(shape, axes, name) for name in AXIS_OF]
        for values in itertools.product(*values_by_field):
            settings = dict(zip(AXIS_OF, values, strict=True))
            comparison = _compare_layers(shape, settings)
            new = tuple(case for case in comparison.cases if case not in seen)
            seen.update(new)
            comparison = replace(comparison, cases=new)
            known = comparisons.get(comparison.id)
            comparisons[comparison.id] = _merge(known, comparison) if known else comparison
    return tuple(comparisons.values())


def pin_case(case: ConvCase) -> Shape:
    """The shape whose comparison is that of ``case``; where it belongs to none, ``case`` alone."""
    fields = {name: getattr(case, name) for name in FIELDS if name != "layer"}
    is_compared = case.is_dense or case.is_separable
    return Shape(fields, is_1d=case.is_1d, control=is_compared, alone=None if is_compared else case.layer)


def _choose_values(shape: Shape, axes: Axes, name: str) -> Sequence[str]:
    """The values of the field ``name`` that ``shape`` is measured with; empty where it is left out."""
    values = getattr(axes, AXIS_OF[name])
    if name not in shape.fields:
        return values
    pinned = shape.fields[name]
    if name in axes.chosen and pinned not in values:
        return ()
    return (pinned,)


def _compare_layers(shape: Shape, settings: Mapping[str, str]) -> Comparison:
    """The comparison of a dense and a separable layer of ``shape``, with the parts that it asks for.

    Of a shape that is measured alone, its one case.
    """
    if shape.alone:
        case = ConvCase(layer=shape.alone, **{**shape.fields, **settings})
        return Comparison(id=case.comparison, cases=(case,), name=shape.name)
    dense_layer = "conv1d" if shape.is_1d else "conv2d"
    dense = ConvCase(layer=dense_layer, **{**shape.fields, **settings})
    separable = replace(dense, layer=SEPARABLE_OF[dense_layer])
    cases = [dense, separable]
    if shape.parts and not shape.is_1d:
        cases += split_parts(separable)
    return Comparison(
        id=dense.comparison,
        cases=tuple(cases),
        name=shape.name,
        control=shape.control,
        # Training runs every kernel of the other directions.
        telling=shape.telling and dense.direction == "train",
    )


def _merge(one: Comparison, other: Comparison) -> Comparison:
    """Two comparisons of the same id as one, with the cases and names of both. They share no case."""
    names = dict.fromkeys(name for name in (one.name, other.name) if name)
    return Comparison(
        id=one.id,
        cases=one.cases + other.cases,
        name=", ".join(names),
        control=one.control or other.control,
        telling=one.telling or other.telling,
    )
