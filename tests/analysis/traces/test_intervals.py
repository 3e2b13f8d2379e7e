import numpy as np
import pytest

from analysis.traces.intervals import (
    Intervals,
    join_intervals,
    keep_inside,
    make_lone_clock,
    make_shared_clock,
    measure_covered,
)


def made(*pairs):
    starts, ends = np.array(pairs, dtype=float).T if pairs else (np.empty(0), np.empty(0))
    return Intervals(starts, ends)


def test_an_interval_is_kept_by_its_start_and_cut_off_at_the_end_of_its_step():
    steps = made((0, 10), (20, 30))
    kept = keep_inside(made((-1, 1), (2, 3), (9, 12), (15, 22), (20, 30), (30, 31)), steps)
    assert list(zip(*kept, strict=True)) == [(2, 3), (9, 10), (20, 30)]


def test_where_two_run_each_has_half_of_the_time_and_none_alone():
    first, second = made((0, 4)), made((3, 6))
    shared, lone = make_shared_clock([first, second]), make_lone_clock([first, second])
    assert shared.measure(first) == 3.5
    assert shared.measure(second) == 2.5
    assert lone.measure(first) == 3.0
    assert lone.measure(second) == 2.0


def test_shared_times_add_up_to_what_is_covered():
    several = [made((0, 4), (10, 12)), made((3, 6)), made((5, 11))]
    shared = make_shared_clock(several)
    covered = measure_covered(several, made((0, 100)))
    assert covered == 12.0
    assert sum(shared.measure(intervals) for intervals in several) == pytest.approx(covered)


def test_only_what_lies_in_a_step_is_covered():
    assert measure_covered([made((0, 4), (2, 7)), made((15, 40))], made((1, 10), (20, 30))) == 16.0


def test_without_intervals_nothing_is_covered():
    assert measure_covered([made()], made((0, 10))) == 0.0


def test_intervals_are_joined_in_their_order():
    joined = join_intervals([made((5, 6)), made((1, 2), (3, 4))])
    assert list(zip(*joined, strict=True)) == [(5, 6), (1, 2), (3, 4)]
