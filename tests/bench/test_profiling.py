import json
import sys

import pytest

from bench import precision, profiling
from bench.cases import ConvCase
from bench.profiling import Job, ProfilingError

FORWARD, TRAIN = ConvCase(), ConvCase(direction="train")
CASES = [
    FORWARD,
    ConvCase(layer="separable_conv2d"),
    TRAIN,
    ConvCase(layer="separable_conv2d", direction="train"),
]
RATIOS = {FORWARD.comparison: 0.5, TRAIN.comparison: 1.5}


def test_a_job_survives_the_way_to_the_child():
    job = Job("trace", "some/folder", tuple(CASES))
    assert Job.from_json(job.to_json()) == job


@pytest.mark.parametrize(
    ("choice", "chosen"), [("all", CASES), ("slow", CASES[2:]), (1, CASES[2:]), (2, CASES), (9, CASES)]
)
def test_all_slow_or_the_slowest_comparisons_are_chosen_with_both_layers(choice, chosen):
    assert profiling.choose(choice, RATIOS, CASES) == chosen


def test_a_choice_is_a_word_or_a_number():
    assert [profiling.parse_choice(text) for text in (None, "all", "slow", "3")] == [None, "all", "slow", 3]
    for text in ("some", "0", "-1", "1.5"):
        with pytest.raises(ValueError, match="--profile must be all, slow or a number"):
            profiling.parse_choice(text)


def test_the_preflight_names_what_is_missing(monkeypatch):
    profiling.preflight()
    monkeypatch.setitem(sys.modules, "xprof.convert", None)
    with pytest.raises(ProfilingError, match=r"does not load \(xprof \d.*protobuf \d"):
        profiling.preflight()


def test_a_child_that_fails_costs_a_sentence_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "no-such-backend")
    told = []
    assert profiling.capture([FORWARD], tmp_path, told.append) == {}
    assert len(told) == 2
    assert "capturing trace failed (1): ValueError: KERAS_BACKEND is 'no-such-backend'" in told[0]


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    small = {"batch": 2, "height": 16, "width": 16, "in_channels": 16, "filters": 16}
    cases = [
        ConvCase(layer="separable_conv2d", direction="train", mode=mode, **small) for mode in ("graph", "xla")
    ]
    told = []
    found = profiling.capture(cases, folder, told.append)
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
    assert len(facts["untraced_step_seconds"]) == len(facts["traced_step_seconds"]) == facts["steps"]


def test_the_primitive_log_names_implementations_of_all_steps(captured):
    lines = (captured[0] / "onednn.log").read_text().splitlines()
    depthwise = [line for line in lines if "exec" in line and ",g16mb2" in line]
    for direction in ("forward", "backward_data", "backward_weights"):
        ran = [line for line in depthwise if direction in line]
        assert len(ran) == profiling.STEPS
    assert not (captured[1] / "onednn.log").exists()


def test_xla_leaves_the_program_it_compiled(captured):
    assert "ENTRY" in (captured[1] / "optimized_hlo.txt").read_text()
    assert not (captured[0] / "optimized_hlo.txt").exists()


def test_the_precision_table_shows_both_variations_and_their_ratio():
    ratios = {(way, "lock-step"): [0.50, 0.51] for way in ("forward", "backward", "train")}
    ratios |= {(way, "in turn"): [0.40, 0.60] for way in ("forward", "backward", "train")}
    lines = precision.table(ratios, 2, "1.0").splitlines()
    assert "forward    lock-step   0.505  0.500  0.510       1.4%" in lines
    assert sum("lock-step varies 0.05 times as much as in turn" in line for line in lines) == 3
