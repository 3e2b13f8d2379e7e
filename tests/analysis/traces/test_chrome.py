"""PyTorch's traces: made ones, in the layout that its profiler writes."""

import gzip
import json

import pytest

from analysis.traces.formats import chrome
from analysis.traces.line import TraceError
from analysis.traces.step import read_trace
from bench.contract.cases import ConvCase

SEPARABLE = ConvCase(layer="separable_conv2d", direction="train")
WEIGHTS = {"depthwise": [64, 1, 3, 3], "pointwise": [64, 64, 1, 1]}


def event(name, start, end, *, cat="cpu_op", shapes=None, thread=7, **args):
    """Times in ms."""
    if shapes:
        args["Input Dims"] = shapes
    return {
        "ph": "X", "cat": cat, "name": name, "pid": 7, "tid": thread, "ts": 1e9 + start * 1e3,
        "dur": (end - start) * 1e3, "args": args,
    }  # fmt: skip


def forward(start, end, weights):
    """As PyTorch nests them: wrappers, what computes, and what that allocates."""
    shapes = [[8, 64, 32, 32], weights]
    inner = (start + 0.3, end - 0.1)
    return [
        event("aten::conv2d", start, end, shapes=shapes),
        event("aten::convolution", start + 0.1, end, shapes=shapes),
        event("aten::mkldnn_convolution", *inner, shapes=shapes),
        event("aten::empty", inner[0], inner[0] + 0.1),
    ]


def backward(start, end, weights):
    return [
        event("ConvolutionBackward0", start, end),
        event("aten::convolution_backward", start + 0.1, end, shapes=[[], [], weights]),
        event("aten::empty", start + 0.2, start + 0.3),
    ]


STEP = [
    event("bench_step", 0, 20, cat="user_annotation"),
    event("aten::permute", 0.5, 0.7),
    event("aten::as_strided", 0.5, 0.6),
    *forward(1, 4, WEIGHTS["depthwise"]),
    *forward(4, 6, WEIGHTS["pointwise"]),
    event("aten::add", 6, 7),
    *backward(8, 12, WEIGHTS["pointwise"]),
    *backward(12, 18, WEIGHTS["depthwise"]),
]


def save(folder, events, case=SEPARABLE, name="host.1.pt.trace.json"):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"schemaVersion": 1, "traceEvents": [{"ph": "M", "name": "process_name"}, *events]})
    if name.endswith(".gz"):
        (folder / name).write_bytes(gzip.compress(text.encode()))
    else:
        (folder / name).write_text(text)
    captured = {"case": case.as_dict(), "steps": 1, "untraced_step_seconds": [0.02]}
    (folder / "capture.json").write_text(json.dumps(captured))
    return folder


def milliseconds(trace):
    table = trace.operations
    keys = (f"{row.operation} {row.role}".strip() for row in table.itertuples())
    return {key: round(value * 1e3, 6) for key, value in zip(keys, table["seconds_a_step"], strict=True)}


@pytest.mark.parametrize("name", ["host.1.pt.trace.json", "host.1.pt.trace.json.gz"])
def test_convolutions_count_whole_and_once_and_are_told_apart_by_their_weights(tmp_path, name):
    trace = read_trace(save(tmp_path, STEP, name=name), SEPARABLE)
    found = milliseconds(trace)
    assert found["depthwise forward"] == pytest.approx(2.6)
    assert found["pointwise forward"] == pytest.approx(1.6)
    assert found["pointwise gradients"] == pytest.approx(3.9)
    assert found["depthwise gradients"] == pytest.approx(5.9)
    assert found["bias"] == 1.0
    assert found["view"] == pytest.approx(0.1)
    # What its wrappers take beyond it, and the backward engine, is the runtime's.
    assert found["dispatch"] == pytest.approx(0.1 + 0.4 + 0.4 + 0.1 + 0.1)
    assert trace.step_seconds == pytest.approx(0.02)
    assert not trace.compiled


def test_onednns_log_says_how_much_of_a_gradient_operation_is_which(tmp_path):
    line = "onednn_verbose,v1,primitive,exec,cpu,convolution,{},{},src:f32::blocked:acdb,,,{},{}"
    problems = {
        "depthwise": "g64mb8_ic64oc64_ih32oh32kh3_iw32ow32kw3",
        "pointwise": "mb8_ic64oc64_ih32oh32kh1_iw32ow32kw1",
    }
    logged = ["bench_step 0"]
    for operation, problem in problems.items():
        logged += [
            line.format("jit", "forward_training", problem, 1.0),
            line.format("jit_data", "backward_data", problem, 1.0),
            line.format("jit_weights", "backward_weights", problem, 3.0 if operation == "depthwise" else 1.0),
        ]
    folder = save(tmp_path, STEP)
    (folder / "onednn.log").write_text("\n".join(logged) + "\n")
    trace = read_trace(folder, SEPARABLE)
    found = milliseconds(trace)
    assert found["depthwise weight_gradient"] == pytest.approx(5.9 * 3 / 4)
    assert found["depthwise input_gradient"] == pytest.approx(5.9 / 4)
    assert found["pointwise weight_gradient"] == pytest.approx(3.9 / 2)
    assert trace.problems == ()
    rows = trace.operations.set_index(["operation", "role"])["implementation"]
    assert rows["depthwise", "weight_gradient"] == "jit_weights"


def test_a_first_layer_has_one_gradient_and_needs_no_log(tmp_path):
    case = ConvCase(direction="backward", input_gradient=False)
    events = [event("bench_step", 0, 20, cat="user_annotation"), *backward(1, 9, [64, 64, 3, 3])]
    assert milliseconds(read_trace(save(tmp_path, events, case), case))["dense weight_gradient"] == 7.9


def test_on_a_gpu_kernels_are_the_operations(tmp_path):
    case = ConvCase(device="GPU:0")
    shapes = [[8, 64, 32, 32], [64, 64, 3, 3]]
    events = [
        event("bench_step", 0, 10, cat="user_annotation"),
        event("aten::cudnn_convolution", 1, 1.2, shapes=shapes, **{"External id": 5}),
        event("sm90_xmma_fprop_implicit_gemm", 2, 7, cat="kernel", thread=13, **{"External id": 5}),
    ]
    for one in events[2:]:
        one["pid"] = 0
    trace = read_trace(save(tmp_path, events, case), case)
    row = trace.operations.iloc[0]
    assert (row["operation"], row["role"]) == ("dense", "forward")
    assert row["implementation"] == "cuDNN: sm90_xmma_fprop_implicit_gemm"
    assert row["seconds_a_step"] == pytest.approx(5e-3)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: '{"traceEvents": 3}',
        lambda text: '{"traceEvents": [{"ph": "X", "name": "a"}]}',
        lambda text: '{"traceEvents": [{"ph": "X", "name": "a", "pid": 1, "tid": 1, "ts": "NaN"}]}',
        lambda text: '{"traceEvents": []}',
        # A convolution whose weights have no sizes.
        lambda text: text.replace("[64, 1, 3, 3]", '["a", [], null]'),
    ],
)
def test_damage_is_one_sentence_that_names_the_file(tmp_path, damage):
    file = next(save(tmp_path, STEP).glob("*.pt.trace.json"))
    file.write_text(damage(file.read_text()))
    with pytest.raises(TraceError, match=r"host\.1\.pt\.trace\.json"):
        chrome.read_chrome_trace(file)


def test_a_flipped_byte_in_a_packed_trace_is_one_sentence(tmp_path):
    file = next(save(tmp_path, STEP, name="host.1.pt.trace.json.gz").glob("*.gz"))
    whole = file.read_bytes()
    for place in range(12, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with pytest.raises(TraceError, match=r"host\.1\.pt\.trace\.json\.gz"):
            chrome.read_chrome_trace(file)
