import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results


@pytest.fixture
def folder(tmp_path):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5)
    for number in (1, 2):
        made_results.save(tmp_path, rows, f"{number}.json", when=f"2026-01-0{number}T00:00:00+00:00")
    return tmp_path


def test_runs_are_packed_into_one_file_that_commands_read(folder):
    packed = folder / "all.jsonl.gz"
    done = CliRunner().invoke(main, ["pack", str(folder), "--output", str(packed)])
    assert (done.exit_code, done.output) == (0, f"{packed}: 2 runs\n")
    checked = CliRunner().invoke(main, ["check", str(packed)])
    assert checked.exit_code == 0
    assert "cases 4" in checked.output
    assert len(load_results([packed]).runs) == 2


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("all.json", "must end in .jsonl.gz"),
        ("nowhere/all.jsonl.gz", "there is no folder"),
        ("there.jsonl.gz", "exists already, and is not replaced"),
    ],
)
def test_packing_replaces_nothing_and_says_why_in_a_sentence(folder, output, words):
    there = folder / "there.jsonl.gz"
    there.write_bytes(b"somebody's")
    done = CliRunner().invoke(main, ["pack", str(folder / "1.json"), "--output", str(folder / output)])
    assert done.exit_code == 2
    assert done.output.startswith("Error: ")
    assert words in done.output
    assert done.output.count("\n") == 1
    assert there.read_bytes() == b"somebody's"
