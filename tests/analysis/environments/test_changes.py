import functools
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.environments.changes import compare_environments
from analysis.results.files import ResultsError
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results
from tests.analysis.environments.made_runs import CASES, save, times


def test_a_change_is_found_where_it_is_and_nowhere_else(tmp_path):
    random = np.random.default_rng(1)
    change = np.ones(len(CASES))
    change[::10] = 1.3
    found = compare_environments(
        save(tmp_path, "a", times(random, 5)),
        save(tmp_path, "b", times(random, 5, change=change), tensorflow="2.22.0"),
    )
    slower = set(found.cases.loc[found.cases["verdict"] == "slower", "id"])
    assert slower == {case.id for case in CASES[::10]}
    assert (found.cases["verdict"] != "faster").all()
    row = found.cases.iloc[0]
    assert row["ratio"] == pytest.approx(1.3, rel=0.05)
    assert row["low"] < 1.3 < row["high"]
    assert row["effect_size"] == 1
    assert [str(difference) for difference in found.differences] == ["tensorflow: 2.21.0 → 2.22.0"]


def test_runs_that_took_turns_are_compared_in_pairs_so_that_drift_passes_for_nothing(tmp_path):
    random = np.random.default_rng(2)
    change = np.where(np.arange(len(CASES)) == 3, 1.1, 1.0)
    base = save(tmp_path, "a", times(random, 5, drift=0.3, noise=0.01), campaign="c")
    new = save(tmp_path, "b", times(random, 5, drift=0.3, noise=0.01, change=change), campaign="c")
    found = compare_environments(base, new)
    assert found.cases["paired"].all()
    assert list(found.cases.loc[found.cases["verdict"] == "slower", "id"]) == [CASES[3].id]
    assert found.cases["detectable"].median() < 0.05
    # The same numbers without their partners are lost in the drift.
    apart = compare_environments(
        base, save(tmp_path, "c", times(random, 5, drift=0.3, noise=0.01, change=change))
    )
    assert not apart.cases["paired"].any()
    assert set(apart.cases["verdict"]) == {"undecided"}


def test_the_runs_of_two_campaigns_of_the_same_name_are_compared_each_with_its_partner(tmp_path):
    random = np.random.default_rng(10)
    change = np.where(np.arange(len(CASES)) == 3, 1.1, 1.0)
    for turns, drift in (("first", 0.3), ("again", -0.3)):
        run = functools.partial(times, random, 5, drift=drift, noise=0.01)
        save(tmp_path / turns, "a", run(), campaign="c", turns=turns)
        save(tmp_path / turns, "b", run(change=change), campaign="c", turns=turns)
    base, new = (load_results(sorted(tmp_path.glob(f"*/{label}/*.json"))) for label in "ab")
    found = compare_environments(base, new)
    assert found.cases["paired"].all()
    assert list(found.cases.loc[found.cases["verdict"] == "slower", "id"]) == [CASES[3].id]
    assert found.cases["detectable"].median() < 0.03


def test_equal_environments_are_seldom_called_different(tmp_path):
    random = np.random.default_rng(3)
    words = []
    for trial in range(8):
        base = save(tmp_path, f"a{trial}", times(random, 3), campaign="c")
        words += list(
            compare_environments(base, save(tmp_path, f"b{trial}", times(random, 3), campaign="c")).cases[
                "verdict"
            ]
        )
    assert np.isin(words, ["slower", "faster"]).mean() <= 0.01


def test_twice_the_detectable_change_is_detected(tmp_path):
    random = np.random.default_rng(4)
    before = compare_environments(
        save(tmp_path, "a", times(random, 5), campaign="c"),
        save(tmp_path, "b", times(random, 5), campaign="c"),
    )
    changed = np.arange(len(CASES)) % 10 == 0
    change = np.where(changed, 1 + 2 * before.cases["detectable"], 1.0)
    after = compare_environments(
        save(tmp_path, "c", times(random, 5), campaign="d"),
        save(tmp_path, "d", times(random, 5, change=change), campaign="d"),
    )
    assert (after.cases.loc[changed, "verdict"] == "slower").all()
    assert (after.cases.loc[~changed, "verdict"] != "slower").all()


def test_one_run_a_side_decides_nothing_and_says_what_is_needed(tmp_path):
    random = np.random.default_rng(5)
    found = compare_environments(
        save(tmp_path, "a", times(random, 1)), save(tmp_path, "b", 3 * times(random, 1))
    )
    assert set(found.cases["verdict"]) == {"undecided"}
    assert set(found.cases["reason_code"]) == {"few_replicates"}
    assert set(found.cases["needs"]) == {1.0}
    assert found.as_dict()["cases"][0]["interval"] is None
    assert found.as_dict()["cases"][0]["detectable"] is None


def test_what_is_needed_decides_when_it_is_there(tmp_path):
    random = np.random.default_rng(6)
    change = np.full(len(CASES), 1.05)
    few = compare_environments(
        save(tmp_path, "a", times(random, 2, noise=0.03), campaign="c"),
        save(tmp_path, "b", times(random, 2, noise=0.03, change=change), campaign="c"),
    )
    needs = few.cases.loc[few.cases["verdict"] == "undecided", "needs"]
    assert len(needs)
    runs = 2 + int(needs.median())
    many = compare_environments(
        save(tmp_path, "c", times(random, runs, noise=0.03), campaign="d"),
        save(tmp_path, "d", times(random, runs, noise=0.03, change=change), campaign="d"),
    )
    assert (many.cases["verdict"] == "slower").mean() > 0.5


def test_cases_of_one_side_only_are_listed(tmp_path):
    random = np.random.default_rng(7)
    base = save(tmp_path, "a", times(random, 2)[:, :5])
    new = save(tmp_path, "b", times(random, 2)[:, :3])
    found = compare_environments(base, new)
    assert (len(found.cases), found.only_in_new) == (3, [])
    assert found.only_in_base == [case.id for case in CASES[3:5]]


def test_two_machines_are_told_loudly_and_so_is_the_same_environment(tmp_path):
    random = np.random.default_rng(8)
    base = save(tmp_path, "a", times(random, 2), campaign="c")
    (warning,) = compare_environments(
        base, save(tmp_path, "b", times(random, 2), campaign="c", host="there")
    ).warnings
    assert "two machines" in warning
    assert "host: here → there" in warning
    (warning,) = compare_environments(base, save(tmp_path, "c", times(random, 2), campaign="c")).warnings
    assert "nothing lasting differs" in warning


def test_two_hosts_of_one_kind_are_one_machine_and_told(tmp_path):
    random = np.random.default_rng(8)
    base = save(tmp_path, "a", times(random, 2), campaign="c", memory_bytes=2**34, fingerprint="one")
    new = save(
        tmp_path,
        "b",
        times(random, 2),
        campaign="c",
        memory_bytes=2**34,
        fingerprint="other",
        host="there",
        tensorflow="3",
    )
    (warning,) = compare_environments(base, new).warnings
    assert "two hosts of one kind (here and there)" in warning


def test_nothing_in_common_is_an_error(tmp_path):
    base = save(tmp_path, "a", [[0.002]])
    other = made_results.save(tmp_path, [made_results.layer_row(ConvCase(batch=99), 0.002)])
    with pytest.raises(ResultsError, match="no case in common"):
        compare_environments(base, load_results([other]))


@pytest.fixture
def folders(tmp_path):
    random = np.random.default_rng(9)
    save(tmp_path, "a", times(random, 4), campaign="c")
    save(tmp_path, "b", times(random, 4, change=1.5), campaign="c", tensorflow="2.22.0", fingerprint="new")
    save(tmp_path, "c", times(random, 4), campaign="c", tensorflow="2.23.0", fingerprint="newer")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def test_the_command_fails_on_slower_cases_and_on_nothing_else(folders):
    slower = run(folders / "a", folders / "b", "--fail-on", "slower")
    assert slower.exit_code == 1
    assert "slower 40" in slower.output
    assert run(folders / "a", folders / "b").exit_code == 0
    assert run(folders / "b", folders / "a", "--fail-on", "slower").exit_code == 0
    assert run(folders / "a", folders / "c", "--fail-on", "slower").exit_code == 0


def test_environments_can_be_named_by_what_they_are(folders):
    result = run("tensorflow=2.21", "tensorflow=2.22", "--results", folders)
    assert result.exit_code == 0
    assert "tensorflow: 2.21.0 → 2.22.0" in result.output


def test_the_json_has_a_verdict_a_case_with_its_interval_and_reason(folders):
    file = folders / "changes.json"
    assert run(folders / "a", folders / "b", "--json", file).exit_code == 0
    content = json.loads(file.read_text())
    case = content["cases"][0]
    assert case["interval"][0] < case["ratio"] < case["interval"][1]
    assert (case["verdict"], case["reason"], case["paired"]) == ("slower", "beyond_noise", True)
    assert (case["base_runs"], case["new_runs"]) == (4, 4)
    assert 0 < case["detectable"] < 0.2
    assert content["verdicts"]["slower"] == len(content["cases"]) == len(CASES)
    assert not math.isnan(case["p"])


@pytest.mark.parametrize(
    "arguments", [("nowhere", "A"), ("A", "nowhere=1"), ("A", "A,B"), ("A", "B", "--json", "no/folder.json")]
)
def test_bad_input_gets_one_sentence_and_exit_code_2(folders, arguments):
    named = [
        {"A": folders / "a", "B": folders / "b", "A,B": f"{folders / 'a'},{folders / 'b'}"}.get(a, a)
        for a in arguments
    ]
    result = run(*named, "--results", folders)
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
