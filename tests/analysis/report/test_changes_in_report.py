import json
import re

import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from tests.analysis.environments.made_upgrade import COMPARISONS, KERNELS, save_runs

REFERENCE = {**KERNELS, "depthwise": "ref:any"}
CHANGED = "depthwise forward: jit_dw:avx2 -> ref:any"


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """Three environments of one machine: in the last, depthwise kernels are slow ones."""
    folder = tmp_path_factory.mktemp("storage")
    save_runs(folder, "oldest", (1, 2, 3), tensorflow="2.19.0", onednn="off", kernels=None)
    save_runs(folder, "old", (4, 5, 6), tensorflow="2.20.0")
    save_runs(folder, "new", (7, 8, 9), tensorflow="2.21.0", ratio=1.5, kernels=REFERENCE)
    return folder


def report(storage, folder, *options):
    return CliRunner().invoke(main, ["report", str(storage), "--output", str(folder), *options])


def find_section(folder, key):
    page = (folder / "index.html").read_text()
    return re.search(rf'<section id="{key}".*?</section>', page, re.DOTALL)[0]


@pytest.fixture(scope="module")
def made(storage, tmp_path_factory):
    """A report on it, and what the command printed."""
    folder = tmp_path_factory.mktemp("made")
    result = report(storage, folder)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_what_changed_stands_in_the_section_the_answer_and_the_summaries(made):
    folder, printed = made
    section = find_section(folder, "changes")
    summary = json.loads((folder / "summary.json").read_text())
    first = "From TensorFlow 2.20.0 to TensorFlow 2.21.0, of 12 cases the new one is slower in 6, same in 6"
    for text in (
        section,
        printed,
        summary["answer"][3],
        (folder / "summary.md").read_text().replace("\\", ""),
    ):
        assert first in text
    assert any("The answer turned in 6 of 6 comparisons" in sentence for sentence in summary["answer"])
    assert "depthwise forward: jit_dw:avx2 -&gt; ref:any</code> in 6 cases (6 slower)" in section
    assert summary["changes"]["verdicts"] == {"slower": 6, "faster": 0, "same": 6, "undecided": 0}
    assert {row["kernel_changes"] for row in summary["changes"]["cases"]} == {"", CHANGED}
    assert f"| `{CHANGED}` |" in (folder / "summary.md").read_text()


def test_the_data_have_a_row_a_case_with_both_kernels_as_csv_and_parquet(made):
    folder, _ = made
    table = pd.read_csv(folder / "data/changes.csv", keep_default_na=False)
    assert len(table) == 2 * len(COMPARISONS)
    assert {"base_implementations", "new_implementations"} <= set(table)
    separable = table[table["layer"] == "separable_conv2d"]
    assert set(separable["kernel_changes"]) == {CHANGED}
    assert list(pd.read_parquet(folder / "data/changes.parquet")["id"]) == list(table["id"])
    assert (folder / "figures/changes_by_layer.svg").exists()


def test_runs_that_took_no_turns_say_so_and_name_the_campaign(made):
    section = find_section(made[0], "changes")
    assert "their runs did not take turns" in section
    assert "python -m bench.campaign --environment tf220 --environment tf221" in section


def test_three_environments_one_by_one_are_a_history_with_a_caution(made):
    section = find_section(made[0], "history")
    assert section.index("TensorFlow 2.19.0") < section.index("TensorFlow 2.20.0")
    assert "measured one after the other" in section
    assert "jit_dw:avx2 -&gt; ref:any" in section
    assert (made[0] / "data/history.csv").exists()


def test_another_environment_can_be_named(storage, tmp_path):
    result = report(storage, tmp_path / "out", "--against", "tensorflow=2.19")
    assert "From TensorFlow 2.19.0 to TensorFlow 2.21.0" in result.output
    # What one of the two did not record is said, and no change is made of it.
    assert "is not known of both environments" in find_section(tmp_path / "out", "changes")


def test_a_file_can_be_named_to_compare_with(storage, tmp_path):
    result = report(storage, tmp_path / "out", "--against", str(storage / "oldest-1.json"))
    assert "From TensorFlow 2.19.0" in result.output


@pytest.mark.parametrize(
    ("against", "sentence"),
    [
        ("tensorflow=1.15", "no run meets"),
        ("onednn=on", "names runs of 2 environments"),
        ("nothing.json", "there is no nothing.json"),
    ],
)
def test_what_cannot_be_compared_with_ends_in_a_sentence_and_nothing_written(
    storage, tmp_path, against, sentence
):
    result = report(storage, tmp_path / "out", "--against", against)
    assert result.exit_code == 2
    assert sentence in result.output
    assert not (tmp_path / "out").exists()


def test_one_environment_alone_is_compared_with_nothing(storage, tmp_path):
    result = report(storage / "new-7.json", tmp_path / "out")
    assert result.exit_code == 0
    assert '<section id="changes"' not in (tmp_path / "out/index.html").read_text()
    again = report(storage / "new-7.json", tmp_path / "out", "--against", "tensorflow=2.21")
    assert again.exit_code == 2
    assert "names the environment that is reported" in again.output


def test_without_a_case_in_common_the_rest_of_the_report_is_written(tmp_path):
    save_runs(tmp_path / "results", "old", (1,), tensorflow="2.20.0")
    other = json.loads(save_runs(tmp_path / "results", "new", (2,))[0].read_text())
    other["benchmarks"] = other["benchmarks"][:2]
    (tmp_path / "results/new-2.json").write_text(json.dumps(other))
    before = json.loads((tmp_path / "results/old-1.json").read_text())
    before["benchmarks"] = before["benchmarks"][2:]
    (tmp_path / "results/old-1.json").write_text(json.dumps(before))
    result = report(tmp_path / "results", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "no case in common" in find_section(tmp_path / "out", "changes")
    assert "no case in common" in result.output
    assert "of the 1 comparisons" in (tmp_path / "out/index.html").read_text()


def test_another_machine_is_compared_only_where_it_is_asked_for(tmp_path):
    save_runs(tmp_path / "results", "old", (1, 2), host="elsewhere")
    save_runs(tmp_path / "results", "new", (3, 4))
    report(tmp_path / "results", tmp_path / "out")
    assert '<section id="changes"' not in (tmp_path / "out/index.html").read_text()
    report(tmp_path / "results", tmp_path / "out", "--against", "host=elsewhere")
    assert "these are two machines" in find_section(tmp_path / "out", "changes")


def test_a_file_of_a_newer_version_is_left_out_and_the_rest_reported(storage, tmp_path):
    newer = json.loads((storage / "new-7.json").read_text())
    for row in newer["benchmarks"]:
        row["extra_info"]["schema"] = 2
    (tmp_path / "newer.json").write_text(json.dumps(newer))
    (tmp_path / "old.json").write_bytes((storage / "old-4.json").read_bytes())
    result = report(tmp_path, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "newer.json has schema 2" in result.output
    assert "newer.json has schema 2" in find_section(tmp_path / "out", "answer")
    alone = report(tmp_path / "newer.json", tmp_path / "alone")
    assert alone.exit_code == 2
    assert not (tmp_path / "alone").exists()


def test_a_campaign_of_two_is_reported_on_the_one_named_last_whichever_ended_last(tmp_path):
    save_runs(
        tmp_path / "results", "second", (1, 2, 3), campaign="c", place=1, tensorflow="2.20.0", ratio=1.5
    )
    save_runs(tmp_path / "results", "first", (1, 2, 3), campaign="c", place=0, tensorflow="2.21.0")
    result = report(tmp_path / "results", tmp_path / "out")
    assert "From TensorFlow 2.21.0 to TensorFlow 2.20.0" in result.output
    section = find_section(tmp_path / "out", "changes")
    assert "did not take turns" not in section
    assert "bench.campaign" not in section
    # What the section tells of both is not told again.
    assert '<section id="releases"' not in (tmp_path / "out/index.html").read_text()


def test_environments_that_nothing_tells_apart_are_said_to_count_as_one(tmp_path):
    for place, name in enumerate(("base", "new")):
        for file in save_runs(tmp_path / "results" / name, "one", (1, 2), campaign="c", place=place):
            content = json.loads(file.read_text())
            content["machine_info"]["run"]["campaign"]["label"] = name
            file.write_text(json.dumps(content))
    result = report(tmp_path / "results", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "nothing lasting differs between base and new" in result.output
    assert "nothing lasting differs between base and new" in find_section(tmp_path / "out", "changes")


def test_a_campaign_has_its_history_where_other_runs_of_its_environments_are_compared(tmp_path):
    lone = save_runs(tmp_path / "results/alone", "first", (1,), tensorflow="2.20.0")
    save_runs(tmp_path / "results", "second", (3, 4, 5), campaign="c", place=1)
    save_runs(tmp_path / "results", "first", (3, 4, 5), campaign="c", place=0, tensorflow="2.20.0")
    options = ("--environment", "tensorflow=2.21", "--against", str(lone[0]))
    assert report(tmp_path / "results", tmp_path / "out", *options).exit_code == 0
    assert "did not take turns" in find_section(tmp_path / "out", "changes")
    assert '<section id="releases"' in (tmp_path / "out/index.html").read_text()


def test_no_sentence_is_printed_twice(storage, tmp_path):
    lines = report(storage, tmp_path / "out").output.splitlines()
    assert len(lines) == len(set(lines))
