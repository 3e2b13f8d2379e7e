"""pytest-benchmark's own tools on a run of every kind of row, and on the file that it saves."""

import csv
import json
import sys

import pytest
from pytest_benchmark import cli

from analysis.results.files import find_files
from bench.wiring.parameters import ROW_PARAMETERS
from tests.bench.session.test_end_to_end import pytest_bench

MADE_RUNS = ("-p", "tests.bench.session.made_runs")
#: Layers, ceilings, remedies, what claims set against each other, and trainings, a few of each.
OPTIONS = (
    *MADE_RUNS, "bench/bench_mnist.py", "--grid", "claims", "--remedies", "--benchmark-max-time=0.005",
    "-k", "empty_call or claim or (train and (layer or remedy)) or training",
)  # fmt: skip
GROUPINGS = [
    "group",
    "name",
    "func",
    "fullname",
    "fullfunc",
    "param",
    *(f"param:{name}" for name in ROW_PARAMETERS),
]


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """The folder of a saved run that was grouped by direction and shape, and what it printed."""
    folder = tmp_path_factory.mktemp("grouped")
    done = pytest_bench(
        folder, *OPTIONS, "--benchmark-autosave", "--benchmark-group-by=param:direction,param:shape"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def rows(grouped):
    """The saved rows by the name of their test's function."""
    (file,) = find_files([grouped[0]])
    rows = {}
    for row in json.loads(file.read_text())["benchmarks"]:
        rows.setdefault(row["name"].partition("[")[0], []).append(row)
    assert set(rows) == {"test_layer", "test_ceiling", "test_remedy", "test_claim", "test_training"}
    return rows


@pytest.fixture
def compare(monkeypatch, capsys):
    """``pytest-benchmark compare`` on the runs in a folder; what it prints."""

    def compare(folder, *options):
        command = ["pytest-benchmark", f"--storage=file://{folder}", "compare", *options]
        monkeypatch.setattr(sys, "argv", command)
        cli.main()
        return capsys.readouterr().out

    return compare


def test_a_run_shows_its_rows_by_their_parameters(grouped):
    assert "benchmark 'direction=train shape=" in grouped[1]
    assert "benchmark 'direction=- shape=-'" in grouped[1]


def test_every_saved_row_has_the_same_parameters(rows):
    assert {tuple(row["params"]) for kind in rows.values() for row in kind} == {ROW_PARAMETERS}


def test_a_row_says_of_a_remedy_or_a_claim_what_was_measured(rows):
    for row in rows["test_remedy"]:
        remedied = row["extra_info"]["remedy"]["remedied"]
        assert {name: row["params"][name] for name in ("layer", "mode", "dtype")}.items() <= remedied.items()
    for row in rows["test_claim"]:
        case = row["extra_info"]["contrast"]["case"]
        assert {name: row["params"][name] for name in ("layer", "mode", "dtype")}.items() <= case.items()


@pytest.mark.parametrize("grouping", [*GROUPINGS, "group,param:mode,param:dtype"])
def test_saved_runs_can_be_compared_in_every_grouping(grouped, compare, grouping):
    assert "benchmark" in compare(grouped[0], f"--group-by={grouping}", "--columns=median,ops")


def test_a_comparison_can_be_sorted_filtered_and_written_as_a_table(grouped, compare, tmp_path):
    table = tmp_path / "rows.csv"
    shown = compare(
        grouped[0], "-k", "train or remedy", "--group-by=param:layer", "--sort=fullname", "--name=long",
        "--columns=min,median,rounds", f"--csv={table}",
    )  # fmt: skip
    assert "layer=separable_conv2d" in shown
    with table.open() as stream:
        written = list(csv.DictReader(stream))
    assert {f"param:{name}" for name in ROW_PARAMETERS} <= set(written[0])
    assert {row["param:direction"] for row in written if "test_layer" in row["name"]} == {"train"}


def test_a_comparison_draws_histograms(grouped, compare, tmp_path):
    pytest.importorskip("pygal", reason="pytest-benchmark draws with pygal")
    compare(grouped[0], "--group-by=param:direction,param:shape", f"--histogram={tmp_path}/drawn")
    assert list(tmp_path.glob("drawn-direction=train_shape=*.svg"))


def test_an_older_file_whose_rows_lack_parameters_can_be_compared_with_in_a_run(tmp_path):
    options = (*MADE_RUNS, "--grid", "smoke", "--benchmark-max-time=0.005", "-k", "empty_call or forward")
    saving = pytest_bench(tmp_path, *options, "--benchmark-autosave")
    assert saving.returncode == 0, saving.stdout + saving.stderr
    (file,) = find_files([tmp_path])
    content = json.loads(file.read_text())
    for row in content["benchmarks"]:
        row["params"] = {"limit": row["param"]} if "test_ceiling" in row["name"] else row["params"]
    file.write_text(json.dumps(content))
    done = pytest_bench(tmp_path, *options, "--benchmark-compare", "--benchmark-group-by=param:direction")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "benchmark 'direction=-': 2 tests" in done.stdout


def test_a_grouping_that_does_not_exist_is_refused_before_anything_is_measured(tmp_path):
    done = pytest_bench(
        tmp_path, *MADE_RUNS, "--grid", "smoke", "--benchmark-autosave", "--benchmark-group-by=param:size"
    )
    assert done.returncode == 2
    assert "--benchmark-group-by has no 'param:size'; there are: group, name, func" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.rglob("*.json")) == []
