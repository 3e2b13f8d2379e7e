import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.reasons.causes.controls import count_controls
from bench.contract import experiments as names
from bench.contract.experiments import Experiments
from tests.analysis.reasons.causes.made_arms import (
    CASE,
    FOUR_WITH_ONE,
    KERNEL,
    LEAST,
    LEAST_OF_SMALL,
    LEAST_OF_WHOLE,
    NOTHING,
    SECONDS,
    divide,
    make,
    parts,
)


def adds_up(found, seconds=SECONDS):
    total = LEAST + sum(cause.seconds for cause in found.causes) + found.remainder_seconds
    return math.isclose(total, seconds, rel_tol=1e-12)


def test_where_nothing_makes_a_difference_all_is_left():
    found = divide()
    assert found.causes == ()
    assert found.not_tested == ""
    assert found.remainder_seconds == pytest.approx(SECONDS - LEAST)
    assert set(found.tried) == {
        "cold_data",
        "fixed_cost",
        "threads",
        "large_data",
        "empty_lanes",
        "implementation",
        "kernel_ceiling",
    }


FIXED = {"batch_2": 1.6, "batch_4": 2.8, "one_thread": 1.6, FOUR_WITH_ONE: 5.6}
LANES = {"whole_lanes": NOTHING[names.WHOLE_LANES] / 2}
SMALL = {"small_data": NOTHING[names.SMALL_DATA] / 4}
CEILING = {"friendly": NOTHING[names.FRIENDLY] * 4}


def scale_single_threads(seconds):
    """Of arms with one thread that take ``seconds`` for the work as it is: size and shape cost nothing."""
    return {"whole_lanes": seconds * LEAST_OF_WHOLE / LEAST, "small_data": seconds * LEAST_OF_SMALL / LEAST}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"in_step": 2.0}, {"cold_data": 0.5}),
        (FIXED | scale_single_threads(1.6), {"fixed_cost": 0.4}),
        ({"one_thread": 1.2, FOUR_WITH_ONE: 4.8, **scale_single_threads(1.2)}, {"threads": 0.4}),
        (SMALL, {"large_data": 0.75}),
        (LANES, {"empty_lanes": 0.5}),
        ({"other": 0.3}, {"implementation": 0.7}),
        (CEILING, {"kernel_ceiling": 0.3}),
    ],
)
def test_one_cause_is_found_by_itself_with_what_it_costs(changes, expected):
    found = divide(**changes)
    assert parts(found) == pytest.approx(expected)
    assert adds_up(found)
    (cause,) = found.causes
    assert cause.interval == pytest.approx((cause.seconds, cause.seconds))
    assert cause.evidence


def test_causes_that_come_together_each_take_their_part_of_what_is_left():
    found = divide(in_step=2.0, **LANES)
    assert parts(found) == pytest.approx({"cold_data": 0.5, "empty_lanes": 0.25})
    # Another implementation is held against the whole kernel alone: here half of 0.5, and 0.25 are left.
    assert parts(divide(in_step=2.0, other=0.4, **LANES)) == pytest.approx(
        {"cold_data": 0.5, "empty_lanes": 0.25, "implementation": 0.05}
    )
    # What is left above the limit bounds the last.
    found = divide(in_step=2.0, **LANES, friendly=NOTHING["friendly"] * 9)
    assert parts(found) == pytest.approx({"cold_data": 0.5, "empty_lanes": 0.25, "kernel_ceiling": 0.15})
    assert found.remainder_seconds == 0


def test_no_cause_takes_more_than_is_above_the_limit():
    found = divide(in_step=100.0)
    assert parts(found) == pytest.approx({"cold_data": 0.9})
    assert found.remainder_seconds == 0


@settings(max_examples=60, deadline=None)
@given(
    times=st.fixed_dictionaries({name: st.none() | st.floats(0.01, 100) for name in sorted(NOTHING)}),
    above=st.floats(1.01, 1e6),
    noise=st.sampled_from([0.0, 0.1, 1.0]),
    by_onednn=st.booleans(),
)
def test_least_time_causes_and_what_is_left_always_add_up(times, above, noise, by_onednn):
    seconds = above * LEAST
    made = make(noise=noise, by_onednn=by_onednn, **{key.replace(" ", "_"): t for key, t in times.items()})
    found = divide(made, seconds)
    if found.not_tested:
        # Without the kernel alone, or with nothing beside it, there is nothing to compare.
        assert times[names.ALONE] is None or not found.tried
        assert found.causes == ()
        return
    assert adds_up(found, seconds)
    assert found.remainder_seconds >= 0
    for cause in found.causes:
        low, high = cause.interval
        assert 0 <= low <= cause.seconds <= high <= seconds
    assert found.remainder_interval[0] <= found.remainder_seconds <= found.remainder_interval[1]


@pytest.mark.parametrize("noise", [0.03, 0.1, 0.2])
def test_chance_is_rarely_taken_for_a_cause(noise):
    count = 60
    claimed = [divide(noise=noise, seed=seed, friendly=None).causes for seed in range(count)]
    # Of 5 causes each; the seeds are fixed, so this is no matter of luck.
    assert sum(map(len, claimed)) <= 0.05 * 5 * count


def test_noise_does_not_hide_a_large_cause():
    found = [divide(noise=0.1, seed=seed, in_step=2.0, friendly=None) for seed in range(20)]
    cold = [cause for one in found for cause in one.causes if cause.cause == "cold_data"]
    assert len(cold) == 20
    covered = [cause.interval[0] <= 0.5 * SECONDS <= cause.interval[1] for cause in cold]
    assert np.mean(covered) >= 0.8


def test_a_missing_arm_only_costs_its_own_cause():
    for arm, cause in (
        ("in_step", "cold_data"),
        ("small_data", "large_data"),
        ("whole_lanes", "empty_lanes"),
        ("other", "implementation"),
        ("friendly", "kernel_ceiling"),
    ):
        tried = divide(**{arm: None}).tried
        assert cause not in tried
        assert len(tried) >= 4
    one = {"one_thread": None, FOUR_WITH_ONE: None}
    assert "threads" not in divide(**one).tried


def test_from_outside_neither_cold_data_nor_a_fixed_cost_are_claimed():
    found = divide(by_onednn=False, in_step=3.0, batch_2=1.1, batch_4=1.3)
    assert not {"cold_data", "fixed_cost"} & set(found.tried)
    # But what grows and what does not, a call taken off, tells of the threads and of implementations.
    found = divide(by_onednn=False, one_thread=1.2, **{FOUR_WITH_ONE: 4.8}, whole_lanes=None, other=0.4)
    assert parts(found) == pytest.approx({"threads": 0.4, "implementation": 0.2})


def test_where_more_images_leave_a_cache_no_fixed_cost_is_seen_and_no_other_cause_either():
    assert divide(batch_2=2.0, batch_4=8.0, **{FOUR_WITH_ONE: 16.0}).causes == ()


def test_a_fixed_cost_needs_more_images_once():
    expected = pytest.approx({"fixed_cost": 0.4})
    assert parts(divide(batch_2=1.6, batch_4=None)) == expected
    four = {"batch_2": None, "batch_4": 2.8, FOUR_WITH_ONE: 5.6}
    assert parts(divide(**four)) == expected
    assert "fixed_cost" not in divide(batch_2=None, batch_4=None).tried


def test_without_more_images_the_times_themselves_tell_of_threads():
    alone = {"batch_4": None, "one_thread": 1.2, **scale_single_threads(1.2)}
    found = divide(**alone)
    assert parts(found) == pytest.approx({"threads": 0.4})
    assert found.causes[0].evidence["batch"] == CASE.batch
    # So do they where another kernel runs more images.
    alone = alone | {"batch_4": 4.0}
    other = divide(**alone, implementations={names.BATCH_4: "brg_conv_fwd:avx2"})
    assert parts(other) == pytest.approx({"threads": 0.4})


def test_too_few_turns_and_kernels_that_nobody_tested_have_no_sum():
    assert "fewer than 6 turns" in divide(turns=5).not_tested
    other = dataclasses.replace(make(), kernels=())
    assert "no experiment" in divide(other).not_tested
    assert "no longer than its limit" in divide(seconds=LEAST / 2).not_tested
    assert math.isnan(divide(turns=5).remainder_seconds)


def test_without_a_known_gain_as_many_threads_are_so_many_times_as_fast():
    without = dataclasses.replace(make(one_thread=1.2, **{FOUR_WITH_ONE: 4.8}, whole_lanes=None), scalings=())
    assert parts(divide(without)) == pytest.approx({"threads": 0.4})
    evidence = divide(without).causes[0].evidence
    assert evidence["ceiling_gain"] == 2
    assert evidence["threads"] == 2


def test_the_best_of_several_implementations_counts_and_is_named():
    made = make(other=0.8, setting=names.AVX2)
    faster = [
        arm for arm in make(other=0.5, setting=names.NO_ONEDNN).kernels[0].arms if arm.arm == names.OTHER
    ]
    kernel = dataclasses.replace(made.kernels[0], arms=(*made.kernels[0].arms, *faster))
    (cause,) = divide(dataclasses.replace(made, kernels=(kernel,))).causes
    assert cause.evidence["setting"] == names.NO_ONEDNN
    assert cause.seconds == pytest.approx(0.5 * SECONDS)


def test_controls_count_kernels_that_were_prepared_twice():
    assert count_controls([make(), make(copy=0.5), make(copy=2.0), make(copy=None)]) == (1, 3)
    assert count_controls([]) == (0, 0)


def test_what_was_written_divides_as_what_was_measured():
    made = make(in_step=2.0, noise=0.05)
    again = Experiments.from_dict(made.as_dict())
    assert parts(divide(again)) == pytest.approx(parts(divide(made)), rel=1e-3)
    assert (KERNEL.operation, KERNEL.role) == ("depthwise", "forward")


def test_more_images_that_another_kernel_runs_are_an_implementation_and_no_line():
    found = divide(batch_4=1.2, implementations={names.BATCH_4: "brg_conv_fwd:avx2"})
    assert "fixed_cost" not in found.tried
    (cause,) = found.causes
    assert (cause.cause, cause.evidence["setting"]) == ("implementation", names.BATCH_4)
    assert cause.evidence["implementation"] == "brg_conv_fwd:avx2"
    assert cause.seconds == pytest.approx(0.7 * SECONDS, rel=0.05)


def test_another_implementation_too_short_for_the_clock_outside_takes_at_most_its_call():
    # A tenth of the kernel, in a call of a fifth: less noise would take off more than there is.
    found = divide(by_onednn=False, noise=0.02, other=-0.05, whole_lanes=None, small_data=None)
    (cause,) = found.causes
    assert cause.cause == "implementation"
    assert cause.seconds == pytest.approx((1 - 0.15) * SECONDS, rel=0.05)
