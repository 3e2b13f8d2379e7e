import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.environments.calibration import compare_equal, find_slowdowns
from analysis.environments.changes import compare_environments
from analysis.results.files import find_files
from analysis.results.loading import load_results
from bench.contract.fingerprint import compute_digest
from tests.analysis.environments.made_runs import CASES, save, times


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
    assert "Over 3 pairs of equal environments, 80 of 120 verdicts (67 %)" in result.output


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
