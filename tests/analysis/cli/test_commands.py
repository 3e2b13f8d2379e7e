"""The commands that reports print: a shell and pytest must find in them what was measured."""

import json
import re
import shlex
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from analysis.report.build import build_report
from analysis.results import repeating
from analysis.results.loading import load_results
from analysis.results.tables import MeasuredRun
from bench.contract.cases import ConvCase
from tests.analysis import made_results

PROJECT = Path(__file__).parents[3]
CASE = ConvCase("separable_conv2d", mode="eager", dtype="float64", direction="train")


def run_with(environment=None, **asked):
    facts = {**made_results.ENVIRONMENT, **(environment or {})}
    return MeasuredRun(0, "identity", file="a.json", datetime="2026-01-01", environment=facts, **asked)


def test_what_was_not_usual_is_asked_for_again():
    command = repeating.write_measure_again([CASE], run_with(grid="smoke"))
    assert command == (
        "pytest 'bench/bench_layers.py::test_layer[separable_conv2d-train-8x32x32x64-f64-k3-float64-eager]' "
        "--grid smoke --modes eager --dtypes float64 --benchmark-autosave"
    )
    assert repeating.write_trace([CASE], run_with(grid="smoke")).endswith(
        "--profile all --benchmark-autosave"
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"grid": "my layers.csv", "shapes": "my layers.csv"}, ["--shapes", "my layers.csv"]),
        ({"grid": "layers", "shapes": "layers"}, ["--shapes", "layers"]),
        ({"grid": "$(rm -rf x).csv"}, ["--shapes", "$(rm -rf x).csv"]),
        ({"grid": "mobilenet"}, ["--grid", "mobilenet"]),
        ({}, []),
    ],
)
def test_shapes_are_named_as_they_were_and_quoted(facts, words):
    found = shlex.split(repeating.write_measure_again([ConvCase()], run_with(**facts)))
    assert found[2 : 2 + len(words)] == words


def test_the_environment_is_set_again_too():
    flags = {"TF_ENABLE_ONEDNN_OPTS": "0", "KMP_AFFINITY": "granularity=fine,compact 1"}
    command = repeating.write_measure_again(
        [ConvCase()], run_with({"flags": flags, "backend": "jax"}, grid="smoke")
    )
    assert command.startswith(
        "KERAS_BACKEND=jax TF_ENABLE_ONEDNN_OPTS=0 KMP_AFFINITY='granularity=fine,compact 1' pytest "
    )


def measure(folder, *options, select=("bench/bench_layers.py",)):
    command = [
        *(sys.executable, "-m", "pytest", *select, "-p", "tests.bench.made_framework"),
        *(
            "-p",
            "no:cacheprovider",
            "--benchmark-quiet",
            f"--benchmark-storage=file://{folder}/saved",
            *options,
        ),
    ]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120)


def test_the_commands_of_a_report_made_with_unusual_options_run(tmp_path):
    shapes = tmp_path / "my $shapes"
    shapes.write_text("batch,height,width,in_channels,filters\n1,4,4,2,4\n")
    options = ("--shapes", str(shapes), "--modes", "eager", "--dtypes", "float64", "--directions", "train")
    done = measure(tmp_path, *options, "--benchmark-autosave", "--benchmark-max-time=0.01")
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(next((tmp_path / "saved").rglob("*.json")).read_text())
    content["machine_info"]["environment"]["backend"] = "tensorflow"
    (tmp_path / "result.json").write_text(json.dumps(content))
    page = build_report(load_results([tmp_path / "result.json"]), tmp_path).html
    rows = re.search(r'id="rows-comparisons">(.*?)</script>', page, re.DOTALL)[1]
    printed = set(re.findall(r'"([^"]*pytest [^"]*bench_layers[^"]*)"', json.dumps(json.loads(rows))))
    printed = {unescape(command) for command in printed}
    assert len(printed) == 2
    for command in printed:
        # Without a framework nothing can be traced.
        words = [word for word in shlex.split(command) if word not in ("--profile", "all")]
        words = words[words.index("pytest") + 1 :]
        assert [word.partition("::")[0] for word in words[:2]] == ["bench/bench_layers.py"] * 2
        done = measure(tmp_path, *words[2:], "--benchmark-max-time=0.01", select=words[:2])
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2 passed" in done.stdout
