"""A small relative of a case: the same layer, with tensors that NumPy computes in no time.

A framework may go wrong only where two sizes happen to be equal. (Keras 3 on TensorFlow adds a bias along the
wrong axis of a channels-first image that is as wide as it has filters.) So a relative has every equality
between sizes that its case has, and none besides.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from bench.contract.cases import GROUPED, ConvCase

#: How many values are tried for each size.
_TRIES = 8
#: Strides up to this keep an image's remainder, which decides how padding falls.
_STRIDES_KEPT = 8


@cache
def find_small_case(case: ConvCase) -> ConvCase:
    """A case of the same layer, options, direction, mode, device and dtype, with as little as shows them.

    Sizes of tensors are equal to each other, channels also to the kernel's sides, and all to the depth
    multiplier and to 1, where those of ``case`` are, and nowhere else; an image smaller than its kernel stays
    as it is.
    """
    wanted = _equalities(_sizes(case))

    def strangeness(relative: ConvCase) -> int:
        found = _equalities(_sizes(relative))
        return sum(one != other for one, other in zip(found, wanted, strict=True))

    nearest: ConvCase | None = None
    for relative in _relatives(case):
        if nearest is None or strangeness(relative) < strangeness(nearest):
            nearest = relative
        if not strangeness(nearest):
            break
    return nearest or case


def _relatives(case: ConvCase) -> Iterator[ConvCase]:
    """Relatives to try."""
    for height, width in itertools.product(_extents(case, 0), _extents(case, 1)):
        image = dataclasses.replace(case, height=height, width=width)
        known = [height, width, *image.output_size, *case.kernel_size, case.depth_multiplier, 1]
        for channels in _channels(case, known):
            for filters in _filters(case, channels, known):
                of_case = [*_fixed(case), case.in_channels, case.filters]
                for batch in _like(case.batch, of_case, [*known, channels, filters]):
                    yield dataclasses.replace(image, in_channels=channels, filters=filters, batch=batch)


def _sizes(case: ConvCase) -> tuple[list[int], list[int]]:
    """All sizes that can coincide: with each other the first, with all of those the second."""
    between = case.in_channels * case.depth_multiplier
    image = [case.height, case.width, *case.output_size]
    return [*image, case.in_channels, case.filters, case.batch, between, case.depth_multiplier, 1], [
        *case.kernel_size
    ]


def _fixed(case: ConvCase) -> list[int]:
    return [case.height, case.width, *case.output_size, *case.kernel_size, case.depth_multiplier, 1]


def _equalities(sizes: tuple[list[int], list[int]]) -> tuple[bool, ...]:
    tensors, kernel = sizes
    # Sides of images meet those of kernels everywhere, and nothing makes anything of it.
    pairs = (*itertools.combinations(tensors, 2), *itertools.product(tensors[4:], kernel))
    return tuple(one == other for one, other in pairs)


def _extents(case: ConvCase, axis: int) -> Iterable[int]:
    """Sizes of the image to try along an axis, the smallest first."""
    size, extent = (case.height, case.width)[axis], case.dilated_kernel[axis]
    stride = case.strides[axis]
    if size <= extent + 1 or (case.is_1d and axis == 0):
        return [size]
    first = extent + 1
    kept = stride if stride <= _STRIDES_KEPT else 1
    # Of equal remainders first, since these decide how padding falls.
    most = max([1, *(each for each in case.strides if each <= _STRIDES_KEPT)])
    values = range(first, min(size, first + _TRIES * most) + 1)
    return sorted(values, key=lambda value: (value - size) % kept > 0)[: 3 * _TRIES]


def _like(size: int, others: Sequence[int], known: Sequence[int]) -> Iterator[int]:
    """Values that are among ``known`` what ``size`` is among ``others``."""
    equals = {value for other, value in zip(others, known, strict=True) if other == size}
    if equals:
        yield from equals
        return
    free = (value for value in range(2, size + 1) if value not in known)
    yield from itertools.islice(free, _TRIES)


def _channels(case: ConvCase, known: Sequence[int]) -> Iterator[int]:
    """Values to try, those first that make the channels between the two parts equal what they shall."""
    many = case.depth_multiplier
    between = _like(case.in_channels * many, _fixed(case), known)
    yield from (value // many for value in between if value % many == 0)
    yield from _like(case.in_channels, _fixed(case), known)


def _filters(case: ConvCase, channels: int, known: Sequence[int]) -> Iterator[int]:
    between = channels * case.depth_multiplier
    if case.layer in ("depthwise_conv2d", GROUPED):
        yield between
        return
    of_case = case.in_channels * case.depth_multiplier
    yield from _like(case.filters, [*_fixed(case), case.in_channels, of_case], [*known, channels, between])
