import pytest

from analysis import cost, primitives, results
from analysis.primitives import LogError
from bench.cases import ConvCase
from tests.analysis import made_results as made

SEPARABLE = ConvCase(layer="separable_conv2d", direction="train")
DEPTHWISE = "g64mb8_ic64oc64_ih32oh32kh3sh1dh0ph1_iw32ow32kw3sw1dw0pw1"
POINTWISE = "mb8_ic64oc64_ih32oh32kh1sh1dh0ph0_iw32ow32kw1sw1dw0pw0"


def line(kind, implementation, propagation, problem, milliseconds, version="v1,primitive,"):
    layout = "src:f32::blocked:acdb::f0 dst:f32::blocked:acdb::f0,,alg:convolution_direct"
    fields = (f"onednn_verbose,{version}exec,cpu", kind, implementation, propagation, layout, problem)
    return ",".join((*fields, f"{milliseconds}\n"))


STEP = [
    line("reorder", "jit:uni", "undef", "64x64x1x1", 0.01),
    line("convolution", "jit_dw:avx512_core", "forward_training", DEPTHWISE, 0.3),
    line("convolution", "brgconv_1x1:avx512_core", "forward_training", POINTWISE, 0.5),
    line("convolution", "jit_dw:avx512_core", "backward_weights", DEPTHWISE, 0.4),
    line("reorder", "jit:uni", "undef", "64x64x1x1", 0.03),
]
HEADER = "onednn_verbose,v1,info,oneDNN v3.7.3 (commit abc)\nonednn_verbose,v1,primitive,create,cpu,x\n"


def read(folder, text, steps=1, case=SEPARABLE):
    log = folder / "onednn.log"
    log.write_text(text)
    return primitives.read(log, case, steps)


def test_executions_are_named_by_operation_role_and_implementation(tmp_path):
    table = read(tmp_path, HEADER + "".join(STEP * 20), steps=20)
    rows = {
        (r.operation, r.role): (r.implementation, r.calls_a_step, round(r.seconds_a_step * 1e3, 6))
        for r in table.itertuples()
    }
    assert rows == {
        ("pointwise", "forward"): ("brgconv_1x1:avx512_core", 1.0, 0.5),
        ("depthwise", "weight_gradient"): ("jit_dw:avx512_core", 1.0, 0.4),
        ("depthwise", "forward"): ("jit_dw:avx512_core", 1.0, 0.3),
        ("reorder", ""): ("jit:uni", 2.0, 0.04),
    }
    assert table["seconds_a_step"].is_monotonic_decreasing


def test_the_log_of_onednn_2_is_read_too(tmp_path):
    text = line("convolution", "jit:avx2", "forward_training", DEPTHWISE, 0.3, version="")
    assert read(tmp_path, text).loc[0, "implementation"] == "jit:avx2"


def test_a_dense_layer_has_dense_operations_whatever_its_kernel(tmp_path):
    text = line("convolution", "jit_1x1:avx512_core", "forward_training", POINTWISE, 0.3)
    case = ConvCase(layer="conv2d", kernel_size=(1, 1))
    assert read(tmp_path, text, case=case).loc[0, "operation"] == "dense"


@pytest.mark.parametrize("text", ["", "hello\n", HEADER])
def test_a_log_without_an_execution_is_refused_by_name(tmp_path, text):
    with pytest.raises(LogError, match=r"onednn\.log holds no execution"):
        read(tmp_path, text)


def test_a_log_cut_off_anywhere_in_its_last_line_is_refused(tmp_path):
    whole = HEADER + "".join(STEP)
    for missing in range(1, len(STEP[-1])):
        with pytest.raises(LogError, match=r"onednn\.log was cut off in line 7"):
            read(tmp_path, whole[:-missing])


def test_a_damaged_line_is_refused_by_number(tmp_path):
    with pytest.raises(LogError, match=r"onednn\.log, line 1 is no execution"):
        read(tmp_path, STEP[1].replace("0.3", "fast"))


def test_a_missing_log_is_refused_by_name(tmp_path):
    with pytest.raises(LogError, match="cannot read"):
        primitives.read(tmp_path / "none.log", SEPARABLE, 1)


def traced_results(tmp_path, log, capture='{"steps": 1}'):
    """Results of one comparison whose separable layer has this log, in the layout of reports/example."""
    folder = tmp_path / "traces" / "run" / "case"
    folder.mkdir(parents=True)
    (folder / "onednn.log").write_text(log)
    (folder / "capture.json").write_text(capture)
    (tmp_path / "results").mkdir()
    rows = [*made.comparison_rows(SEPARABLE, 0.002, 0.5), *made.ceilings(flops=1e11)]
    rows[1]["extra_info"]["trace"] = "traces/run/case"
    return results.load([made.save(tmp_path / "results", rows)])


def test_each_primitive_of_a_traced_case_stands_against_its_own_limit(tmp_path):
    table, problems = primitives.of_traced_cases(traced_results(tmp_path, HEADER + "".join(STEP)))
    assert problems == []
    assert set(table["layer"]) == {"separable_conv2d"}
    pointwise = table[(table["operation"] == "pointwise") & (table["role"] == "forward")].iloc[0]
    kernel = next(k for k in cost.kernels(SEPARABLE) if (k.operation, k.role) == ("pointwise", "forward"))
    assert pointwise["of_limit"] == pytest.approx(max(kernel.flops / 1e11, kernel.bytes / 1e10) / 0.0005)
    assert table.loc[table["operation"] == "reorder", "of_limit"].isna().all()


@pytest.mark.parametrize(
    ("log", "capture", "words"),
    [
        ("", '{"steps": 1}', "holds no execution"),
        (STEP[0][:-3], '{"steps": 1}', "cut off"),
        (STEP[0], "{", "does not say how many"),
    ],
)
def test_a_damaged_log_costs_a_sentence_and_no_more(tmp_path, log, capture, words):
    table, problems = primitives.of_traced_cases(traced_results(tmp_path, log, capture))
    assert table.empty
    assert len(problems) == 1
    assert words in problems[0]


def test_a_trace_that_is_gone_is_no_problem(tmp_path):
    rows = made.comparison_rows(SEPARABLE, 0.002, 0.5, trace="traces/gone/case")
    assert primitives.of_traced_cases(results.load([made.save(tmp_path, rows)]))[1] == []
