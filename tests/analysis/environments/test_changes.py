import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.environments.calibration import compare_equal, find_slowdowns
from analysis.environments.changes import compare_environments
from analysis.results.files import ResultsError, find_files
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from bench.contract.fingerprint import compute_digest
from tests.analysis import made_results

CASES = [
    ConvCase(in_channels=channels, direction=d) for channels in range(1, 21) for d in ("forward", "train")
]


def save(folder, label, times, *, campaign="", turns="", control=1.005, **environment):
    """A file a run; ``times`` is one list of seconds a run, an entry a case.

    Campaigns of the same name have their own ``turns``.
    """
    (folder / label).mkdir(parents=True, exist_ok=True)
    files = []
    for run, seconds in enumerate(times):
        pairs = {"rounds": 1, "ratio": control, "spread": [control] * 2, "ratios": [control]}
        rows = [
            made_results.layer_row(
                case,
                float(value),
                control=pairs,
                turns={
                    "together": f"{campaign}{turns}-{run}" if campaign else None,
                    "seconds": [float(value)] * 4,
                },
            )
            for case, value in zip(CASES, seconds, strict=False)
        ]
        content = made_results.content(rows, when=f"2026-01-{run + 1:02}T00:00:00+00:00", **environment)
        if campaign:
            content["machine_info"]["run"]["campaign"] = {
                "id": campaign, "replicate": run + 1, "label": label
            }  # fmt: skip
        files.append(folder / label / f"{run}.json")
        files[-1].write_text(json.dumps(content))
    return load_results(files)


def times(random, runs, *, change=None, drift=0.0, noise=0.02):
    """Times of runs: each run has its own drift, which its partner in a campaign shares."""
    common = np.exp(drift * np.random.default_rng(0).standard_normal((runs, 1)))
    own = np.exp(noise * random.standard_normal((runs, len(CASES))))
    return 0.002 * common * own * (1.0 if change is None else change)


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
    assert set(found.cases["reason"]) == {"few_replicates"}
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


def calibrate(*arguments):
    return CliRunner().invoke(main, ["calibrate", *map(str, arguments)])


def campaign(folder, random, *, changes=(), runs=4, **options):
    """Equal environments a and b, and one for each of ``changes``, which says what slowed it and how."""
    for label in ("a", "b"):
        save(folder, label, times(random, runs), campaign="c", **options)
    for number, (fault, change) in enumerate(changes):
        slowed = {"faults": fault, "fingerprint": f"slowed{number}"}
        save(folder, f"s{number}", times(random, runs, change=change), campaign="c", **slowed)
    return folder


def test_calibration_compares_every_two_equal_environments(tmp_path):
    random = np.random.default_rng(10)
    folder = campaign(tmp_path / "c", random)
    save(folder, "c", times(random, 4, change=1.3), campaign="c")
    result = calibrate("same", folder)
    assert result.exit_code == 0, result.output
    # Between a and b nothing, between either and c everything.
    assert "a and b: 40 cases: slower 0, faster 0" in result.output
    assert "Over 3 comparisons of equal environments, 80 of 120 verdicts (67 %)" in result.output


def test_calibration_injects_twice_what_is_detectable_and_counts_what_is_found(tmp_path):
    random = np.random.default_rng(11)
    equal = campaign(tmp_path / "equal", random)
    made_faults = calibrate("faults", equal, "--output", tmp_path / "faults")
    assert made_faults.exit_code == 0, made_faults.output
    files = sorted((tmp_path / "faults").iterdir())
    assert len(files) == 10
    injected = json.loads(files[0].read_text())
    assert len(injected) == len(CASES) / 10
    detectable = compare_environments(
        load_results(find_files([equal / "a"])), load_results(find_files([equal / "b"]))
    ).cases.set_index("id")["detectable"]
    for case, fault in injected.items():
        assert fault["slowdown"] == pytest.approx(2 * detectable[case])
    change = np.array([1 + injected.get(case.id, {}).get("slowdown", 0.0) for case in CASES])
    fault = compute_digest(injected)
    slowed = campaign(tmp_path / "slowed", random, changes=[(fault, change)])
    for file in (slowed / "b").iterdir():
        file.unlink()
    result = calibrate("slowed", slowed, tmp_path / "faults")
    assert result.exit_code == 0, result.output
    assert "s0: 4 slowed, 4 found; 36 others, 0 called different" in result.output
    assert "4 of 4 slowed cases (100 %) are called slower; 0 of 36 others (0.0 %)" in result.output


def test_the_committed_calibration_says_what_the_documentation_tells():
    """Whoever changes the statistics changes what docs/results.md may say of them."""
    project = Path(__file__).parents[3]
    committed = project / "reports" / "example" / "calibration"
    in_turns = compare_equal(committed / "power.jsonl.gz").iloc[0]
    one_by_one = compare_equal(committed / "power-one-by-one.jsonl.gz").iloc[0]
    assert (in_turns["cases"], in_turns["false"], one_by_one["false"]) == (20, 0, 0)
    assert (f"{in_turns['detectable']:.0%}", f"{one_by_one['detectable']:.0%}") == ("3%", "9%")
    same = compare_equal(committed / "same.jsonl.gz")
    assert (len(same), same["cases"].sum(), same["false"].sum()) == (6, 2076, 0)
    assert [f"{change:.0%}" for change in (same["detectable"].min(), same["detectable"].max())] == [
        "14%",
        "18%",
    ]
    for name in ("slowed", "slowed-again"):
        table = find_slowdowns(committed / f"{name}.jsonl.gz", committed / "faults")
        sums = table.sum(numeric_only=True).to_dict()
        assert (sums["slowed"], sums["found"], sums["others"], sums["false"]) == (20, 20, 180, 0)
    told = " ".join((project / "docs" / "results.md").read_text(encoding="utf-8").split())
    for words in (
        "smallest change that would have been called one is 3 % for the median case",
        "could have told 9 %",
        "of 2076 verdicts none is slower or faster",
        "a change of 14 to 18 % in the median case",
        "20 of 20 slowed cases are called slower, and 0 of 180 unchanged cases slower or faster",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("same", "nowhere"), "there is no"),
        (("same", "one/a"), "has one environment"),
        (("same", "alone"), "is no folder of a campaign"),
        (("same", "unequal"), "a and c in unequal are not equal: tensorflow: 2.21.0 → 3"),
        (("faults", "short", "--output", "made"), "too few replicates"),
        (("slowed", "one", "faults"), "needs one environment without faults, and has 2"),
        (("slowed", "foreign", "faults"), "s0 in foreign was slowed by a file that is not in faults"),
        (("slowed", "foreign", "empty"), "there is no file of faults in empty"),
        (("slowed", "foreign", "damaged"), "damaged/0.json holds no faults"),
    ],
)
def test_bad_input_to_calibration_gets_one_sentence(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(12)
    here = Path()
    campaign(here / "one", random)
    campaign(here / "short", random, runs=1)
    campaign(here / "unequal", random)
    save(here / "unequal", "c", times(random, 4), campaign="c", tensorflow="3", fingerprint="other")
    save(here / "alone", "a", times(random, 2))
    save(here / "foreign", "base", times(random, 4), campaign="c")
    save(here / "foreign", "s0", times(random, 4), campaign="c", faults="f", fingerprint="slowed")
    for name, content in (("faults", "{}"), ("damaged", "{"), ("empty", None)):
        Path(name).mkdir()
        if content:
            Path(name, "0.json").write_text(content)
    result = calibrate(*arguments)
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert words in result.output
    assert result.output.count("\n") == 1
    assert not Path("made").exists()


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
