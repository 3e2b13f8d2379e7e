import json
import sys

import pytest

from analysis.traces.step import KERNELS, read_trace
from bench.contract.cases import ConvCase
from bench.contract.trace_folder import STEP_NAME
from bench.session.onednn_probe import Probe
from bench.tracing import capturing, child
from bench.tracing.capturing import ProfilingError
from bench.tracing.choosing import choose_cases, parse_choice
from bench.tracing.job import Job
from bench.tracing.recording import STEPS, count_affordable_steps
from bench.tracing.refusals import Refusals

FORWARD, TRAIN = ConvCase(), ConvCase(direction="train")
CASES = [
    FORWARD,
    ConvCase(layer="separable_conv2d"),
    TRAIN,
    ConvCase(layer="separable_conv2d", direction="train"),
]
RATIOS = {FORWARD.comparison: 0.5, TRAIN.comparison: 1.5}


def test_a_job_survives_the_way_to_the_child():
    job = Job("trace", "some/folder", tuple(CASES), steps=3)
    assert Job.from_json(job.to_json()) == job


@pytest.mark.parametrize(
    ("choice", "chosen"), [("all", CASES), ("slow", CASES[2:]), (1, CASES[2:]), (2, CASES), (9, CASES)]
)
def test_all_slow_or_the_slowest_comparisons_are_chosen_with_both_layers(choice, chosen):
    assert choose_cases(choice, RATIOS, set(), CASES) == chosen


def test_telling_are_those_that_the_grid_marks_and_the_three_slowest():
    cases = [
        ConvCase(layer=layer, batch=batch)
        for batch in range(1, 7)
        for layer in ("conv2d", "separable_conv2d", "depthwise_conv2d")
    ]
    ratios = {case.comparison: 1 / case.batch for case in cases}
    marked = {case.comparison for case in cases if case.batch == 5}
    chosen = choose_cases("telling", ratios, marked, cases)
    assert sorted({case.batch for case in chosen}) == [1, 2, 3, 5]
    assert {case.layer for case in chosen} == {"conv2d", "separable_conv2d"}


def test_a_choice_is_a_word_or_a_number():
    texts = (None, "all", "slow", "telling", "3")
    assert [parse_choice(text) for text in texts] == [None, "all", "slow", "telling", 3]
    for text in ("some", "0", "-1", "1.5"):
        with pytest.raises(ValueError, match="--profile must be all, slow, telling or a number"):
            parse_choice(text)


def test_the_preflight_names_what_is_missing(monkeypatch):
    capturing.check_profiler()
    monkeypatch.setitem(sys.modules, "xprof.convert", None)
    with pytest.raises(ProfilingError, match=r"does not load \(xprof \d.*protobuf \d"):
        capturing.check_profiler()


def test_a_child_that_fails_costs_a_sentence_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "no-such-backend")
    told = []
    assert capturing.capture([FORWARD], tmp_path, told.append) == {}
    assert len(told) == 2
    assert "capturing trace failed (1): ValueError: KERAS_BACKEND is 'no-such-backend'" in told[0]


@pytest.mark.parametrize(
    ("version", "verbosity"),
    [
        ("", "1"),
        ("foreign", "1"),
        ("2.7.3", "1"),
        ("3.1.0", "1"),
        ("3.2.1", "dispatch,profile_exec"),
        ("3.10.0-rc", "dispatch,profile_exec"),
        ("4.0", "dispatch,profile_exec"),
    ],
)
def test_onednn_is_asked_what_it_refuses_where_it_knows_the_word(version, verbosity):
    assert capturing.choose_verbosity(version) == verbosity


def test_all_cases_are_traced_and_logged_with_what_onednn_refuses(monkeypatch, tmp_path):
    jobs = []
    monkeypatch.setattr(capturing, "run_child", lambda module, job, variables: jobs.append((job, variables)))
    capturing.capture(CASES, tmp_path, print, "3.7.3")
    assert [(job.kind, job.cases) for job, _ in jobs] == [
        ("trace", tuple(CASES)),
        ("primitives", tuple(CASES)),
    ]
    assert jobs[1][1]["ONEDNN_VERBOSE"] == "dispatch,profile_exec"


REFUSED = "onednn_verbose,v1,primitive,create:dispatch,convolution,unsupported isa,src/cpu/x64/jit.cpp:476\n"


def ran(problem, milliseconds):
    return (
        "onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx2,forward_training,src:f32 dst:f32,,"
        f"alg:convolution_direct,{problem},{milliseconds}\n"
    )


def test_what_onednn_refused_once_is_said_of_every_case_that_runs_the_same():
    refusals = Refusals()
    first = REFUSED + ran("mb1_ic3oc4", 0.5) + ran("mb1_ic8oc8", 0.5)
    assert refusals.repeat(first) == first
    # The first primitive again, one of which nothing was refused, and one that is not known.
    again = ran("mb1_ic3oc4", 0.7) + ran("mb1_ic8oc8", 0.7) + ran("mb2_ic3oc4", 0.7)
    assert refusals.repeat(again) == REFUSED + again
    assert refusals.repeat("no log\n") == "no log\n"
    assert refusals.repeat("") == ""


def loaded_onednn_version():
    """Of the framework here."""
    with Probe() as probe:
        return probe.answer().version


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    small = {"batch": 2, "height": 16, "width": 16, "in_channels": 16, "filters": 16}
    cases = [
        ConvCase(layer="separable_conv2d", direction="train", mode=mode, **small) for mode in ("graph", "xla")
    ]
    told = []
    found = capturing.capture(cases, folder, told.append, loaded_onednn_version())
    assert told == []
    return [found[case] for case in cases]


def test_a_trace_lies_where_tensorboard_looks_and_names_the_depthwise_gradient(captured):
    from xprof.convert import raw_to_tool_data

    (trace,) = captured[0].glob("plugins/profile/*/*.xplane.pb")
    table, _ = raw_to_tool_data.xspace_to_tool_data(
        [str(trace)], "framework_op_stats", {"use_saved_result": False}
    )
    text = table.decode() if isinstance(table, bytes) else table
    assert "DepthwiseConv2dNativeBackpropFilter" in text


def test_how_a_case_was_captured_is_kept_beside_its_trace(captured):
    facts = json.loads((captured[0] / "capture.json").read_text())
    assert ConvCase.from_dict(facts["case"]).mode == "graph"
    assert facts["inter_op_threads"] == 1
    for each in ("untraced_step_seconds", "traced_step_seconds", "caller_cpu_seconds"):
        assert len(facts[each]) == facts["steps"]
    assert all(0 <= seconds < 1 for seconds in facts["caller_cpu_seconds"])


def test_the_primitive_log_names_implementations_of_all_steps(captured):
    lines = (captured[0] / "onednn.log").read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(STEP_NAME)]
    depthwise = [line for line in lines[starts[0] :] if "exec" in line and ",g16mb2" in line]
    for direction in ("forward", "backward_data", "backward_weights"):
        ran = [line for line in depthwise if direction in line]
        assert len(ran) == STEPS
    first_step = lines[starts[0] : starts[1]]
    assert len(starts) == STEPS
    assert sum(line in depthwise for line in first_step) == 3
    assert not (captured[1] / "onednn.log").exists()


def test_what_onednn_says_while_the_case_is_made_ready_comes_before_the_first_step(captured):
    lines = (captured[0] / "onednn.log").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(STEP_NAME))
    assert any(",exec,cpu,convolution," in line for line in lines[:first])
    # Settling takes hundreds of calls.
    assert first < 200


def test_xla_leaves_the_program_it_compiled(captured):
    assert "ENTRY" in (captured[1] / "optimized_hlo.txt").read_text()
    assert not (captured[0] / "optimized_hlo.txt").exists()


def test_what_was_captured_is_what_the_analysis_reads(captured):
    for folder, mode in zip(captured, ("graph", "xla"), strict=True):
        case = ConvCase.from_dict(json.loads((folder / "capture.json").read_text())["case"])
        trace = read_trace(folder, case)
        kernels = trace.operations[trace.operations["operation"].isin(KERNELS)]
        assert len(kernels) == 6
        assert trace.compiled == (mode == "xla")
        assert trace.accounted > 0.5
        assert trace.problems == ()


def test_long_calls_are_captured_for_fewer_steps(monkeypatch):
    now = iter([0.0, 1.0, 0.0, 0.2, 0.0, 0.001])
    monkeypatch.setattr(child.time, "perf_counter", lambda: next(now))
    assert [count_affordable_steps(lambda: None) for _ in range(3)] == [5, 10, 20]
