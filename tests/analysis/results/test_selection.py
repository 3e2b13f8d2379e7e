import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.results.files import ResultsError, find_files
from analysis.results.loading import load_results
from analysis.results.selection import load_selected, select_by_conditions
from bench.contract.cases import ConvCase
from tests.analysis import made_results

ROWS = made_results.comparison_rows(ConvCase(), 0.002, 0.5)


@pytest.fixture
def storage(tmp_path):
    made_results.save(tmp_path, ROWS, "0001.json")
    made_results.save(tmp_path, ROWS, "0002.json", when="2026-01-02T00:00:00+00:00")
    older = {"tensorflow": "2.20.0", "fingerprint": "old"}
    made_results.save(tmp_path, ROWS, "0003.json", **older)
    flags = {"TF_ENABLE_ONEDNN_OPTS": "0"}
    made_results.save(tmp_path, ROWS, "0004.json", onednn="off", flags=flags, fingerprint="off")
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "files"),
    [
        ("tensorflow=2.20", {"0003.json"}),
        ("onednn=off", {"0004.json"}),
        ("flags.TF_ENABLE_ONEDNN_OPTS=0", {"0004.json"}),
        ("tensorflow=2.21,onednn=on", {"0001.json", "0002.json"}),
        ("FOLDER/0001.json,FOLDER/0002.json", {"0001.json", "0002.json"}),
        ("FOLDER,onednn=off", {"0004.json"}),
    ],
)
def test_runs_are_chosen_by_file_folder_and_environment(storage, wanted, files):
    found = load_selected(wanted.replace("FOLDER", str(storage)), storage)
    assert {run.file.rpartition("/")[2] for run in found.runs} == files


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("tensorflow=2.2", "no run meets 'tensorflow=2.2'; there are: tensorflow 2.20.0"),
        ("backend=tensorflow", "names runs of 3 environments"),
        ("nowhere.json", "there is no nowhere.json"),
        (",", "name a result file, a folder, or a condition"),
    ],
)
def test_what_names_no_runs_or_several_environments_is_refused(storage, wanted, words):
    with pytest.raises(ResultsError, match=words):
        load_selected(wanted, storage)


def test_a_file_may_be_called_like_a_condition(storage):
    file = storage / "a=b.json"
    file.write_bytes((storage / "0001.json").read_bytes())
    assert [run.file for run in load_selected(str(file), storage).runs] == [str(file)]


def test_a_report_can_be_asked_for_another_environment_than_the_newest(storage, tmp_path_factory):
    output = tmp_path_factory.mktemp("reports")
    everything = load_results(find_files([storage]))
    assert {run.fingerprint for run in select_by_conditions("tensorflow=2.21", everything).runs} == {
        "0123456789",
        "off",
    }
    for options, words in (
        (["--environment", "onednn=off"], "oneDNN off"),
        (["--environment", "tensorflow=2.20, onednn=on"], "tensorflow 2.20.0"),
    ):
        made_report = CliRunner().invoke(main, ["report", str(storage), "--output", str(output), *options])
        assert made_report.exit_code == 0, made_report.output
        assert words in (output / "index.html").read_text()


@pytest.mark.parametrize(
    ("conditions", "words"),
    [("onednn=maybe", "no run meets 'onednn=maybe'"), ("onednn", "is no list of conditions")],
)
@pytest.mark.parametrize("command", ["report", "explain", "claims"])
def test_conditions_that_nothing_meets_are_one_sentence(storage, command, conditions, words):
    result = CliRunner().invoke(main, [command, str(storage), "--environment", conditions])
    assert result.exit_code == 2
    assert words in result.output
    assert result.output.count("\n") == 1
