import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.discoveries import (
    compute_cliffs_delta,
    compute_sign_test_p,
    control_false_discoveries,
)
from analysis.statistics.estimates import estimate_geometric_mean, estimate_mean, estimate_median
from analysis.statistics.moderation import NO_PRIOR, Prior, estimate_log_differences, estimate_log_ratios

VALUES = st.lists(st.floats(0.01, 100), min_size=1, max_size=40)


@given(VALUES)
def test_the_interval_of_the_median_lies_among_the_values_and_holds_it(values):
    estimate = estimate_median(values)
    assert min(values) <= estimate.low <= estimate.value <= estimate.high <= max(values)


@given(st.integers(6, 300))
def test_the_confidence_is_at_least_what_was_asked_for(n):
    assert estimate_median(np.arange(n)).confidence >= 0.95


def test_too_few_values_are_told_by_the_confidence():
    estimate = estimate_median([3.0, 1.0, 2.0, 5.0, 4.0])
    assert (estimate.low, estimate.high) == (1.0, 5.0)
    assert estimate.confidence == pytest.approx(1 - 2 / 2**5)
    assert estimate_median([1.0]).confidence == 0.0


# The sizes really used: 5 turns of slow cases, about 25 of the others. Noise is skewed, with outliers.
@pytest.mark.parametrize("n", [5, 12, 25, 40])
def test_the_interval_of_the_median_covers_the_truth_as_often_as_it_says(n):
    random = np.random.default_rng(7)
    draws = np.exp(0.03 * random.standard_t(2, (4000, n)) + 0.02 * random.exponential(size=(4000, n)))
    truth = np.median(
        np.exp(0.03 * random.standard_t(2, 1_000_000) + 0.02 * random.exponential(size=1_000_000))
    )
    estimates = [estimate_median(draw) for draw in draws]
    covered = np.mean([e.low <= truth <= e.high for e in estimates])
    assert covered == pytest.approx(estimates[0].confidence, abs=0.012)
    assert covered > 0.92


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_the_interval_of_the_geometric_mean_covers_the_truth(n):
    random = np.random.default_rng(11)
    draws = np.exp(np.log(0.5) + 0.05 * random.standard_normal((4000, n)))
    estimates = [estimate_geometric_mean(draw) for draw in draws]
    covered = np.mean([e.low <= 0.5 <= e.high for e in estimates])
    assert covered == pytest.approx(0.95, abs=0.012)


def test_one_ratio_has_no_interval():
    with pytest.raises(ValueError, match="one ratio has no interval"):
        estimate_geometric_mean([0.5])


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=10))
def test_the_ratio_of_the_inverse_is_the_inverse(ratios):
    one, other = estimate_geometric_mean(ratios), estimate_geometric_mean([1 / r for r in ratios])
    assert other.value == pytest.approx(1 / one.value)
    assert other.low == pytest.approx(1 / one.high)


def noises(random, kind, cases, runs):
    """Log ratios of runs where nothing changed: cases differ in how much they vary, as measured here."""
    scale = 0.021 * np.exp(0.6 * random.standard_normal((cases, 1)))
    if kind == "heavy tails":
        return scale * random.standard_t(3, (cases, runs)) / np.sqrt(3)
    if kind == "common":
        # What a process does to all cases alike, larger than what it does to each.
        return scale * random.standard_normal((cases, runs)) + 0.03 * random.standard_normal(runs)
    if kind == "drift":
        # What lock-step leaves of a machine that gets slower and faster again, case by case its own.
        steps = random.standard_normal((cases, runs)).cumsum(axis=1)
        steps -= steps.mean(axis=1, keepdims=True)
        return scale * (random.standard_normal((cases, runs)) + 0.2 * steps)
    return scale * random.standard_normal((cases, runs))


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "drift", "common"])
@pytest.mark.parametrize(("cases", "runs"), [(20, 3), (20, 8), (150, 3), (300, 5)])
def test_moderated_intervals_cover_the_truth_at_the_sizes_used(kind, cases, runs):
    random = np.random.default_rng(5)
    covered = []
    # What is common to all cases of a draw is one draw: it takes many.
    for _ in range(400 if kind == "common" else max(6, 3000 // cases)):
        drawn = noises(random, kind, cases, runs)
        for change in estimate_log_ratios(drawn, [range(runs)] * cases):
            covered.append(abs(change.value) <= change.compute_reach())
    assert 0.93 <= np.mean(covered) <= 0.97


def test_moderated_intervals_of_differences_cover_the_truth():
    random = np.random.default_rng(6)
    covered = []
    for _ in range(60):
        both = noises(random, "normal", 50, 8)
        one, other = both[:, :4], both[:, 4:]
        covered += [
            abs(change.value) <= change.compute_reach()
            for change in estimate_log_differences(one, other, [range(4)] * 50, [range(4, 8)] * 50)
        ]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_the_prior_is_found_again():
    random = np.random.default_rng(8)
    degrees, common, own = 8.0, 0.0004, 3
    variances = common * degrees / random.chisquare(degrees, 4000)
    seen = variances * random.chisquare(own, 4000) / own
    prior = Prior.estimate(seen, [own] * 4000)
    assert prior.variance == pytest.approx(common, rel=0.1)
    assert prior.degrees == pytest.approx(degrees, rel=0.25)


def test_samples_alike_share_one_variance_and_few_samples_share_nothing():
    random = np.random.default_rng(9)
    samples = 0.02 * random.standard_normal((200, 3))
    variances = samples.var(axis=1, ddof=1)
    prior = Prior.estimate(variances, [2] * 200)
    assert prior.degrees > 50
    assert prior.variance == pytest.approx(0.0004, rel=0.15)
    assert Prior.estimate(variances[:4], [2] * 4) == NO_PRIOR


def test_without_others_a_change_is_students_interval():
    (change,) = estimate_log_ratios([np.log([0.4, 0.5, 0.625])], [range(3)])
    plain = estimate_geometric_mean([0.4, 0.5, 0.625])
    ratio = change.compute_ratio()
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((plain.low, plain.value, plain.high))


def test_of_a_single_run_nothing_is_known():
    of_pairs, of_groups = (
        estimate_log_ratios([[0.5]], [[0]]),
        estimate_log_differences([[0.5]], [[0.1]], [[0]], [[1]]),
    )
    for change in (*of_pairs, *of_groups):
        assert np.isnan(change.p)
        assert change.compute_reach() == np.inf
        assert change.compute_ratio().confidence == 0


def test_more_values_narrow_the_interval():
    (change,) = estimate_log_ratios([[0.01, 0.02, 0.03]], [range(3)])
    more = change.add_values(3, degrees_each=1)
    assert (more.values, more.degrees) == (6, change.degrees + 3)
    assert more.compute_reach() < change.compute_reach()


def test_a_process_that_slows_all_cases_alike_is_no_evidence_of_hundreds():
    random = np.random.default_rng(12)
    alarms = 0
    for _ in range(200):
        drawn = noises(random, "common", 200, 3)
        p_values = [change.p for change in estimate_log_ratios(drawn, [range(3)] * 200)]
        alarms += (control_false_discoveries(p_values) <= 0.05).any()
    # Of comparisons in which nothing changed, 5 % may raise an alarm.
    assert alarms / 200 <= 0.08


def test_distributions_are_those_of_a_second_implementation():
    from scipy import stats as scipy_stats

    random = np.random.default_rng(11)
    for _ in range(50):
        p = random.random(random.integers(1, 40)) ** 3
        ranked = sorted(p)
        # The definition: the least of p m / rank over all p-values that are no smaller.
        expected = [
            min(1.0, *(other * len(p) / (ranked.index(other) + 1) for other in ranked if other >= own))
            for own in p
        ]
        assert control_false_discoveries(p) == pytest.approx(expected)
    for n in range(1, 60):
        values = random.random(n)
        found, ordered = estimate_median(values), np.sort(values)
        r = max(1, int(scipy_stats.binom.ppf(0.025, n, 0.5)))
        assert (found.low, found.high) == (ordered[r - 1], ordered[n - r])
        assert found.confidence == pytest.approx(max(0, 1 - 2 * scipy_stats.binom.cdf(r - 1, n, 0.5)))
        if n > 1:
            interval = scipy_stats.t.interval(0.95, n - 1, values.mean(), scipy_stats.sem(values))
            assert (estimate_mean(values).low, estimate_mean(values).high) == pytest.approx(interval)
            ratios = np.exp(values - 0.5)
            p = compute_sign_test_p(ratios, 0.0)
            assert p == pytest.approx(scipy_stats.binomtest(int((ratios > 1).sum()), n, 0.5).pvalue)


def test_false_discovery_rates_ignore_what_is_missing():
    rates = control_false_discoveries([0.01, np.nan, 0.04, 0.03])
    assert rates[[0, 2, 3]] == pytest.approx([0.03, 0.04, 0.04])
    assert np.isnan(rates[1])


def test_the_sign_test_agrees_with_the_interval_of_the_median():
    random = np.random.default_rng(10)
    for _ in range(300):
        ratios = np.exp(0.1 + 0.05 * random.standard_normal(25))
        outside = estimate_median(ratios).low > 1.10
        assert (
            compute_sign_test_p(ratios, 0.10) <= 1 - estimate_median(ratios).confidence + 1e-12
        ) == outside


def test_cliffs_delta_is_one_where_every_value_is_above():
    assert compute_cliffs_delta([3, 4], [1, 2]) == 1
    assert compute_cliffs_delta([1, 2], [1, 2]) == 0
    assert compute_cliffs_delta([1], [2]) == -1
