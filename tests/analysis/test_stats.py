import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import stats

VALUES = st.lists(st.floats(0.01, 100), min_size=1, max_size=40)


@given(VALUES)
def test_the_interval_of_the_median_lies_among_the_values_and_holds_it(values):
    estimate = stats.median(values)
    assert min(values) <= estimate.low <= estimate.value <= estimate.high <= max(values)


@given(st.integers(6, 300))
def test_the_confidence_is_at_least_what_was_asked_for(n):
    assert stats.median(np.arange(n)).confidence >= 0.95


def test_too_few_values_are_told_by_the_confidence():
    estimate = stats.median([3.0, 1.0, 2.0, 5.0, 4.0])
    assert (estimate.low, estimate.high) == (1.0, 5.0)
    assert estimate.confidence == pytest.approx(1 - 2 / 2**5)
    assert stats.median([1.0]).confidence == 0.0


# The sizes really used: 5 turns of slow cases, about 25 of the others. Noise is skewed, with outliers.
@pytest.mark.parametrize("n", [5, 12, 25, 40])
def test_the_interval_of_the_median_covers_the_truth_as_often_as_it_says(n):
    random = np.random.default_rng(7)
    draws = np.exp(0.03 * random.standard_t(2, (4000, n)) + 0.02 * random.exponential(size=(4000, n)))
    truth = np.median(
        np.exp(0.03 * random.standard_t(2, 1_000_000) + 0.02 * random.exponential(size=1_000_000))
    )
    estimates = [stats.median(draw) for draw in draws]
    covered = np.mean([e.low <= truth <= e.high for e in estimates])
    assert covered == pytest.approx(estimates[0].confidence, abs=0.012)
    assert covered > 0.92


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_the_interval_of_the_geometric_mean_covers_the_truth(n):
    random = np.random.default_rng(11)
    draws = np.exp(np.log(0.5) + 0.05 * random.standard_normal((4000, n)))
    estimates = [stats.geometric_mean(draw) for draw in draws]
    covered = np.mean([e.low <= 0.5 <= e.high for e in estimates])
    assert covered == pytest.approx(0.95, abs=0.012)


def test_one_ratio_has_no_interval():
    with pytest.raises(ValueError, match="one ratio has no interval"):
        stats.geometric_mean([0.5])


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=10))
def test_the_ratio_of_the_inverse_is_the_inverse(ratios):
    one, other = stats.geometric_mean(ratios), stats.geometric_mean([1 / r for r in ratios])
    assert other.value == pytest.approx(1 / one.value)
    assert other.low == pytest.approx(1 / one.high)
