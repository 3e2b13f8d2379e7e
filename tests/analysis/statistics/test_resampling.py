import numpy as np
import pytest

from analysis.statistics.resampling import DRAWS, find_interval, resample_median


def test_a_median_is_measured_first_and_then_drawn():
    found = resample_median([3.0, 1.0, 2.0])
    assert found.shape == (1 + DRAWS,)
    assert found[0] == 2.0
    assert set(found[1:]) == {1.0, 2.0, 3.0}
    with pytest.raises(ValueError, match="no turns"):
        resample_median([])


def test_what_took_turns_together_is_drawn_together_and_always_the_same():
    drift = np.array([1.0, 5.0, 2.0, 9.0, 4.0, 3.0])
    assert np.array_equal(resample_median(3 * drift), 3 * resample_median(drift))
    assert not np.array_equal(resample_median(drift), resample_median(drift, stream=1))


def test_an_interval_holds_what_was_measured_and_grows_with_confidence():
    found = resample_median(np.arange(10.0))
    low, high = find_interval(found)
    assert low < found[0] < high
    wider = find_interval(found, 0.999)
    assert wider[0] <= low < high <= wider[1]
    assert find_interval(np.append(-5.0, np.ones(DRAWS))) == (-5.0, 1.0)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = [
        low <= 0 <= high
        for low, high in (find_interval(resample_median(rng.normal(size=10))) for _ in range(200))
    ]
    assert np.mean(covered) >= 0.88
