"""``pytest bench/`` as people run it, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.pairs.parts_alone import tabulate_parts
from analysis.pairs.table import tabulate_pairs
from analysis.results.files import find_files
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from bench.contract.kernels import list_roles, name_kernel
from bench.tracing import implementations

PROJECT = Path(__file__).parents[3]
#: A framework that only burns time: what is tested with it is how pytest is spoken to.
MADE = ("-p", "tests.bench.made_framework")


def pytest_bench_command(folder, *options, measure="bench/"):
    command = [sys.executable, "-m", "pytest", measure, f"--benchmark-storage=file://{folder}"]
    return [*command, "-p", "no:cacheprovider", *options]


def pytest_bench(folder, *options, measure="bench/", **variables):
    command = pytest_bench_command(folder, *options, measure=measure)
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """One run of the smoke grid, autosaved; the folder and what it printed."""
    folder = tmp_path_factory.mktemp("smoke")
    options = ["--grid", "smoke", "--benchmark-autosave", "--shuffle-seed", "7", "--benchmark-max-time=0.1"]
    done = pytest_bench(folder, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def content(smoke):
    (file,) = find_files([smoke[0]])
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def loaded(smoke):
    return load_results(find_files([smoke[0]]))


def test_smoke_measures_both_layers_and_their_parts_in_all_directions(loaded):
    measured = {(row.layer, row.direction) for row in loaded.layers.itertuples()}
    layers = ("conv2d", "separable_conv2d", "depthwise_conv2d", "pointwise_conv2d")
    assert measured == {(layer, way) for layer in layers for way in ("forward", "backward", "train")}
    assert loaded.not_measured.empty


def test_what_is_saved_keeps_the_contract(content):
    for row in content["benchmarks"]:
        info = row["extra_info"]
        assert info["schema"] == 1
        if "case" in info:
            case = ConvCase.from_dict(info["case"])
            assert row["name"] == f"test_layer[{case.id}]"
            assert row["params"]["direction"] == case.direction
            assert info["first_call_seconds"] > 0
            assert info["warmup_calls"] >= 3
            assert row["stats"]["rounds"] >= 5
            assert row["options"]["timer"] == "perf_counter"
    environment = content["machine_info"]["environment"]
    assert environment["tensorflow"]
    assert environment["onednn"] in ("on", "off")
    assert len(environment["fingerprint"]) == 10
    assert content["machine_info"]["run"] == {"grid": "smoke", "shuffle_seed": 7, "in_turn": False}


def test_every_row_of_a_layer_says_which_implementation_ran_each_kernel(smoke, content):
    saved = {
        ConvCase.from_dict(row["extra_info"]["case"]): row["extra_info"]["implementations"]
        for row in content["benchmarks"]
        if "case" in row["extra_info"]
    }
    assert len(saved) == 12
    for case, ran in saved.items():
        assert list(ran) == [name_kernel(*kernel) for kernel in list_roles(case)]
        assert all(ran.values())
    assert "noting which kernels ran: 12 cases" in smoke[1]
    # And the same environment says the same again.
    assert implementations.capture(list(saved), print) == saved


def test_both_rows_of_a_pair_carry_the_paired_ratio(content):
    by_pair = {}
    for row in content["benchmarks"]:
        info = row["extra_info"]
        if info.get("paired"):
            by_pair.setdefault(info["pair"], {})[info["case"]["layer"]] = row
    assert len(by_pair) == 3
    for rows in by_pair.values():
        dense, separable = rows["conv2d"]["extra_info"], rows["separable_conv2d"]["extra_info"]
        assert dense["paired"]["ratio"] == 1
        assert separable["paired"]["rounds"] == dense["paired"]["rounds"]
        low, high = separable["paired"]["spread"]
        assert 0 < low <= separable["paired"]["ratio"] <= high
        assert dense["control"]["rounds"] == dense["paired"]["rounds"]


def test_the_ceilings_of_the_same_run_are_there(loaded):
    kinds = set(loaded.ceilings["kind"])
    assert kinds == {"matrix_product", "copy", "triad", "empty_call"}
    assert (loaded.ceilings["seconds"] > 0).all()


def test_a_report_is_built_from_what_smoke_saved(smoke, loaded, tmp_path):
    table = tabulate_pairs(loaded)
    assert len(table) == 3
    assert (table["dense_of_limit"] > 0).all()
    assert (table["separable_call_share"] > 0).all()
    assert len(tabulate_parts(loaded)) == 3
    command = [sys.executable, "-m", "analysis", "report", str(smoke[0]), "--output", str(tmp_path / "r")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "r" / "index.html")
    assert "of the 3 comparisons" in done.stdout


def test_the_table_shows_the_layers_of_a_comparison_side_by_side(smoke):
    assert "benchmark 'train-2x16x16x16-f16-k3': 4 tests" in smoke[1]
    assert "shuffled by seed 7" in smoke[1]


def test_saved_runs_can_be_compared_grouped_and_selected(tmp_path):
    options = [*MADE, "--grid", "smoke", "-k", "conv2d-forward", "--benchmark-max-time=0.02"]
    saving = pytest_bench(tmp_path, *options, "--benchmark-autosave", measure="bench/bench_layers.py")
    assert saving.returncode == 0, saving.stdout + saving.stderr
    options += [
        "--benchmark-compare",
        "--benchmark-group-by=param:direction",
        "--benchmark-columns=median,ops",
    ]
    done = pytest_bench(tmp_path, *options, measure="bench/bench_layers.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "direction=forward" in done.stdout
    assert "(0001_" in done.stdout  # rows of the saved run
    assert "machine_info is different" not in done.stdout + done.stderr
    assert "another environment" not in done.stdout + done.stderr


def test_a_layer_selected_alone_is_measured_alone(tmp_path):
    options = [*MADE, "--grid", "smoke", "-k", "separable_conv2d-train", "--benchmark-max-time=0.02"]
    done = pytest_bench(tmp_path, *options, "--benchmark-autosave")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    loaded = load_results(find_files([tmp_path]))
    assert loaded.layers["ratio"].isna().all()


def test_disabled_benchmarks_run_each_case_once_and_save_nothing(tmp_path):
    done = pytest_bench(tmp_path, *MADE, "--grid", "smoke", "--benchmark-disable", "--benchmark-autosave")
    assert done.returncode == 0, done.stdout
    assert list(tmp_path.rglob("*.json")) == []


def test_timings_are_saved_whatever_happens_to_the_implementations(tmp_path):
    (tmp_path / "broken.py").write_text(
        "from bench.tracing import implementations\nimplementations.capture = lambda cases, tell: 1 / 0\n"
    )
    options = ["--grid", "smoke", "--benchmark-max-time=0.02", "--benchmark-autosave"]
    done = pytest_bench(tmp_path, *MADE, "-p", "broken", *options, PYTHONPATH=f"{tmp_path}")
    assert "ZeroDivisionError" in done.stdout + done.stderr
    loaded = load_results(find_files([tmp_path]))
    assert len(loaded.layers) == 12


def test_in_turn_uses_pytest_benchmarks_own_loop(tmp_path):
    shapes = tmp_path / "shapes.json"
    shapes.write_text(
        '[{"name": "mine", "batch": 1, "height": 8, "width": 8, "in_channels": 4, "filters": 4}]'
    )
    options = [*MADE, "--shapes", str(shapes), "--in-turn", "--directions", "forward"]
    options += ["--modes", "graph,xla"]
    done = pytest_bench(
        tmp_path, *options, "--benchmark-max-time=0.02", "--benchmark-autosave", "-k", "conv2d"
    )
    assert done.returncode == 0, done.stdout
    loaded = load_results(find_files([tmp_path / next(p.name for p in tmp_path.iterdir() if p.is_dir())]))
    assert set(loaded.layers["mode"]) == {"graph", "xla"}
    assert set(loaded.layers["name"]) == {"mine"}
    assert "noting which kernels ran: 4 cases" in done.stdout
    assert loaded.layers["ratio"].isna().all()


def test_a_combination_that_cannot_run_is_skipped_with_its_reason_and_kept(tmp_path):
    shapes = tmp_path / "shapes.csv"
    shapes.write_text("batch,height,width,in_channels,filters,strides,dilation_rate\n1,9,9,4,4,2,2\n")
    options = ["--shapes", str(shapes), "--directions", "forward", "--benchmark-max-time=0.02"]
    done = pytest_bench(tmp_path, *options, "--benchmark-json", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stdout
    assert "SKIPPED" in done.stdout
    assert "strides > 1" in done.stdout
    loaded = load_results([tmp_path / "out.json"])
    assert loaded.not_measured["id"].tolist() == ["conv2d-forward-1x9x9x4-f4-k3-s2-d2"]
    assert loaded.layers["layer"].tolist() == ["separable_conv2d"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--grid", "huge"], "there is no grid 'huge'; there are: smoke, default"),
        (["--grid", "smoke", "--shapes", "x.csv"], "exclude each other"),
        (["--shapes", "no-such-file.csv"], "cannot read the shapes file no-such-file.csv"),
        (["--directions", "sideways"], "--directions has no 'sideways'; there are: forward, backward, train"),
        (["--shuffle-seed", "x"], "--shuffle-seed must be a whole number"),
        (["--grid", "smoke", "--devices", "GPU:7"], "there is no device 'GPU:7' here; there are: CPU:0"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_options_end_in_one_sentence_and_exit_code_2(tmp_path, options, words):
    done = pytest_bench(tmp_path, *MADE, *options, "--benchmark-autosave")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.rglob("*.json")) == []


def test_an_impossible_shape_is_refused_with_its_line(tmp_path):
    shapes = tmp_path / "shapes.csv"
    shapes.write_text("height,kernel_size,padding\n32,3,valid\n3,5,valid\n")
    done = pytest_bench(tmp_path, "--shapes", str(shapes))
    assert done.returncode == 2
    assert "shapes.csv, line 3: with padding 'valid' a kernel that spans 5 does not fit" in done.stderr
