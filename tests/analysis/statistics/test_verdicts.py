import math

import numpy as np
import pytest

from analysis.statistics import verdicts
from analysis.statistics.discoveries import compute_sign_test_p, control_false_discoveries
from analysis.statistics.estimates import Estimate, estimate_median


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (1.2, 1.3, "slower"),
        (0.5, 0.6, "faster"),
        (0.98, 1.03, "same"),
        (1.01, 1.2, "slower"),
        (1.01, 1.06, "undecided"),
        (1.051, 1.06, "slower"),
    ],
)
def test_what_is_no_chance_must_also_be_beyond_the_noise(low, high, word):
    verdict = verdicts.judge(Estimate((low * high) ** 0.5, low, high), 0.05, 0.001)
    assert verdict.word == word
    assert verdict.reason


@pytest.mark.parametrize(
    ("rate", "code"), [(0.001, "beyond_noise"), (0.2, "chance"), (math.nan, "few_replicates")]
)
def test_what_is_beyond_the_noise_must_also_be_no_chance(rate, code):
    assert verdicts.judge(Estimate(1.2, 1.1, 1.3), 0.05, rate).code == code


def test_an_interval_of_few_turns_decides_nothing():
    for turns, word in ((1, "undecided"), (4, "undecided"), (6, "slower")):
        ratios = [1.5] * turns
        assert verdicts.judge(estimate_median(ratios), 0.05, compute_sign_test_p(ratios, 0.05)).word == word


def test_faster_is_the_mirror_image_of_slower():
    for low, high in ((1.06, 1.1), (1.01, 1.04), (1.02, 1.3)):
        straight = verdicts.judge(Estimate(low, low, high), 0.05, 0.01).word
        mirrored = verdicts.judge(Estimate(1 / low, 1 / high, 1 / low), 0.05, 0.01).word
        assert {straight, mirrored} in ({"slower", "faster"}, {"same"}, {"undecided"})


def test_noise_is_what_the_controls_show_but_never_below_the_floor():
    assert verdicts.estimate_noise([], replicates=1) == verdicts.SINGLE_RUN_NOISE
    assert verdicts.estimate_noise([1.001] * 10, replicates=3) == verdicts.LEAST_NOISE
    assert verdicts.estimate_noise([1 / 1.2] * 10, replicates=3) == pytest.approx(0.2)


def test_layers_that_are_equal_are_seldom_called_different():
    random = np.random.default_rng(3)
    found = []
    for _ in range(400):
        # What one run cannot see varies from case to case: mostly 2 %, seldom 6 %.
        run = np.exp(random.choice([0.02, 0.03, 0.06], p=[0.6, 0.35, 0.05]) * random.standard_normal())
        turns = run * np.exp(0.04 * random.standard_t(3, 25))
        found.append(turns)
    margin = verdicts.SINGLE_RUN_NOISE
    rates = control_false_discoveries([compute_sign_test_p(turns, margin) for turns in found])
    words = [
        verdicts.judge(estimate_median(turns), margin, rate).word
        for turns, rate in zip(found, rates, strict=True)
    ]
    assert np.isin(words, ["slower", "faster"]).mean() <= 0.01
