"""A small relative of a case: the same layer, with tensors that NumPy computes in no time.

A framework may go wrong only where two sizes happen to be equal. (Keras 3 on TensorFlow adds a bias along the
wrong axis of a channels-first image that is as wide as it has filters.) So a relative has every equality
between sizes that its case has, and none besides.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
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
    as it is. Where none of those tried is such a case, it is the one that comes nearest.
    """
    wanted = _compare_sizes(case)
    nearest, fewest = case, len(wanted) + 1
    for relative in _list_relatives(case):
        pairs = zip(_compare_sizes(relative), wanted, strict=True)
        differences = sum(is_equal != shall_be for is_equal, shall_be in pairs)
        if differences < fewest:
            nearest, fewest = relative, differences
        if fewest == 0:
            break
    return nearest


def _compare_sizes(case: ConvCase) -> list[bool]:
    """Of every two sizes that a framework could mix up, in a fixed order: whether they are equal."""
    image = [case.height, case.width, *case.output_size]
    between = case.in_channels * case.depth_multiplier
    others = [case.in_channels, case.filters, case.batch, between, case.depth_multiplier, 1]
    # Sides of images meet those of kernels everywhere, and nothing makes anything of it.
    pairs = [*itertools.combinations([*image, *others], 2), *itertools.product(others, case.kernel_size)]
    return [one == other for one, other in pairs]


def _list_relatives(case: ConvCase) -> Iterator[ConvCase]:
    """Relatives to try, the smallest images first."""
    sizes = _list_fixed_sizes(case)
    for height, width in itertools.product(_list_sides(case, 0), _list_sides(case, 1)):
        image = dataclasses.replace(case, height=height, width=width)
        small_sizes = _list_fixed_sizes(image)
        for channels in _list_channels(case, small_sizes):
            for filters in _list_filters(case, channels, small_sizes):
                of_case = [*sizes, case.in_channels, case.filters]
                for batch in _list_values(case.batch, of_case, [*small_sizes, channels, filters]):
                    yield dataclasses.replace(image, in_channels=channels, filters=filters, batch=batch)


def _list_fixed_sizes(case: ConvCase) -> list[int]:
    """The sizes that are settled as soon as the image is."""
    return [case.height, case.width, *case.output_size, *case.kernel_size, case.depth_multiplier, 1]


def _list_sides(case: ConvCase, axis: int) -> list[int]:
    """Heights (``axis`` 0) or widths (1) of the image to try."""
    size, extent = (case.height, case.width)[axis], case.dilated_kernel[axis]
    stride = case.strides[axis]
    if size <= extent + 1 or (case.is_1d and axis == 0):
        return [size]
    kept = stride if stride <= _STRIDES_KEPT else 1
    most = max([1, *(each for each in case.strides if each <= _STRIDES_KEPT)])
    first = extent + 1
    values = range(first, min(size, first + _TRIES * most) + 1)
    # Of the same remainder first, since that decides how padding falls.
    return sorted(values, key=lambda value: (value - size) % kept > 0)[: 3 * _TRIES]


def _list_channels(case: ConvCase, small_sizes: Sequence[int]) -> Iterator[int]:
    """Input channels to try. Those first for which the channels between two parts equal what they shall."""
    many = case.depth_multiplier
    sizes = _list_fixed_sizes(case)
    for between in _list_values(case.in_channels * many, sizes, small_sizes):
        if between % many == 0:
            yield between // many
    yield from _list_values(case.in_channels, sizes, small_sizes)


def _list_filters(case: ConvCase, channels: int, small_sizes: Sequence[int]) -> list[int]:
    """Filters to try for so many input ``channels``."""
    between = channels * case.depth_multiplier
    if case.layer in ("depthwise_conv2d", GROUPED):
        return [between]
    sizes = [*_list_fixed_sizes(case), case.in_channels, case.in_channels * case.depth_multiplier]
    return _list_values(case.filters, sizes, [*small_sizes, channels, between])


def _list_values(size: int, sizes: Sequence[int], small_sizes: Sequence[int]) -> list[int]:
    """Values to try for ``size`` of the case, given what stands for its other ``sizes`` in the relative.

    Where it equals some of them, what stands for those; else values that equal none.
    """
    equal = {small for other, small in zip(sizes, small_sizes, strict=True) if other == size}
    if equal:
        return sorted(equal)
    free = (value for value in range(2, size + 1) if value not in small_sizes)
    return list(itertools.islice(free, _TRIES))
