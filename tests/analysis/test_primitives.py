import pytest

from analysis import primitives
from analysis.primitives import LogError
from bench.cases import ConvCase

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
