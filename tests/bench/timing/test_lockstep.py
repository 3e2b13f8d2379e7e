import gc
import random

import pytest

from bench.timing.lockstep import TURNS, Budget, Samples, compute_paired_ratio, measure_in_lockstep
from tests.bench.fake_clock import FakeClock


def test_each_turn_runs_in_the_opposite_order_and_every_slice_follows_a_switch():
    clock = FakeClock()
    calls = [clock.taking(0.1, "a"), clock.taking(0.1, "b")]
    samples = measure_in_lockstep(calls, Budget(max_time=0.5, min_rounds=4), clock)
    # Slow calls: one untimed and one timed call a slice. Between turns the other is called once.
    after_calibration_and_sizing = "".join(clock.called[6:])
    assert after_calibration_and_sizing == "aabb" + "a" + "bbaa" + "b" + "aabb" + "a" + "bbaa"
    assert [len(s.rounds) for s in samples] == [4, 4]


def test_fast_calls_fill_the_budget_with_short_slices():
    clock = FakeClock()
    calls = [clock.taking(0.0001, "a"), clock.taking(0.0002, "b")]
    a, b = measure_in_lockstep(calls, Budget(max_time=0.5), clock)
    assert len(a.slices) == len(b.slices)
    assert TURNS - 2 <= len(a.slices) <= TURNS + 2
    assert len(a.slices) % 2 == 0
    # Each slice takes about max_time / TURNS, whatever a call takes.
    assert len(a.rounds) / len(a.slices) == pytest.approx(200, rel=0.02)
    assert len(b.rounds) / len(b.slices) == pytest.approx(100, rel=0.02)
    assert 1.0 <= clock.now < 1.1


def test_slow_calls_still_get_the_least_number_of_turns():
    clock = FakeClock()
    samples = measure_in_lockstep(
        [clock.taking(3.0), clock.taking(1.0)], Budget(max_time=0.5, min_rounds=5), clock
    )
    assert [len(s.rounds) for s in samples] == [6, 6]  # five, made even
    assert samples[0].rounds == pytest.approx([3.0] * 6)


def test_calls_shorter_than_the_clock_can_tell_are_repeated_within_a_round():
    clock = FakeClock()
    (sample,) = measure_in_lockstep([clock.taking(1e-7)], Budget(max_time=0.001, min_time=5e-6), clock)
    assert sample.iterations >= 50
    assert sample.rounds[0] == pytest.approx(1e-7, rel=0.05)


def test_precision_ends_measuring_before_the_budget_does():
    clock = FakeClock()
    budget = Budget(max_time=100.0, min_rounds=5, precision=0.01)
    (sample,) = measure_in_lockstep([clock.taking(0.5)], budget, clock)
    assert len(sample.slices) == 6


def test_drift_of_the_machine_cancels_in_the_paired_ratio():
    clock = FakeClock()
    noise = random.Random(1)

    def drifting(seconds):
        def call():
            # The machine gets three times slower during the measurement.
            clock.now += seconds * (1 + 2 * clock.now) * noise.uniform(0.99, 1.01)

        return call

    dense, separable = measure_in_lockstep([drifting(0.001), drifting(0.0005)], Budget(max_time=0.5), clock)
    assert max(dense.rounds) > 2 * min(dense.rounds)
    assert compute_paired_ratio(separable, dense).ratio == pytest.approx(0.5, rel=0.03)


def test_the_paired_ratio_is_the_median_of_the_turns_with_its_quartiles():
    base = Samples(1, slices=[1.0, 2.0, 4.0, 1.0, 1.0])
    other = Samples(1, slices=[2.0, 2.0, 2.0, 3.0, 9.0])
    pair = compute_paired_ratio(other, base)
    assert pair.ratios == (2.0, 1.0, 0.5, 3.0, 9.0)
    assert pair.ratio == 2.0
    assert pair.quartiles == (1.0, 3.0)


def test_garbage_collection_is_off_only_while_measuring_and_only_when_asked():
    clock = FakeClock()
    states = []

    def call():
        clock.now += 0.1
        states.append(gc.isenabled())

    measure_in_lockstep([call], Budget(max_time=0.1, disable_gc=True), clock)
    assert not any(states)
    assert gc.isenabled()
    states.clear()
    measure_in_lockstep([call], Budget(max_time=0.1), clock)
    assert all(states)
