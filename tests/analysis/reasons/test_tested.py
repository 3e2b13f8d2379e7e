import dataclasses
import json

import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.reasons.causes.parts import (
    COLD_DATA,
    EMPTY_LANES,
    FIXED_COST,
    IMPLEMENTATION,
    KERNEL_CEILING,
    LARGE_DATA,
    THREADS,
    Cause,
)
from bench.contract import experiments as names
from bench.contract.cases import ConvCase
from bench.contract.experiments import Experiments, KernelExperiment
from tests.analysis import made_results
from tests.analysis.reasons.causes import made_arms
from tests.analysis.reasons.test_explaining import TRAIN, explained, traced
from tests.analysis.reasons.test_findings import CASE, codes, find, row

EVIDENCE = {
    COLD_DATA: {
        "alone_seconds": 1e-4,
        "in_step_seconds": 2e-4,
        "roof": "the kernel's own working set, 9 bytes",
    },
    FIXED_COST: {"seconds_by_batch": {"1": 1e-4, "2": 1.5e-4, "4": 2.5e-4}},
    THREADS: {
        "batch": 32,
        "one_thread_seconds": 1e-4,
        "all_threads_seconds": 1.2e-4,
        "threads": 2,
        "ceiling_gain": 1.9,
    },
    LARGE_DATA: {"seconds": 1e-4, "other_seconds": 2e-5, "scaled_by": 2.0, "shape": "1x16x16x64-f64-k3"},
    EMPTY_LANES: {
        "channels": 3,
        "lanes": 8,
        "filters": 3,
        "filters_in_whole_lanes": 8,
        "seconds": 1e-4,
        "other_seconds": 1.1e-4,
        "scaled_by": 0.375,
    },
    IMPLEMENTATION: {"setting": names.NO_ONEDNN, "seconds": 1e-4, "this_seconds": 3e-4},
    KERNEL_CEILING: {"of_limit": 0.4, "shape": "1x28x28x128-f128-k3"},
}


def examined(share=0.2, of_limit=0.1, role="forward", tried=tuple(EVIDENCE), **causes):
    """A kernel of which experiments say what part of it is lost to which cause."""
    seconds = share * 0.01
    found = tuple(
        Cause(code, part * seconds, (part * seconds, part * seconds), EVIDENCE[code])
        for code, part in causes.items()
    )
    return row(
        "depthwise",
        role,
        share=share,
        of_limit=of_limit,
        causes=found,
        remainder_seconds=seconds * (1 - of_limit - sum(causes.values())),
        remainder_interval=(0.0, seconds),
        tried=dict.fromkeys(tried, (0.0, 0.01)),
    )


@pytest.mark.parametrize(
    ("code", "says", "advice", "remedies"),
    [
        (COLD_DATA, "alone 0.1 ms, in the step 0.2 ms", "", ()),
        (
            FIXED_COST,
            "0.1 ms, with 2 times the images 0.15 ms",
            "larger batches",
            ("batch 8 times as large",),
        ),
        (THREADS, "of 32 images, with one thread 0.1 ms, with 2 0.12 ms", "intra-op threads to 1", ()),
        (LARGE_DATA, "with one thread 0.1 ms; at the pace of 1x16x16x64-f64-k3", "", ()),
        (
            EMPTY_LANES,
            "3 channels take 0.1 ms, 8 channels 0.11 ms",
            "8 channels take 1.10",
            ("Conv2D instead",),
        ),
        (IMPLEMENTATION, "0.3 ms as it is, 0.1 ms with oneDNN off", "TF_ENABLE_ONEDNN_OPTS=0", ()),
        (KERNEL_CEILING, "1x28x28x128-f128-k3, reaches 40 %", "", ()),
    ],
)
def test_a_cause_is_a_finding_with_what_was_tried_and_what_helps(code, says, advice, remedies):
    (finding,) = find(examined(**{code: 0.8}))
    assert finding.code == code
    assert says in finding.says
    assert finding.says.endswith(": 1.6 ms, 16 % of the step")
    assert finding.seconds == pytest.approx(0.0016)
    assert finding.share == pytest.approx(0.16)
    assert advice in finding.advice
    assert finding.remedies == remedies
    assert finding.kernels == {("depthwise", "forward")}
    assert finding.title
    json.dumps(finding.as_dict(), allow_nan=False)


def test_kernels_with_the_same_cause_are_one_finding():
    (finding,) = find(examined(**{THREADS: 0.8}), examined(role="input_gradient", **{THREADS: 0.7}))
    assert finding.seconds == pytest.approx(0.003)
    assert "depthwise forward" in finding.says
    assert "depthwise input gradient" in finding.says
    assert len(finding.evidence["tested"]) == 2


def test_a_cause_of_under_five_percent_of_the_step_is_no_finding():
    assert codes(examined(of_limit=0.4, **{THREADS: 0.2, FIXED_COST: 0.3})) == ["fixed_cost"]


def test_threads_that_pay_are_not_turned_off(monkeypatch):
    monkeypatch.setitem(EVIDENCE, THREADS, {**EVIDENCE[THREADS], "all_threads_seconds": 0.8e-4})
    (finding,) = find(examined(**{THREADS: 0.8}))
    assert finding.advice == "2 threads bring a factor of 1.25 only, but they pay"


@pytest.mark.parametrize(
    ("setting", "backend", "advice", "remedy"),
    [
        (names.FLOAT32, "tensorflow", "compute this layer in float32", None),
        (names.GRAPH_MODE, "tensorflow", "leave XLA off", "XLA off"),
        (names.GRAPH_MODE, "torch", "leave torch.compile off", "torch.compile off"),
        (names.LAST_CHANNELS, "tensorflow", "use channels_last", "channels last"),
        (names.AVX2, "tensorflow", "ONEDNN_MAX_CPU_ISA=AVX2 runs depthwise forward 3.0 times", None),
        (names.ONE_MULTIPLIER, "tensorflow", "several depthwise layers", "split depth multiplier"),
        (names.THREE_WIDE, "tensorflow", "use 3x3 kernels", "3x3 kernel"),
    ],
)
def test_every_other_implementation_has_its_advice(monkeypatch, setting, backend, advice, remedy):
    monkeypatch.setitem(EVIDENCE, IMPLEMENTATION, {**EVIDENCE[IMPLEMENTATION], "setting": setting})
    (finding,) = find(examined(**{IMPLEMENTATION: 0.8}), backend=backend)
    assert advice in finding.advice
    assert finding.remedies == ((remedy,) if remedy else ())


def test_what_experiments_leave_is_unexplained_with_its_own_time():
    (finding,) = find(examined())
    assert finding.code == "unexplained"
    assert finding.seconds == pytest.approx(0.9 * 0.002)
    assert "tried: calling it alone, more images, one thread" in finding.says
    assert "1.8 of 2 ms left" in finding.says
    assert codes(examined(**{THREADS: 0.3})) == ["unexplained", "threads"]
    assert codes(examined(**{THREADS: 0.3, KERNEL_CEILING: 0.3})) == ["threads", "kernel_ceiling"]
    (finding,) = find(examined(tried=()))
    assert "nothing could be tried" in finding.says


def test_an_experiment_wins_over_what_the_shape_suggests():
    case = dataclasses.replace(CASE, in_channels=1)
    own = {**examined(**{THREADS: 0.8}), "padded": True}
    assert codes(own, case=case) == ["threads"]
    assert codes({**own, "causes": None}, case=case)[0] == "empty_lanes"


@pytest.fixture
def fast_machine(monkeypatch):
    """A machine on which every kernel of ``traced`` is slow."""
    ceilings = made_results.ceilings
    monkeypatch.setattr(made_results, "ceilings", lambda: ceilings(1e13, lambda size: 1e11))


def add_experiments(folder, role, **changes):
    """Experiments on the depthwise kernels of the traced separable layer below ``folder``."""
    case = dataclasses.replace(TRAIN, layer="separable_conv2d")
    made = made_arms.make(**changes)
    own = ConvCase(layer="depthwise_conv2d", direction="train", use_bias=False)
    whole = dataclasses.replace(own, batch=own.batch * 4)
    arms = tuple(
        dataclasses.replace(arm, case=whole if arm.arm == names.WHOLE_LANES else own)
        for arm in made.kernels[0].arms
        if arm.arm != names.FRIENDLY
    )
    experiments = Experiments(case, 2, (KernelExperiment("depthwise", role, arms),), made.scalings)
    file = folder / "traces/run" / case.id / "experiments.json"
    file.write_text(json.dumps(experiments.as_dict()))
    return file


@pytest.mark.usefixtures("fast_machine")
def test_a_traced_kernel_with_experiments_is_a_sum_in_json(tmp_path):
    file = traced(tmp_path)
    add_experiments(tmp_path, "weight_gradient", in_step=4.0, whole_lanes=None, small_data=None)
    target = tmp_path / "why.json"
    done = CliRunner().invoke(main, ["explain", str(file), "--json", str(target)])
    assert done.exit_code == 0, done.output
    content = json.loads(target.read_text())
    assert content["controls"] == {"claimed": 0, "tried": 1}
    rows = {
        (each["layer"], each["operation"], each["role"]): each for each in content["pairs"][0]["operations"]
    }
    own = rows.pop(("separable_conv2d", "depthwise", "weight_gradient"))
    (cause,) = own["causes"]
    assert cause["cause"] == "cold_data"
    assert cause["interval"][0] <= cause["seconds"] <= cause["interval"][1]
    assert own["limit_seconds"] + cause["seconds"] + own["remainder_seconds"] == pytest.approx(
        own["seconds"], rel=1e-12
    )
    assert all(each["causes"] == [] and each["remainder_seconds"] is None for each in rows.values())
    codes = [finding["code"] for finding in content["pairs"][0]["findings"]]
    assert "cold_data" in codes


def test_a_damaged_file_of_experiments_leaves_the_trace_as_it_is(tmp_path):
    file = traced(tmp_path)
    without = explained(file)
    add_experiments(tmp_path, "forward").write_text("{}")
    found = explained(file)
    assert len(found.problems) == 1
    assert "experiments.json" in found.problems[0]
    assert [one.code for one in found.pairs[0].findings] == [one.code for one in without.pairs[0].findings]
    assert found.controls == (0, 0)


@pytest.mark.usefixtures("fast_machine")
def test_tables_of_a_report_hold_causes_as_text(tmp_path):
    file = traced(tmp_path)
    add_experiments(tmp_path, "weight_gradient", in_step=4.0, whole_lanes=None)
    done = CliRunner().invoke(main, ["report", str(file), "--output", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    for table in (
        pd.read_csv(tmp_path / "report/data/operations.csv"),
        pd.read_parquet(tmp_path / "report/data/operations.parquet"),
    ):
        texts = [text for text in table["causes"] if isinstance(text, str) and text]
        assert [json.loads(text)[0]["cause"] for text in texts] == ["cold_data"]
