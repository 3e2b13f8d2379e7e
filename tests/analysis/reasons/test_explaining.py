import dataclasses
import json
import math
import os

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from analysis.answers.reasons import write_reasons
from analysis.cli.main import main
from analysis.limits import roofline
from analysis.pairs.table import tabulate_pairs
from analysis.reasons.explaining import compute_factors, explain_pairs
from analysis.reasons.stopwatches import compare_stopwatches
from analysis.results.loading import load_results
from analysis.traces.step import KERNELS
from bench.contract import cost
from bench.contract.cases import ConvCase
from tests.analysis import made_results, made_traces

TRAIN = ConvCase(direction="train")
DENSE = [("a:Conv2D", 1, 3), ("b:Conv2DBackpropInput", 3, 5), ("c:Conv2DBackpropFilter", 5, 8)]
SEPARABLE = [
    ("a:DepthwiseConv2dNative", 1, 2),
    ("b:Conv2D", 2, 3),
    ("c:Conv2DBackpropInput", 3, 4),
    ("d:Conv2DBackpropFilter", 4, 5),
    ("e:DepthwiseConv2dNativeBackpropInput", 5, 6),
    ("f:DepthwiseConv2dNativeBackpropFilter", 6, 7),
]


def traced(folder, case=TRAIN, dense=DENSE, separable=SEPARABLE, rows=()):
    """A result file below ``folder`` whose comparison was traced, in the layout of reports/example."""
    (folder / "results").mkdir(parents=True)
    found = made_results.comparison_rows(case, 0.002, 1.5)
    for row, events in zip(found, (dense, separable), strict=True):
        layer = ConvCase.from_dict(row["extra_info"]["case"])
        made_traces.save(folder / "traces/run" / layer.id, made_traces.graph_step(0, events), layer)
        row["extra_info"]["trace"] = f"traces/run/{layer.id}"
    return made_results.save(folder / "results", [*found, *made_results.ceilings(), *rows])


def explained(file):
    loaded = load_results([file])
    return explain_pairs(loaded, tabulate_pairs(loaded))


positive = st.floats(1e-9, 1e9)


@given(positive, positive, positive, positive, positive, st.floats(1e-3, 1), st.floats(1e-3, 1))
def test_the_four_factors_multiply_back_to_the_ratio(ratio, f_s, f_d, l_s, l_d, k_s, k_d):
    row = {
        "ratio": ratio,
        "separable_flops": f_s,
        "dense_flops": f_d,
        "separable_limit_seconds": l_s,
        "dense_limit_seconds": l_d,
    }
    found = compute_factors(row, dense_in_kernels=k_d, separable_in_kernels=k_s)
    assert math.isclose(found.product, ratio, rel_tol=1e-9)
    # Each is what its name says, with K the share in kernels of a wall time of ``ratio`` and 1.
    assert math.isclose(found.flops, f_s / f_d, rel_tol=1e-9)
    assert math.isclose(found.limit, (l_s / f_s) / (l_d / f_d), rel_tol=1e-9)
    assert math.isclose(found.kernels, (k_s * ratio / l_s) / (k_d / l_d), rel_tol=1e-9)
    assert math.isclose(found.outside, k_d / k_s, rel_tol=1e-9)


def test_a_traced_pair_is_explained_by_operation(tmp_path):
    (one,) = explained(traced(tmp_path)).pairs
    assert math.isclose(one.factors.product, one.ratio, rel_tol=1e-9)
    assert one.factors.outside == pytest.approx(0.7 / 0.6)
    of_layer = one.operations[one.operations["layer"] == "separable_conv2d"]
    assert of_layer["seconds"].sum() == pytest.approx(
        one.accounted["separable_conv2d"] * one.seconds["separable_conv2d"]
    )
    ceilings = roofline.find_ceilings(load_results([tmp_path / "results/0001_made.json"]).ceilings)["CPU:0"]
    for kernel in cost.list_kernels(dataclasses.replace(TRAIN, layer="separable_conv2d")):
        row = of_layer[(of_layer["operation"] == kernel.operation) & (of_layer["role"] == kernel.role)].iloc[
            0
        ]
        assert row["seconds"] == pytest.approx(0.1 * 0.003)
        assert row["flops_per_second"] == pytest.approx(kernel.flops / row["seconds"])
        limit = roofline.compute_kernel_limit(kernel, "float32", ceilings)
        assert row["of_limit"] == pytest.approx(limit.seconds / row["seconds"])
        assert row["bound_by"] == limit.bound_by


def test_what_is_no_convolution_has_no_costs(tmp_path):
    (one,) = explained(traced(tmp_path, separable=[*SEPARABLE, ("g:BiasAddGrad", 7, 8)])).pairs
    bias = one.operations[one.operations["operation"] == "bias"].iloc[0]
    assert bias["bound_by"] == ""
    assert math.isnan(bias["flops"])
    assert math.isnan(bias["of_limit"])


def test_a_pair_that_cannot_be_explained_is_listed_with_the_reason(tmp_path):
    untraced = made_results.comparison_rows(dataclasses.replace(TRAIN, batch=1), 0.002, 1.5)
    other_dtype = made_results.comparison_rows(dataclasses.replace(TRAIN, dtype="float64"), 0.002, 1.5)
    file = traced(tmp_path, rows=[*untraced, *other_dtype])
    found = explained(file)
    assert [one.pair for one in found.pairs] == [TRAIN.comparison]
    assert set(found.missing["reason"]) == {"no trace of conv2d and separable_conv2d"}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda trace: trace.write_bytes(b""), "is empty"),
        (lambda trace: trace.write_bytes(trace.read_bytes()[:-7]), "cut off"),
        (lambda trace: trace.write_text("foreign"), "is no trace"),
        (lambda trace: trace.unlink(), "there is no trace in"),
        (lambda trace: (trace.parents[3] / "capture.json").unlink(), "does not say how"),
    ],
)
def test_a_damaged_trace_costs_its_own_pair_and_no_more(tmp_path, damage, reason):
    file = traced(tmp_path)
    trace = next(tmp_path.glob("traces/run/separable*/plugins/profile/run/*.pb"))
    damage(trace)
    found = explained(file)
    assert found.pairs == ()
    assert reason in found.missing.loc[0, "reason"]
    report = CliRunner().invoke(main, ["report", str(file), "--output", str(tmp_path / "report")])
    assert report.exit_code == 0, report.output
    assert reason in (tmp_path / "report/index.html").read_text()


def test_without_ceilings_or_kernels_nothing_is_explained(tmp_path):
    file = traced(tmp_path / "a", separable=[("x:Something", 1, 8)])
    assert "shows no convolution" in explained(file).missing.loc[0, "reason"]
    file = traced(tmp_path / "b")
    content = json.loads(file.read_text())
    content["benchmarks"] = [row for row in content["benchmarks"] if "case" in row["extra_info"]]
    file.write_text(json.dumps(content))
    assert "no ceilings were measured" in explained(file).missing.loc[0, "reason"]


def table(*milliseconds):
    return pd.DataFrame(
        [
            {"operation": "dense", "traced_seconds": traced / 1e3, "logged_seconds": logged / 1e3}
            for traced, logged in milliseconds
        ]
    )


def test_the_two_stopwatches_are_compared_on_long_kernels_only():
    watches = compare_stopwatches([table((2.0, 2.1), (0.5, 5.0)), table((4.0, 4.0), (3.0, math.nan))])
    assert watches.kernels == 2
    assert watches.median_difference == pytest.approx(math.sqrt(1.05) - 1)
    assert watches.agree
    assert not compare_stopwatches([table((2.0, 3.0))]).agree
    assert compare_stopwatches([]).kernels == 0


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_prints_and_writes_the_same_explanation(tmp_path):
    file = traced(tmp_path)
    target = tmp_path / "why.json"
    done = run("explain", file, "--json", target)
    assert done.exit_code == 0, done.output
    (one,) = json.loads(target.read_text())["pairs"]
    assert one["pair"] == TRAIN.comparison
    assert one["direction"] == "train"
    assert set(one["seconds"]) == set(one["accounted"]) == {"conv2d", "separable_conv2d"}
    assert math.isclose(np.prod(list(one["factors"].values())), one["ratio"], rel_tol=1e-9)
    assert list(one["factors"]) == ["flops", "limit", "kernels", "outside"]
    assert {row["operation"] for row in one["operations"]} >= {"dense", "depthwise", "pointwise", "idle"}
    assert all({"code", "says", "advice", "evidence"} <= set(finding) for finding in one["findings"])
    assert TRAIN.comparison in done.output
    for finding in one["findings"]:
        assert finding["says"] in done.output


@pytest.mark.parametrize("wanted", [TRAIN.comparison, TRAIN.id, f"separable_conv2d-{TRAIN.comparison}"])
def test_one_comparison_can_be_asked_for_by_any_of_its_ids(tmp_path, wanted):
    file = traced(
        tmp_path, rows=made_results.comparison_rows(dataclasses.replace(TRAIN, batch=1), 0.002, 1.5)
    )
    done = run("explain", file, "--case", wanted)
    assert done.exit_code == 0, done.output
    assert "not explained" not in done.output


@pytest.mark.parametrize(
    "arguments", [["--case", "nonsense"], ["--json", "/no/such/folder/why.json"], ["--json", ""]]
)
def test_bad_input_gets_one_sentence_and_exit_code_2(tmp_path, arguments):
    done = run("explain", traced(tmp_path), *arguments)
    assert done.exit_code == 2
    assert done.output.startswith("Error: ")
    assert done.output.count("\n") == 1


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        done = run(
            "explain",
            made_results.save(tmp_path, made_results.comparison_rows(TRAIN, 0.002, 0.5)),
            "--json",
            pipe,
        )
        assert done.exit_code == 0, done.output
        assert json.loads(os.read(reader, 1 << 16))["pairs"] == []
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_results_without_any_comparison_are_said_so(tmp_path):
    done = run("explain", made_results.save(tmp_path, made_results.ceilings()))
    assert done.exit_code == 2
    assert "nothing here compares SeparableConv2D with Conv2D" in done.output


def test_a_process_that_traced_at_another_speed_is_a_caution(tmp_path):
    (one,) = explained(traced(tmp_path)).pairs
    assert one.drift == pytest.approx({"conv2d": 0.010 / 0.002, "separable_conv2d": 0.010 / 0.003})
    assert "a step took 5.0 times as long as measured" in one.cautions[0]
    calm = dataclasses.replace(one, drift={"conv2d": 1.1, "separable_conv2d": 0.9})
    assert calm.cautions == []


def test_the_sentence_tells_both_times_outside_kernels_and_the_verdict(tmp_path):
    (one,) = explained(traced(tmp_path)).pairs
    # 30 % of 2 ms and 40 % of 3 ms.
    assert "outside kernels it spends 1.2 ms, Conv2D 0.6 ms. Verdict: slower." in one.sentence


def test_an_explanation_of_layers_of_one_dimension_names_them_and_no_others(tmp_path):
    case = ConvCase(layer="conv1d", direction="train", height=1, kernel_size=(1, 3), input_gradient=False)
    # A first layer: nothing needs a gradient of its input.
    dense = [("a:Conv2D", 1, 3), ("c:Conv2DBackpropFilter", 3, 8)]
    separable = [event for event in SEPARABLE if "NativeBackpropInput" not in event[0]]
    found = explained(traced(tmp_path, case, dense, separable))
    (one,) = found.pairs
    assert one.sentence.startswith("SeparableConv1D is 1.50 times as slow")
    assert "Conv1D's; outside kernels it spends 1.5 ms, Conv1D 0.6 ms. Verdict: slower." in one.sentence
    (reasons,) = write_reasons(found)
    assert reasons.startswith("Why: in the one comparison that is slower and was traced, ")
    twice = dataclasses.replace(found, pairs=(*found.pairs, *found.pairs))
    assert write_reasons(twice)[0].startswith("Why: in the 2 comparisons that are slower and were traced, ")
    assert "SeparableConv1D's time goes to" in reasons
    assert "more kernels than Conv1D" in reasons
    told = [one.sentence, reasons]
    for finding in one.findings:
        told += [finding.title, finding.says, finding.advice]
    assert any("use Conv1D here" in words for words in told)
    assert not [words for words in told if "Conv2D" in words]


def test_the_report_on_traces_is_the_same_every_time_and_links_to_them(tmp_path):
    file = traced(tmp_path)
    pages = []
    for name in ("one", "two"):
        assert run("report", file, "--output", tmp_path / name).exit_code == 0
        pages.append((tmp_path / name / "index.html").read_bytes())
    assert pages[0] == pages[1]
    link = f'href="../traces/run/separable_conv2d-{TRAIN.comparison}"'
    assert link in pages[0].decode()
    assert (tmp_path / "one/figures/operations_roofline.svg").exists()


def test_without_any_trace_the_command_says_how_to_get_one(tmp_path):
    done = run("explain", made_results.save(tmp_path, made_results.comparison_rows(TRAIN, 0.002, 0.5)))
    assert done.exit_code == 0
    assert "--profile telling" in done.output


def test_every_overhead_of_a_trace_is_outside_kernels(tmp_path):
    (one,) = explained(traced(tmp_path)).pairs
    kernels = one.operations[one.operations["operation"].isin(KERNELS)]
    for layer, share in (("conv2d", 0.7), ("separable_conv2d", 0.6)):
        assert kernels.loc[kernels["layer"] == layer, "share"].sum() == pytest.approx(share)
