"""A small relative: as many equal sizes as its case has, and no more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.contract.cases import ConvCase
from bench.workloads.small_cases import find_small_case

SIZES = st.sampled_from([1, 2, 3, 4, 5, 8, 16, 28, 32, 64, 224])
SIDES = st.sampled_from([1, 3, 5, 7])


def tensors(case):
    return {
        "height": case.height,
        "width": case.width,
        "output height": case.output_size[0],
        "output width": case.output_size[1],
        "channels": case.in_channels,
        "filters": case.filters,
        "batch": case.batch,
        "one": 1,
    }


def equal_pairs(case):
    sizes = tensors(case)
    return {(one, other) for one in sizes for other in sizes if one < other and sizes[one] == sizes[other]}


@settings(max_examples=300, deadline=None)
@given(
    layer=st.sampled_from(["conv2d", "separable_conv2d"]),
    sizes=st.tuples(SIZES, SIZES, SIZES, SIZES, SIZES),
    side=SIDES,
    stride=st.sampled_from([1, 2]),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
)
def test_a_relative_has_the_equalities_of_its_case_and_no_others(layer, sizes, side, stride, data_format):
    batch, height, width, channels, filters = sizes
    case = ConvCase(
        layer, batch=batch, height=height, width=width, in_channels=channels, filters=filters,
        kernel_size=(side, side), strides=(stride, stride), data_format=data_format,
    )  # fmt: skip
    assert equal_pairs(find_small_case(case)) == equal_pairs(case)


@pytest.mark.parametrize("stride", [3, 5, 1024, 4817177250100823153])
def test_a_relative_is_small_whatever_the_strides(stride):
    relative = find_small_case(ConvCase(batch=64, height=512, width=512, strides=(stride, stride)))
    assert relative.batch * relative.height * relative.width * relative.in_channels < 100_000


def test_an_image_smaller_than_its_kernel_stays_as_it_is():
    relative = find_small_case(ConvCase(height=1, width=2, kernel_size=(5, 5)))
    assert (relative.height, relative.width) == (1, 2)


def test_a_causal_relative_is_small_and_causal():
    case = ConvCase(
        "conv1d", height=1, width=16000, kernel_size=(1, 3), dilation_rate=(1, 2), padding="causal"
    )
    relative = find_small_case(case)
    assert (relative.padding, relative.dilation_rate) == ("causal", (1, 2))
    assert relative.batch * relative.width * relative.in_channels < 1000


def test_an_image_as_wide_as_it_has_filters_has_a_relative_that_is_too():
    case = ConvCase(batch=2, height=64, width=64, in_channels=64, filters=64, data_format="channels_first")
    relative = find_small_case(case)
    assert relative.width == relative.filters == relative.in_channels
    other = find_small_case(
        ConvCase(batch=8, height=32, width=32, strides=(2, 2), data_format="channels_first")
    )
    assert other.output_size[1] != other.filters
