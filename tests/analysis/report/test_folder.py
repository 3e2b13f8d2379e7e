import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.writing import LIST
from bench.contract.cases import ConvCase
from tests.analysis import made_results


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_latest_points_to_the_newest_report(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        result = run("report", files)
        assert result.stdout.splitlines()[-1] == "reports/latest/index.html"
    assert (tmp_path / "reports" / "latest").is_symlink()
    assert (tmp_path / "reports" / "latest" / "index.html").exists()
    assert len(list((tmp_path / "reports").iterdir())) == 2  # one report, one link: nothing is left behind


def test_where_there_are_no_links_the_report_is_written_all_the_same(files, tmp_path, monkeypatch):
    def no_links(*arguments, **options):
        raise OSError(1, "Operation not permitted")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "symlink_to", no_links)
    result = run("report", files)
    assert result.exit_code == 0, result.output
    assert (tmp_path / result.output.splitlines()[-1]).exists()


def test_a_folder_called_latest_is_not_replaced(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports" / "latest").mkdir(parents=True)
    result = run("report", files)
    assert result.exit_code == 2
    assert "is no link" in result.output
    assert not [path for path in (tmp_path / "reports").iterdir() if path.name.startswith(".")]


def test_an_output_that_is_a_file_is_refused(files, tmp_path):
    (tmp_path / "taken").write_text("")
    assert run("report", files, "--output", tmp_path / "taken").exit_code == 2


def test_a_report_into_an_existing_folder_keeps_what_else_is_there(files, tmp_path):
    folder = tmp_path / "report"
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "kept.json").write_text("{}")
    run("report", files, "--output", folder)
    assert (folder / "results" / "kept.json").exists()
    assert (folder / "index.html").exists()


def test_figures_and_data_of_an_earlier_report_do_not_stay_and_anything_else_does(files, tmp_path):
    folder = tmp_path / "report"
    run("report", files, "--output", folder)
    (folder / "figures" / "photo.png").write_text("mine")
    (folder / "data" / "survey.csv").write_text("mine")
    (folder / "data" / "promise.csv").write_text("changed by hand")
    assert (folder / "figures" / "plane.svg").exists()
    smaller = tmp_path / "smaller"
    smaller.mkdir()
    made_results.save(smaller, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    result = run("report", smaller, "--output", folder)
    assert result.exit_code == 2
    assert "promise.csv was not written by a report, or was changed since" in result.output
    (folder / "data" / "promise.csv").unlink()
    assert run("report", smaller, "--output", folder).exit_code == 0
    assert not (folder / "figures" / "plane.svg").exists()
    assert (folder / "figures" / "photo.png").exists()
    assert (folder / "data" / "survey.csv").read_text() == "mine"


def test_measurements_in_the_folder_that_a_report_goes_to_are_never_lost(files, tmp_path, monkeypatch):
    """As when the working folder of a project is given, whose own ``data`` holds the results."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    shutil.copy(files, project / "data")
    kept = {file: file.read_bytes() for file in project.rglob("*.json")}
    monkeypatch.chdir(project)
    for _ in range(2):
        assert run("report", "data", "--output", ".").exit_code == 0
    assert {file: file.read_bytes() for file in kept} == kept
    # And the folder still reads as results, though a report's JSON lies in it now.
    assert run("check", ".").exit_code == 0
    taken = project / "other" / "index.html"
    taken.parent.mkdir()
    taken.write_text("mine")
    result = run("report", "data", "--output", "other")
    assert result.exit_code == 2
    assert taken.read_text() == "mine"
    assert [path.name for path in taken.parent.iterdir()] == ["index.html"]


def test_a_report_of_before_there_were_lists_is_replaced(files, tmp_path):
    folder = tmp_path / "report"
    run("report", files, "--output", folder)
    (folder / LIST).unlink()
    assert run("report", files, "--output", folder).exit_code == 0


@pytest.mark.parametrize(
    "listed", ["{", "[]", '{"../kept.txt": ["0"]}', '{"/etc/passwd": ["0"]}', '{"a": 1}']
)
def test_a_damaged_list_lets_nothing_be_removed(files, tmp_path, listed):
    folder = tmp_path / "report"
    folder.mkdir()
    (tmp_path / "kept.txt").write_text("mine")
    (folder / LIST).write_text(listed)
    assert run("report", files, "--output", folder).exit_code == 0
    assert (tmp_path / "kept.txt").read_text() == "mine"


def test_json_never_replaces_measurements(files):
    before = files.read_bytes()
    result = run("check", files, "--json", files)
    assert result.exit_code == 2
    assert "holds measurements" in result.output
    assert files.read_bytes() == before


def test_a_failure_leaves_the_old_report_untouched(files, tmp_path, monkeypatch):
    folder = tmp_path / "report"
    run("report", files, "--output", folder)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    def full_disk(path, mode="r", *arguments, **options):
        if "index.html" in path.name and mode == "wb":
            raise OSError(28, "No space left on device")
        return original(path, mode, *arguments, **options)

    original = Path.open
    monkeypatch.setattr(Path, "open", full_disk)
    result = run("report", files, "--output", folder)
    assert result.exit_code == 2
    assert "No space left" in result.output
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_beside_the_page_lie_figures_data_and_a_summary(files, tmp_path):
    folder = tmp_path / "report"
    summary = tmp_path / "summary.out"
    assert run("report", files, "--output", folder, "--json", summary).exit_code == 0
    names = {file.stem for file in (folder / "figures").iterdir()}
    assert {file.name for file in (folder / "figures").iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("svg", "png")
    }
    for table in (folder / "data").glob("*.csv"):
        assert len(pd.read_parquet(table.with_suffix(".parquet"))) == len(pd.read_csv(table))
    content = json.loads((folder / "summary.json").read_text())
    assert content == json.loads(summary.read_text())
    assert sum(content["verdicts"].values()) == len(content["comparisons"]) == 18
    text = (folder / "summary.md").read_text()
    assert text.startswith("# Is SeparableConv2D slower than Conv2D here?")
    assert "The 10 slowest of 18 comparisons." in text
    assert text.count("| `") == 10
