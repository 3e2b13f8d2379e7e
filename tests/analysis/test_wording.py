import math

import pytest

from analysis import wording


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0731, "0.073"),
        (0.131, "0.13"),
        (0.996, "1.00"),
        (1.204, "1.20"),
        (2.04, "2.0"),
        (12.4, "12"),
        (346.7, "347"),
    ],
)
def test_numbers_have_as_many_digits_as_they_deserve(value, words):
    assert wording.format_number(value) == words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((2.0,), "2.0 times as slow"),
        ((1.0,), "1.00 times as slow"),
        ((0.5,), "2.0 times as fast"),
        ((0.5, 0.4, 0.8), "2.0 times as fast (1.25 to 2.5)"),
        ((20.0, 18.0, 22.0), "20 times as slow (18 to 22)"),
    ],
)
def test_ratios_are_told_in_words_with_the_interval_the_right_way_round(arguments, words):
    assert wording.format_speed(*arguments) == words


def test_milliseconds_never_have_an_exponent():
    assert [wording.format_milliseconds(seconds) for seconds in (1.234e-6, 0.00123, 0.0987, 12.3)] == [
        "0.00123",
        "1.23",
        "98.7",
        "12300",
    ]


def test_shares_keep_a_digit_and_are_a_dash_where_not_known():
    shares = (0.123, 1.0, 0.0042, 0.0, math.nan)
    assert [wording.format_percent(share) for share in shares] == ["12 %", "100 %", "0.4 %", "0 %", "–"]
