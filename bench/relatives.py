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

from bench.cases import GROUPED, ConvCase

#: How many values are tried for each size.
_TRIES = 12
#: Strides up to this keep an image's remainder, which decides how padding falls.
_STRIDES_KEPT = 8


@cache
def small(case: ConvCase) -> ConvCase:
    """A case of the same layer, options, direction, mode, device and dtype, with as little as shows them.

    Sizes are equal to each other, to the kernel's, to the depth multiplier and to 1 where those of ``case``
    are, and nowhere else; an image smaller than its kernel stays as it is.
    """
    wanted = _equalities(_sizes(case))
    for height, width in itertools.product(_extents(case, 0), _extents(case, 1)):
        image = dataclasses.replace(case, height=height, width=width)
        known = [height, width, *image.output_size, *case.kernel_size, case.depth_multiplier, 1]
        for channels in _like(case.in_channels, _fixed(case), known):
            for filters in _filters(case, channels, known):
                for batch in _like(case.batch, [*_fixed(case), case.in_channels, case.filters],
                                   [*known, channels, filters]):  # fmt: skip
                    found = dataclasses.replace(image, in_channels=channels, filters=filters, batch=batch)
                    if _equalities(_sizes(found)) == wanted:
                        return found
    return case


def _sizes(case: ConvCase) -> list[int]:
    """All that two sizes can coincide of."""
    between = case.in_channels * case.depth_multiplier
    return [*_fixed(case), case.in_channels, case.filters, case.batch, between]


def _fixed(case: ConvCase) -> list[int]:
    return [case.height, case.width, *case.output_size, *case.kernel_size, case.depth_multiplier, 1]


def _equalities(sizes: Sequence[int]) -> tuple[bool, ...]:
    return tuple(one == other for one, other in itertools.combinations(sizes, 2))


def _extents(case: ConvCase, axis: int) -> Iterable[int]:
    """Sizes of the image to try along an axis, the smallest first."""
    size, extent = (case.height, case.width)[axis], case.dilated_kernel[axis]
    stride = case.strides[axis]
    if size <= extent + 1 or (case.is_1d and axis == 0):
        return [size]
    step = stride if stride <= _STRIDES_KEPT else 1
    first = extent + 1 + (size - extent - 1) % step
    # One output more than one, where the case has that.
    tried = [value for value in range(first, first + 3 * _TRIES * step, step) if value <= size]
    return tried[: 2 * _TRIES] or [size]


def _like(size: int, others: Sequence[int], known: Sequence[int]) -> Iterator[int]:
    """Values that are among ``known`` what ``size`` is among ``others``."""
    equals = {value for other, value in zip(others, known, strict=True) if other == size}
    if equals:
        yield from equals
        return
    free = (value for value in range(2, size + 1) if value not in known)
    yield from itertools.islice(free, _TRIES)


def _filters(case: ConvCase, channels: int, known: Sequence[int]) -> Iterator[int]:
    between = channels * case.depth_multiplier
    if case.layer in ("depthwise_conv2d", GROUPED):
        yield between
        return
    of_case = case.in_channels * case.depth_multiplier
    yield from _like(
        case.filters, [*_fixed(case), case.in_channels, of_case], [*known, channels, between]
    )
