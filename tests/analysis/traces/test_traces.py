import json
from pathlib import Path

import pytest

from analysis.traces.line import TraceError
from analysis.traces.step import COLUMNS, KERNELS, read_trace
from bench.contract.cases import ConvCase
from tests.analysis import made_traces

SEPARABLE = ConvCase(layer="separable_conv2d", direction="train")
DATA = Path(__file__).parents[2] / "data/traces"
REAL = sorted(DATA.iterdir())


def milliseconds(trace):
    table = trace.operations
    keys = (f"{row.operation} {row.role}".strip() for row in table.itertuples())
    return {key: round(value * 1e3, 6) for key, value in zip(keys, table["seconds_a_step"], strict=True)}


def read(folder, lines, case=SEPARABLE, **more):
    return read_trace(made_traces.save(folder / "case", lines, case, **more), case)


def test_every_instant_of_a_graph_step_is_given_once(tmp_path):
    lines = made_traces.graph_step(
        0,
        [
            ("ExecutorState::Process", 2, 8),
            ("layer/depthwise:_MklNativeDepthwiseConv2dNative", 2, 5),
            ("layer/BiasAdd:_MklNativeFusedConv2D", 5.5, 7.5),
        ],
    )
    trace = read(tmp_path, lines)
    assert milliseconds(trace) == {
        "depthwise forward": 3.0,
        "pointwise forward": 2.0,
        "executor": 1.0,
        "idle": 2.0,
        "dispatch": 1.0,
    }
    # What lies before the first and after the last event of the caller has no name.
    assert trace.accounted == pytest.approx(0.9)
    assert trace.in_kernels == pytest.approx(0.5)
    assert trace.step_seconds == pytest.approx(0.01)
    assert not trace.compiled


def test_operations_that_overlap_share_their_instants(tmp_path):
    lines = made_traces.graph_step(0, [("a:Conv2DBackpropInput", 2, 6), ("b:Conv2DBackpropFilter", 4, 8)])
    trace = read(tmp_path, lines, ConvCase(direction="backward"))
    assert milliseconds(trace)["dense input_gradient"] == 3.0
    assert milliseconds(trace)["dense weight_gradient"] == 3.0


def test_an_operation_that_holds_others_is_not_counted(tmp_path):
    lines = made_traces.graph_step(0, [("f:StatefulPartitionedCall", 2, 8), ("f/a:Conv2D", 3, 7)])
    trace = read(tmp_path, lines, ConvCase())
    assert milliseconds(trace)["dense forward"] == 4.0
    assert sum(milliseconds(trace).values()) == pytest.approx(9.0)


def test_python_counts_as_far_as_the_callers_clock_says_that_it_ran(tmp_path):
    lines = made_traces.graph_step(0, [("a:Conv2D", 1, 9)])
    for clock, expected in ((None, None), (0.5, None), (1.4, 0.4), (5.0, 1.0)):
        folder = tmp_path / str(clock)
        trace = read(folder, lines, ConvCase(), caller_cpu_ms=None if clock is None else [clock])
        assert milliseconds(trace).get("python") == expected


def test_steps_slower_than_the_median_are_left_out(tmp_path):
    steps = [
        made_traces.graph_step(0, [("a:Conv2D", 1, 3)], 4.0),
        made_traces.graph_step(10, [("a:Conv2D", 1, 3)], 4.0),
    ]
    steps += [made_traces.graph_step(20, [("a:Conv2D", 1, 39)], 40.0)]
    lines = {name: [event for step in steps for event in step[name]] for name in steps[0]}
    trace = read(tmp_path, lines, ConvCase())
    assert trace.step_seconds == pytest.approx(0.004)
    assert milliseconds(trace)["dense forward"] == 2.0


def test_eager_operations_are_what_the_runtime_ran_inside_the_call(tmp_path):
    caller = [
        ("bench_step", 0, 10),
        ("EagerLocalExecute: DepthwiseConv2dNative", 1, 5),
        ("KernelAndDeviceFunc::Run", 2, 4),
        ("EagerLocalExecute: SyncDevice", 6, 8),
        ("KernelAndDeviceFunc::Run", 6.5, 7.5),
    ]
    trace = read(tmp_path, {made_traces.CALLER: caller})
    assert milliseconds(trace) == {"depthwise forward": 2.0, "synchronise": 2.0, "dispatch": 2.0}


PROGRAM = """HloModule m

ENTRY %main (p0: f32[8,32,32,64], p1: f32[3,3,64,1]) -> f32[8,32,32,64] {
  %p0 = f32[8,32,32,64]{3,2,1,0} parameter(0)
  %p1 = f32[3,3,64,1]{3,2,1,0} parameter(1)
  %copied = f32[3,3,1,64]{3,2,1,0} copy(%p1)
  ROOT %conv.1 = f32[8,32,32,64]{3,2,1,0} convolution(%p0, %copied), feature_group_count=64, metadata={op_type="DepthwiseConv2dNative" op_name="x"}
}
"""  # noqa: E501


def xla_step():
    """An instruction whose work ends on another thread than it was dispatched on."""
    return {
        made_traces.CALLER: [
            ("bench_step", 0, 10),
            ("CpuExecutable::ExecuteAsyncOnStream", 1, 9),
            ("copied", 1.5, 2),
            ("end: copied", 2, 2),
            ("conv.1", 2, 2.1),
            ("BlockUntilReady", 2.1, 8.9),
        ],
        "worker": [("end: conv.1", 8, 8)],
    }


def test_an_instruction_of_xla_lasts_until_its_end_event(tmp_path):
    folder = made_traces.save(tmp_path / "case", xla_step(), SEPARABLE)
    (folder / "optimized_hlo.txt").write_text(PROGRAM)
    trace = read_trace(folder, SEPARABLE)
    assert milliseconds(trace) == {"depthwise forward": 6.0, "transpose": 0.5, "executor": 1.5}
    kernel = trace.operations.iloc[0]
    assert (kernel["implementation"], kernel["groups"]) == ("xla", 64)
    assert trace.compiled


def test_without_its_program_an_instruction_has_its_name_and_no_meaning(tmp_path):
    folder = made_traces.save(tmp_path / "case", xla_step(), SEPARABLE)
    (folder / "optimized_hlo.txt").write_text("nothing")
    trace = read_trace(folder, SEPARABLE)
    assert milliseconds(trace)["conv.1"] == 6.0
    assert trace.in_kernels == 0
    assert "is not the program in the trace" in trace.problems[0]


def test_a_kernel_has_what_onednn_refused_before_it_ran(tmp_path):
    folder = made_traces.save(
        tmp_path / "case",
        made_traces.graph_step(0, [("a:_MklNativeConv2D", 1, 8), ("b:BiasAdd", 8, 9)]),
        ConvCase(),
    )
    ran = (
        "onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx2,forward_training,src:f32::blocked:acdb::f0,,"
        "alg:convolution_direct,mb8_ic64oc64_ih32oh32kh3sh1dh0ph1_iw32ow32kw3sw1dw0pw1,4.5\n"
    )
    refused = "onednn_verbose,v1,primitive,create:dispatch,convolution,bad param ,src/cpu/x64/a.cpp:5\n"
    (folder / "onednn.log").write_text(f"{refused}{ran}bench_step 0\n{ran}")
    refusals = read_trace(folder, ConvCase()).operations.set_index("operation")["refusals"]
    assert refusals["dense"] == (("bad param", "src/cpu/x64/a.cpp:5"),)
    assert refusals["bias"] == ()
    (folder / "onednn.log").unlink()
    assert set(read_trace(folder, ConvCase()).operations["refusals"]) == {()}


def test_the_log_names_the_implementation_and_divides_off_the_reorders(tmp_path):
    folder = made_traces.save(
        tmp_path / "case", made_traces.graph_step(0, [("a:_MklNativeConv2D", 1, 9)]), ConvCase()
    )
    formats = "src:f32::blocked:cdba::f0 dst:f32::blocked:Acdb16a::f0,,"
    problem = "mb8_ic64oc64_ih32oh32kh3sh1dh0ph1_iw32ow32kw3sw1dw0pw1"
    (folder / "onednn.log").write_text(
        "bench_step 0\n"
        f"onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,{formats},64x64x3x3,1.5\n"
        f"onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx2,forward_training,{formats},"
        f"alg:convolution_direct,{problem},4.5\n"
    )
    trace = read_trace(folder, ConvCase())
    assert milliseconds(trace)["dense forward"] == 6.0
    assert milliseconds(trace)["reorder"] == 2.0
    kernel = trace.operations.iloc[0]
    assert (kernel["implementation"], kernel["logged_seconds_a_step"]) == ("jit:avx2", 0.0045)
    assert trace.logged


@pytest.mark.parametrize("folder", REAL, ids=lambda folder: folder.name)
def test_a_real_trace_shows_the_operations_of_its_case_and_where_the_step_went(folder):
    case = ConvCase.from_dict(json.loads((folder / "capture.json").read_text())["case"])
    trace = read_trace(folder, case)
    kernels = trace.operations[trace.operations["operation"].isin(KERNELS)]
    roles = {"forward": {"forward"}, "train": {"forward", "input_gradient", "weight_gradient"}}
    wanted = {(part, role) for part in ("depthwise", "pointwise") for role in roles[case.direction]}
    assert set(zip(kernels["operation"], kernels["role"], strict=True)) == wanted
    assert 0.9 < trace.accounted <= 1 + 1e-9
    assert trace.compiled == (case.mode == "xla" or folder.name.startswith("jax"))
    assert trace.problems == ()
    assert kernels["implementation"].all()


def test_a_folder_without_a_trace_is_refused_by_name(tmp_path):
    with pytest.raises(TraceError, match="there is no trace in"):
        read_trace(tmp_path, SEPARABLE)


def test_a_trace_of_something_else_is_refused(tmp_path):
    with pytest.raises(TraceError, match="holds no step called bench_step"):
        read(tmp_path, {"main": [("train", 0, 1)]})


def test_a_step_in_which_nothing_else_was_traced_has_no_operation(tmp_path):
    trace = read(tmp_path, {made_traces.CALLER: [("bench_step", 0, 10)]})
    assert trace.operations.empty
    assert list(trace.operations.columns) == list(COLUMNS)
    assert trace.accounted == trace.in_kernels == 0.0


NO_TIMES = ('["a"]', '"abc"', "[null]", '{"a": 1}', "[NaN]", "[-1]")


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        *(("untraced_step_seconds", seconds) for seconds in ("[]", "[0]", *NO_TIMES)),
        # This clock may be missing, or have stood still.
        *(("caller_cpu_seconds", seconds) for seconds in NO_TIMES),
    ],
)
def test_times_that_are_none_are_refused_by_name(tmp_path, name, seconds):
    folder = made_traces.save(tmp_path / "case", made_traces.graph_step(0, [("a:Conv2D", 1, 9)]))
    captured = json.loads((folder / "capture.json").read_text())
    text = json.dumps({**captured, name: "HERE"}).replace('"HERE"', seconds)
    (folder / "capture.json").write_text(text)
    with pytest.raises(TraceError, match=r"capture\.json does not say how the trace was captured"):
        read_trace(folder, ConvCase())


def test_the_trace_of_another_case_is_refused(tmp_path):
    folder = made_traces.save(
        tmp_path / "case", made_traces.graph_step(0, [("a:Conv2D", 1, 9)]), ConvCase(batch=1)
    )
    with pytest.raises(TraceError, match="holds the trace of another case, conv2d-forward-1x32x32x64"):
        read_trace(folder, ConvCase())


@pytest.mark.parametrize("content", ["", "{", "[]", "1", "[" * 100_000])
def test_a_damaged_capture_is_refused_by_name(tmp_path, content):
    folder = made_traces.save(tmp_path / "case", made_traces.graph_step(0, [("a:Conv2D", 1, 9)]))
    (folder / "capture.json").write_text(content)
    with pytest.raises(TraceError, match=r"capture\.json does not say how the trace was captured"):
        read_trace(folder, ConvCase())


def test_a_damaged_log_is_told_and_the_trace_is_still_read(tmp_path):
    folder = made_traces.save(tmp_path / "case", made_traces.graph_step(0, [("a:Conv2D", 1, 9)]))
    (folder / "onednn.log").write_text("foreign\n")
    trace = read_trace(folder, ConvCase())
    assert milliseconds(trace)["dense forward"] == 8.0
    assert not trace.logged
    assert "onednn.log" in trace.problems[0]


def test_on_a_gpu_kernels_are_the_operations_and_host_events_are_launches(tmp_path):
    case = ConvCase(layer="separable_conv2d", device="GPU:0")
    lines = made_traces.graph_step(0, [("layer/depthwise:DepthwiseConv2dNative", 2, 2.2)])
    folder = made_traces.save(tmp_path / "case", lines, case)
    (file,) = folder.rglob("*.xplane.pb")
    kernels = [
        (
            "void tensorflow::DepthwiseConv2dGPUKernelNHWC<float>",
            "layer/depthwise:DepthwiseConv2dNative",
            3,
            5,
        ),
        ("sm80_xmma_fprop_implicit_gemm_tf32f32", "layer/Conv2D:Conv2D", 5, 8),
        ("cudnn::nchwToNhwcKernel", "layer/Conv2D:Conv2D", 8, 8.5),
        ("something_else", "", 8.5, 8.7),
    ]
    file.write_bytes(made_traces.add_gpu(file.read_bytes(), kernels))
    trace = read_trace(folder, case)
    table = trace.operations.set_index("implementation")
    depthwise = table.loc["TensorFlow: void tensorflow::DepthwiseConv2dGPUKernelNHWC<float>"]
    assert (depthwise["operation"], depthwise["role"]) == ("depthwise", "forward")
    assert depthwise["seconds_a_step"] == pytest.approx(2e-3)
    pointwise = table[table["operation"] == "pointwise"]["seconds_a_step"]
    assert dict(pointwise) == pytest.approx(
        {"cuDNN: sm80_xmma_fprop_implicit_gemm_tf32f32": 3e-3, "cuDNN: cudnn::nchwToNhwcKernel": 0.5e-3}
    )
    assert table.loc["something_else", "operation"] == "something_else"
    # Of the 10 ms step, 5.7 are kernels; 1 ms at either end is the caller's, and it waits for the rest.
    assert milliseconds(trace)["idle"] == pytest.approx(2.3)
    assert trace.in_kernels == pytest.approx(0.55)
