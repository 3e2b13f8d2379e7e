import numpy as np
import pytest

from analysis import stats, verdicts
from analysis.stats import Estimate


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (1.2, 1.3, "slower"),
        (0.5, 0.6, "faster"),
        (0.98, 1.03, "same"),
        (1.01, 1.2, "undecided"),
        (0.8, 1.02, "undecided"),
        (0.9, 1.2, "undecided"),
        (1.051, 1.06, "slower"),
        (1.04, 1.06, "undecided"),
    ],
)
def test_a_verdict_needs_an_interval_beyond_the_noise(low, high, word):
    verdict = verdicts.judge(Estimate((low * high) ** 0.5, low, high), noise=0.05)
    assert verdict.word == word
    assert verdict.reason


def test_an_interval_of_few_turns_decides_nothing():
    assert verdicts.judge(stats.median([1.5]), 0.05).word == "undecided"
    assert verdicts.judge(stats.median([1.5] * 4), 0.05).word == "undecided"
    assert verdicts.judge(stats.median([1.5] * 6), 0.05).word == "slower"


def test_faster_is_the_mirror_image_of_slower():
    for low, high in ((1.06, 1.1), (1.01, 1.04), (1.02, 1.3)):
        straight = verdicts.judge(Estimate(low, low, high), 0.05).word
        mirrored = verdicts.judge(Estimate(1 / low, 1 / high, 1 / low), 0.05).word
        assert {straight, mirrored} in ({"slower", "faster"}, {"same"}, {"undecided"})


def test_noise_is_what_the_controls_show_but_never_below_the_floor():
    assert verdicts.noise([], replicates=1) == verdicts.SINGLE_RUN_NOISE
    assert verdicts.noise([1.001] * 10, replicates=3) == verdicts.LEAST_NOISE
    assert verdicts.noise([1 / 1.2] * 10, replicates=3) == pytest.approx(0.2)


def test_layers_that_are_equal_are_seldom_called_different():
    random = np.random.default_rng(3)
    words = []
    for _ in range(400):
        # What one run cannot see varies from case to case: mostly 2 %, seldom 6 %.
        run = np.exp(random.choice([0.02, 0.03, 0.06], p=[0.6, 0.35, 0.05]) * random.standard_normal())
        turns = run * np.exp(0.04 * random.standard_t(3, 25))
        words.append(verdicts.judge(stats.median(turns), verdicts.SINGLE_RUN_NOISE).word)
    assert np.isin(words, ["slower", "faster"]).mean() <= 0.01
