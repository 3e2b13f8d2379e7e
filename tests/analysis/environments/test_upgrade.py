import shlex

import pytest

from analysis import commands
from analysis.environments.upgrade import compare_upgrade, find_predecessor
from analysis.results.files import ResultsError
from bench.campaign.__main__ import main as campaign_command
from bench.campaign.environments import parse_environments
from tests.analysis.environments.made_upgrade import COMPARISONS, KERNELS, load, save_runs
from tests.documentation.commands import list_tox_environments


def upgrade(folder, *, before=(), now=()):
    everything = load(
        save_runs(folder, "old", (1, 2, 3), **{"tensorflow": "2.20.0", **dict(before)}),
        save_runs(folder, "new", (4, 5, 6), **{"tensorflow": "2.21.0", **dict(now)}),
    )
    return compare_upgrade(everything.select_environment("old"), everything.select_environment("new"))


def test_every_case_has_both_kernels_beside_its_change_in_time(tmp_path):
    reference = {**KERNELS, "depthwise": "ref:any"}
    cases = upgrade(tmp_path, now={"ratio": 1.5, "kernels": reference}).changes.cases
    separable = cases[cases["layer"] == "separable_conv2d"]
    assert set(separable["base_implementations"]) == {
        "depthwise forward: jit_dw:avx2; pointwise forward: brgconv_1x1:avx2"
    }
    assert set(separable["kernel_changes"]) == {"depthwise forward: jit_dw:avx2 -> ref:any"}
    assert set(separable["verdict"]) == {"slower"}
    assert set(cases[cases["layer"] == "conv2d"]["kernel_changes"]) == {""}


def test_older_files_without_kernels_are_compared_all_the_same(tmp_path):
    changes = upgrade(tmp_path, before={"kernels": None}, now={"ratio": 1.5}).changes
    assert set(changes.cases["base_implementations"]) == {""}
    assert set(changes.cases["kernel_changes"]) == {""}
    assert changes.count_verdicts()["slower"] == len(COMPARISONS)


def test_comparisons_whose_answer_turned_are_found(tmp_path):
    reversals = upgrade(tmp_path, now={"ratio": 1.5}).reversals
    assert reversals.decided == len(COMPARISONS)
    assert {one.comparison for one in reversals.found} == {conv.comparison for conv, _ in COMPARISONS}
    assert all(one.is_slower_now and one.base_verdict == "faster" for one in reversals.found)


def test_an_answer_that_stays_is_no_reversal_however_much_both_layers_changed(tmp_path):
    changed = upgrade(tmp_path, now={"dense": 0.004})
    assert changed.changes.count_verdicts()["slower"] == 2 * len(COMPARISONS)
    assert changed.reversals.found == ()


def parse_campaign(command):
    """The environments and pytest options of a printed campaign, as the campaign reads them."""
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "bench.campaign"]
    return campaign_command.make_context("bench.campaign", words[3:]).params


def test_runs_that_took_no_turns_come_with_the_campaign_that_settles_it(tmp_path):
    asked = parse_campaign(upgrade(tmp_path).settle_with)
    assert asked["single_environments"] == ("tf220", "tf221")
    assert asked["assignments"] == ()
    assert tuple(asked["options"]) == ("--grid", "made")


def test_a_flag_that_changed_is_part_of_that_campaign(tmp_path):
    flags = {"TF_ENABLE_ONEDNN_OPTS": "0", "XLA_FLAGS": "--a=1,2:3"}
    found = upgrade(
        tmp_path,
        before={"tensorflow": "2.21.0", "flags": flags},
        now={"flags": {"KERAS_BACKEND": "tensorflow"}},
    )
    asked = parse_campaign(found.settle_with)
    before, after = parse_environments("", asked["single_environments"], asked["assignments"])
    assert (before.label, after.label) == ("before", "after")
    assert before.variables == flags
    assert after.variables == {}


@pytest.mark.parametrize(
    ("before", "now", "names"),
    [
        ({"tensorflow": "2.20.0"}, {"tensorflow": "2.20.1"}, None),
        ({"keras": "3.14.0", "tensorflow": "2.21.0"}, {}, None),
        ({"python": "3.11.7", "tensorflow": "2.21.0"}, {"python": "3.12.1"}, None),
        ({"devices": {"GPU:0": {}}}, {"devices": {"GPU:0": {}}}, None),
        ({"flags": {"A": "1"}}, {}, ("before=tf220", "tf221")),
    ],
    ids=["patch", "keras", "python", "gpu", "flag"],
)
def test_an_interpreter_that_no_name_stands_for_is_a_path_to_fill_in(tmp_path, before, now, names):
    found = parse_campaign(upgrade(tmp_path, before=before, now=now).settle_with)["single_environments"]
    if names:
        assert found == names
    else:
        assert [name.partition("=")[2][:9] for name in found] == ["/path/to/", "/path/to/"]


def test_no_campaign_settles_what_two_machines_differ_in(tmp_path):
    assert upgrade(tmp_path, before={"host": "elsewhere"}).settle_with == ""


def test_runs_of_one_campaign_need_nothing_more(tmp_path):
    everything = load(
        save_runs(tmp_path, "old", (1, 2, 3), campaign="c", place=0),
        save_runs(tmp_path, "new", (1, 2, 3), campaign="c", place=1),
    )
    found = compare_upgrade(everything.select_environment("old"), everything.select_environment("new"))
    assert found.changes.took_turns
    assert found.settle_with == ""


def test_three_pairs_that_took_turns_count_more_than_runs_beside_them(tmp_path):
    alone = tmp_path / "alone"
    everything = load(
        save_runs(alone, "old", (1, 2)),
        save_runs(alone, "new", (3, 4), dense=0.003),
        save_runs(tmp_path, "old", (5, 6, 7), campaign="c", place=0),
        save_runs(tmp_path, "new", (5, 6, 7), campaign="c", place=1),
    )
    found = compare_upgrade(everything.select_environment("old"), everything.select_environment("new"))
    assert found.changes.took_turns
    assert found.changes.count_verdicts()["slower"] == 0


def test_one_run_beside_a_campaign_on_each_side_is_no_pair_of_runs_that_took_turns(tmp_path):
    alone = tmp_path / "alone"
    everything = load(
        save_runs(alone, "old", (1,)),
        save_runs(alone, "new", (2,), dense=0.004),
        save_runs(tmp_path, "old", (5, 6, 7), campaign="c", place=0),
        save_runs(tmp_path, "new", (5, 6, 7), dense=0.003, campaign="c", place=1),
    )
    found = compare_upgrade(
        everything.select_environment("old"), everything.select_environment("new")
    ).changes
    assert found.took_turns
    assert set(found.cases["base_runs"]) == set(found.cases["new_runs"]) == {3}
    assert found.cases["ratio"].to_list() == pytest.approx([1.5] * len(found.cases), rel=0.03)
    # The times that stand beside the ratio are of the same runs.
    assert found.cases["new_seconds"].max() == pytest.approx(0.003, rel=0.05)


def test_equal_environments_show_neither_a_change_in_time_nor_one_of_kernels(tmp_path):
    found = upgrade(tmp_path)
    counts = found.changes.count_verdicts()
    assert counts["slower"] == counts["faster"] == 0
    assert set(found.changes.cases["kernel_changes"]) == {""}


def test_the_predecessor_is_one_that_shares_a_case_where_there_is_any(tmp_path):
    everything = load(
        save_runs(tmp_path, "old", (1,)),
        save_runs(tmp_path, "between", (2,)),
        save_runs(tmp_path, "new", (3,)),
    )
    between = {run.number for run in everything.runs if run.fingerprint == "between"}
    everything.layers.loc[everything.layers["run"].isin(between), "id"] += "-other"
    found = find_predecessor(everything.select_environment("new"), everything)
    assert found.environment["fingerprint"] == "old"


def test_environments_without_a_case_in_common_end_in_a_sentence(tmp_path):
    everything = load(save_runs(tmp_path, "old", (1,)), save_runs(tmp_path, "new", (2,)))
    old, new = everything.select_environment("old"), everything.select_environment("new")
    new.layers["id"] += "-other"
    with pytest.raises(ResultsError, match="no case in common"):
        compare_upgrade(old, new)


def test_the_releases_that_a_campaign_is_filled_in_with_are_those_of_tox():
    released = {name for name in list_tox_environments() if name.startswith("tf2")}
    assert set(commands.RELEASES) == released
