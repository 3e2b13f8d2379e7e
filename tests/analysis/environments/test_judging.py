import math

import pytest

from analysis.environments.judging import CaseTimes, collect_case_times, judge_case_times


def row(run, seconds, together=None, turns_with=None, turns=()):
    return {
        "run": run,
        "seconds": seconds,
        "together": together,
        "turns_with": turns_with,
        "turns": list(turns) or [seconds],
    }


def pairs(ratio, runs=4):
    """Runs that took turns, each with the same ratio but for a little noise."""
    return CaseTimes(
        is_paired=True, values={run: math.log(ratio) + 0.001 * (run % 2) for run in range(runs)}, bases={}
    )


def groups(ratio, runs=4):
    return CaseTimes(
        is_paired=False,
        values={("new", run): math.log(ratio) + 0.001 * (run % 2) for run in range(runs)},
        bases={("base", run): 0.001 * (run % 2) for run in range(runs)},
    )


def test_pairs_and_groups_are_judged_each_in_its_place():
    times_of_cases = [groups(1.5), pairs(2.0), pairs(0.5), groups(0.8), pairs(1.0)]
    judged = judge_case_times(times_of_cases, [0.02] * 5)
    assert [one["ratio"] for one in judged] == pytest.approx([1.5, 2.0, 0.5, 0.8, 1.0], rel=0.001)
    assert [one["verdict"] for one in judged] == ["slower", "slower", "faster", "faster", "same"]


def test_runs_that_took_the_same_turns_give_the_median_ratio_of_their_turns():
    base = [row(1, 2.0, "a", turns=[1.0, 2.0, 9.0]), row(2, 2.0, "b")]
    new = [row(1, 3.0, "b"), row(2, 4.0, "a", turns=[2.0, 4.0, 9.0])]
    times = collect_case_times(base, new)
    assert times.is_paired
    assert times.values == pytest.approx({2: math.log(2.0), 1: math.log(1.5)})


def test_runs_of_one_replicate_are_a_pair_where_each_side_has_one():
    base = [row(1, 2.0, turns_with=("c", 1)), row(2, 2.0, turns_with=("c", 2))]
    new = [row(3, 3.0, turns_with=("c", 1)), row(4, 4.0, turns_with=("c", 2))]
    assert collect_case_times(base, new).values == pytest.approx({3: math.log(1.5), 4: math.log(2.0)})


def test_a_single_pair_among_many_runs_leaves_them_two_groups():
    base = [row(1, 2.0, "a"), row(2, 2.0), row(3, 2.0)]
    new = [row(1, 3.0, "a"), row(2, 3.0), row(3, 3.0)]
    times = collect_case_times(base, new)
    assert not times.is_paired
    assert (len(times.values), len(times.bases), times.runs) == (3, 3, 3)
    # A run of one side is not the run of the same number on the other.
    assert set(times.values).isdisjoint(times.bases)
