"""The commands that reports print: a shell and pytest must find in them what was measured."""

import dataclasses
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
from bench.contract.case_ids import parse_id
from bench.contract.cases import ConvCase
from bench.session.selection import choose_ceilings
from tests.analysis import made_results

PROJECT = Path(__file__).parents[3]
CASE = ConvCase("separable_conv2d", mode="eager", dtype="float64", direction="train")


def run_with(environment=None, **asked):
    facts = {**made_results.ENVIRONMENT, **(environment or {})}
    return MeasuredRun(0, "identity", file="a.json", datetime="2026-01-01", environment=facts, **asked)


def test_a_comparison_is_asked_for_by_its_id():
    command = repeating.write_measure_again([dataclasses.replace(CASE, layer="conv2d"), CASE], run_with())
    assert command == (
        "pytest bench/bench_layers.py --case train-8x32x32x64-f64-k3-float64-eager --benchmark-autosave"
    )
    assert repeating.write_trace([CASE], run_with()) == (
        "pytest bench/bench_layers.py --case train-8x32x32x64-f64-k3-float64-eager --profile all "
        "--benchmark-autosave"
    )


def test_a_part_is_asked_for_by_its_own_id():
    part = ConvCase("depthwise_conv2d")
    assert f"--case {part.id} " in repeating.write_measure_again([part], run_with())


def test_ceilings_are_asked_for_by_cases_that_need_all_of_them():
    cases = [ConvCase(batch=batch, mode=mode, dtype=dtype) for batch, mode, dtype in (
        (1, "graph", "float32"), (2, "graph", "float32"), (3, "xla", "float32"), (4, "xla", "float16"),
        (5, "graph", "float16"),
    )]  # fmt: skip
    command = repeating.write_ceilings(cases, run_with(grid="default"))
    words = shlex.split(command)
    assert words[:3] == ["pytest", "bench/bench_ceilings.py", "--case"]
    asked = [parse_id(word) for word in words[3].split(",")]
    assert asked == [cases[0], cases[2], cases[3]]
    assert choose_ceilings(asked) == choose_ceilings(cases)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"grid": "my layers.csv", "shapes": "my layers.csv"}, ["--shapes", "my layers.csv"]),
        ({"grid": "layers", "shapes": "layers"}, ["--shapes", "layers"]),
        ({"grid": "$(rm -rf x).csv"}, ["--shapes", "$(rm -rf x).csv"]),
        ({"grid": "mobilenet"}, ["--grid", "mobilenet"]),
        ({"grid": "--case"}, ["--case", "train-8x32x32x64-f64-k3-float64-eager"]),
        ({}, []),
    ],
)
def test_a_campaign_names_what_a_run_measured_as_it_was_named_and_quoted(facts, words):
    run = run_with(**facts)
    found = shlex.split(repeating.write_campaign(run, run, [CASE]))
    axes = [] if "--case" in words else ["--modes", "eager", "--dtypes", "float64"]
    assert found[3:] == [
        *("--environment", "before=current", "--environment", "after=current"),
        *words,
        *axes,
    ]


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
        assert words[:3] == ["bench/bench_layers.py", "--case", "train-1x4x4x2-f4-k3-float64-eager"]
        done = measure(tmp_path, *words[1:], "--benchmark-max-time=0.01", select=words[:1])
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2 passed" in done.stdout
