from analysis.environments.series import ONE_BY_ONE, find_indistinct, find_series, list_earlier
from tests.analysis.environments.made_upgrade import load, save_runs


def test_three_environments_of_one_machine_are_a_series_from_oldest_to_newest(tmp_path):
    everything = load(
        save_runs(tmp_path, "new", (5, 6), tensorflow="2.21.0"),
        save_runs(tmp_path, "old", (1, 2), tensorflow="2.19.0"),
        save_runs(tmp_path, "middle", (3, 4), tensorflow="2.20.0"),
    )
    (series,) = find_series(everything)
    assert series.name == ONE_BY_ONE
    assert not series.is_campaign
    assert series.labels == ("TensorFlow 2.19.0", "TensorFlow 2.20.0", "TensorFlow 2.21.0")
    assert [len(member.runs) for member in series.members] == [2, 2, 2]


def test_two_environments_one_by_one_are_no_series(tmp_path):
    everything = load(save_runs(tmp_path, "old", (1,)), save_runs(tmp_path, "new", (2,)))
    assert find_series(everything) == []


def test_another_machine_and_another_backend_are_no_part_of_a_series(tmp_path):
    everything = load(
        save_runs(tmp_path, "a", (1,), host="elsewhere"),
        save_runs(tmp_path, "b", (2,), backend="jax", jax="0.10.2"),
        save_runs(tmp_path, "c", (3,), tensorflow="2.20.0"),
        save_runs(tmp_path, "d", (4,)),
    )
    assert find_series(everything) == []


def test_a_campaign_stands_in_the_order_in_which_it_was_named(tmp_path):
    everything = load(
        save_runs(tmp_path, "on", (1, 2), campaign="c", place=1),
        save_runs(tmp_path, "off", (1, 2), campaign="c", place=0),
    )
    (series,) = find_series(everything)
    assert series.labels == ("off", "on")


def test_the_environment_before_is_the_last_other_one_of_the_same_machine_and_backend(tmp_path):
    everything = load(
        save_runs(tmp_path, "oldest", (1,)),
        save_runs(tmp_path, "old", (2,)),
        save_runs(tmp_path, "new", (3, 7)),
        save_runs(tmp_path, "jax", (4,), backend="jax", jax="0.10.2"),
        save_runs(tmp_path, "elsewhere", (5,), host="elsewhere"),
    )
    earlier = list_earlier(everything.select_environment("new"), everything)
    assert [one.environment["fingerprint"] for one in earlier] == ["old", "oldest"]


def test_what_was_measured_later_is_not_before(tmp_path):
    everything = load(save_runs(tmp_path, "old", (1,)), save_runs(tmp_path, "new", (2,)))
    assert list_earlier(everything.select_environment("old"), everything) == []


def test_an_environment_that_came_back_is_compared_with_the_one_in_between(tmp_path):
    everything = load(save_runs(tmp_path, "a", (1, 2, 5)), save_runs(tmp_path, "b", (3, 4)))
    (before,) = list_earlier(everything.select_environment("a"), everything)
    assert before.environment["fingerprint"] == "b"


def test_without_runs_by_themselves_the_environment_named_before_it_in_a_campaign_counts(tmp_path):
    everything = load(
        save_runs(tmp_path, "third", (1, 2), campaign="c", place=2),
        save_runs(tmp_path, "second", (1, 2), campaign="c", place=1),
        save_runs(tmp_path, "first", (1, 2), campaign="c", place=0),
    )
    earlier = list_earlier(everything.select_environment("third"), everything)
    assert [one.environment["fingerprint"] for one in earlier] == ["second", "first"]
    assert list_earlier(everything.select_environment("first"), everything) == []


def test_runs_of_a_campaign_join_those_by_themselves_of_the_same_environment(tmp_path):
    everything = load(
        save_runs(tmp_path / "alone", "old", (1,)),
        save_runs(tmp_path / "alone", "new", (2,)),
        save_runs(tmp_path, "old", (3, 4), campaign="c", place=0),
        save_runs(tmp_path, "new", (3, 4), campaign="c", place=1),
    )
    new = everything.select_environment("new").leave_out_campaigns()
    (before,) = list_earlier(new, everything)
    assert len(before.runs) == 3


def test_one_name_with_two_environments_is_no_series(tmp_path):
    everything = load(
        save_runs(tmp_path, "first", (1, 2), campaign="c"),
        save_runs(tmp_path, "second", (3, 4), campaign="c"),
    )
    for run in everything.runs:
        object.__setattr__(run.campaign, "label", "same")
    assert find_series(everything) == []


def test_environments_of_a_campaign_that_nothing_tells_apart_are_named(tmp_path):
    everything = load(
        save_runs(tmp_path / "a", "one", (1, 2), campaign="c", place=0),
        save_runs(tmp_path / "b", "one", (1, 2), campaign="c", place=1),
    )
    for run in everything.runs:
        object.__setattr__(run.campaign, "label", "ab"[run.campaign.place])
    assert find_indistinct(everything) == ("a", "b")
    assert find_indistinct(load(save_runs(tmp_path, "alone", (1,)))) == ()
