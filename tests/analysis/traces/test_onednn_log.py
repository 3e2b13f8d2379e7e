import contextlib
import gzip
import random
from pathlib import Path

import pytest

from analysis.traces.formats.onednn_log import read_primitives, read_refusals
from analysis.traces.formats.packed import find_file, read_text
from bench.contract.cases import ConvCase
from bench.contract.onednn_log import LogError
from tests.bench.contract.made_log import DEPTHWISE, POINTWISE, line

SEPARABLE = ConvCase(layer="separable_conv2d", direction="train")

STEP = [
    line("reorder", "jit:uni", "undef", "64x64x1x1", 0.01),
    line("convolution", "jit_dw:avx512_core", "forward_training", DEPTHWISE, 0.3),
    line("convolution", "brgconv_1x1:avx512_core", "forward_training", POINTWISE, 0.5),
    line("convolution", "jit_dw:avx512_core", "backward_weights", DEPTHWISE, 0.4),
    line("reorder", "jit:uni", "undef", "64x64x1x1", 0.03),
]
HEADER = "onednn_verbose,v1,info,oneDNN v3.7.3 (commit abc)\nonednn_verbose,v1,primitive,create,cpu,x\n"


#: Captured from TensorFlow 2.15, 2.18 and 2.21 on a processor with AVX2, for two steps of this case.
STORED = Path(__file__).parents[2] / "data" / "onednn_logs"
VERSIONS = ("3.2.1", "3.5.0", "3.7.3")
WIDE = ConvCase(
    layer="depthwise_conv2d",
    direction="train",
    batch=2,
    height=12,
    width=12,
    in_channels=16,
    filters=16,
    kernel_size=(5, 5),
)


def steps(*lines, count=1):
    return HEADER + "".join(f"bench_step {number}\n{''.join(lines)}" for number in range(count))


def read(folder, text, case=SEPARABLE):
    log = folder / "onednn.log"
    log.write_text(text)
    return read_primitives(log, case)


def test_executions_are_named_by_operation_role_and_implementation(tmp_path):
    table = read(tmp_path, steps(*STEP, count=20))
    rows = {
        (r.primitive, r.operation, r.role): (
            r.implementation,
            r.calls_a_step,
            round(r.seconds_a_step * 1e3, 6),
        )
        for r in table.itertuples()
    }
    assert rows == {
        ("convolution", "pointwise", "forward"): ("brgconv_1x1:avx512_core", 1.0, 0.5),
        ("convolution", "depthwise", "weight_gradient"): ("jit_dw:avx512_core", 1.0, 0.4),
        ("convolution", "depthwise", "forward"): ("jit_dw:avx512_core", 1.0, 0.3),
        ("reorder", "depthwise", "forward"): ("jit:uni", 1.0, 0.01),
        ("reorder", "depthwise", "weight_gradient"): ("jit:uni", 1.0, 0.03),
    }
    assert table["seconds_a_step"].is_monotonic_decreasing


def test_a_reorder_belongs_to_the_convolution_it_serves(tmp_path):
    gradient = line("convolution", "jit_1x1:avx2", "backward_weights", POINTWISE, 1.0)
    data = line("convolution", "jit_1x1:avx2", "backward_data", POINTWISE, 1.0)
    to_plain = line("reorder", "jit:uni", "undef", "64x64x1x1", 0.01)
    to_blocks = to_plain.replace("dst:f32::blocked:acdb", "dst:f32::blocked:Acdb16a").replace("0.01", "0.02")
    table = read(tmp_path, steps(gradient, to_plain, to_blocks, data))
    served = table[table["primitive"] == "reorder"].set_index("role")["seconds_a_step"].to_dict()
    assert served == {"weight_gradient": 1e-5, "input_gradient": 2e-5}


def test_the_log_of_onednn_2_is_read_too(tmp_path):
    text = steps(line("convolution", "jit:avx2", "forward_training", DEPTHWISE, 0.3, version=""))
    assert read(tmp_path, text).loc[0, "implementation"] == "jit:avx2"


def test_a_dense_layer_has_dense_operations_whatever_its_kernel(tmp_path):
    text = steps(line("convolution", "jit_1x1:avx512_core", "forward_training", POINTWISE, 0.3))
    case = ConvCase(layer="conv2d", kernel_size=(1, 1))
    assert read(tmp_path, text, case=case).loc[0, "operation"] == "dense"


def test_a_log_of_steps_in_which_onednn_ran_nothing_is_empty(tmp_path):
    assert read(tmp_path, steps(count=3)).empty


@pytest.mark.parametrize("text", ["", "hello\n", HEADER, "".join(STEP)])
def test_a_log_without_steps_is_refused_by_name(tmp_path, text):
    with pytest.raises(LogError, match=r"onednn\.log does not say where its steps begin"):
        read(tmp_path, text)


def test_a_log_cut_off_anywhere_in_its_last_line_is_refused(tmp_path):
    whole = steps(*STEP)
    for missing in range(1, len(STEP[-1])):
        with pytest.raises(LogError, match=r"onednn\.log was cut off in line 8"):
            read(tmp_path, whole[:-missing])


def test_a_damaged_line_is_refused_by_number(tmp_path):
    with pytest.raises(LogError, match=r"onednn\.log, line 4 is no execution"):
        read(tmp_path, steps(STEP[1].replace("0.3", "fast")))


def test_a_log_of_another_case_is_refused_by_line(tmp_path):
    with pytest.raises(LogError, match=r"onednn\.log, line 4 is a convolution of another case: g64mb8"):
        read(tmp_path, steps(STEP[1]), case=ConvCase(layer="separable_conv2d", in_channels=32))
    with pytest.raises(LogError, match="of another case"):
        read(tmp_path, steps(STEP[1]), case=ConvCase())


def test_a_log_cut_off_between_steps_is_refused(tmp_path):
    whole = steps(*STEP, count=3)
    for lines in range(1, len(STEP)):
        cut = "".join(whole.splitlines(keepends=True)[:-lines])
        with pytest.raises(LogError, match="steps that ran different primitives"):
            read(tmp_path, cut)


def test_padding_is_read_from_the_memory_formats(tmp_path):
    plain = line("convolution", "jit:avx2", "forward_training", DEPTHWISE, 0.3)
    padded = plain.replace("dst:f32::blocked", "wei:f32:ap:blocked:x::f0 dst:f32::blocked")
    assert not read(tmp_path, steps(plain)).loc[0, "padded"]
    assert read(tmp_path, steps(padded)).loc[0, "padded"]


def test_a_missing_log_is_refused_by_name(tmp_path):
    with pytest.raises(LogError, match="cannot read"):
        read_primitives(tmp_path / "none.log", SEPARABLE)


def find_stored(version):
    return STORED / f"depthwise-5x5-v{version}.log"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_ran_while_the_case_was_made_ready_is_not_of_a_step(tmp_path, version):
    table = read_primitives(find_stored(version), WIDE)
    kernels = table[table["primitive"] == "convolution"].set_index("role")
    assert kernels["implementation"].to_dict() == {
        "weight_gradient": "jit:avx2",
        "input_gradient": "jit_dw:avx2",
        "forward": "brdgmm_dw:avx2",
    }
    assert set(kernels["calls_a_step"]) == {1.0}
    damaged_before = "".join((STEP[1].replace("0.3", "fast"), steps(*STEP)))
    assert len(read(tmp_path, damaged_before)) == 5


@pytest.mark.parametrize(("version", "numbers"), [("3.5.0", (461, 570, 803)), ("3.7.3", (476, 585, 808))])
def test_refusals_belong_to_the_kernel_that_ran_instead(version, numbers):
    found = read_refusals(find_stored(version), WIDE)
    first, second, third = numbers
    assert found["depthwise", "weight_gradient"] == (
        ("unsupported isa", f"src/cpu/x64/jit_uni_dw_conv_kernel_utils.cpp:{first}"),
        ("bad param", f"src/cpu/x64/jit_uni_dw_conv_kernel_utils.cpp:{second}"),
        ("unsupported format tag", f"src/cpu/x64/jit_avx2_1x1_conv_kernel_f32.cpp:{third}"),
    )
    assert found["depthwise", "forward"] == ()
    reasons = {reason for reason, _ in found["depthwise", "input_gradient"]}
    assert "heuristic fail: no optimization for depthwise convolution" in reasons
    assert all(place for _, place in found["depthwise", "input_gradient"])


def test_a_log_that_tells_of_no_refusal_has_none():
    assert set(read_refusals(find_stored("3.2.1"), WIDE).values()) == {()}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_log_has_fewer_refusals_or_is_refused(tmp_path, version):
    content = find_stored(version).read_bytes()
    log = tmp_path / "onednn.log"
    dice = random.Random(version)
    for _ in range(150):
        start = dice.randrange(len(content))
        noise = bytes(dice.randrange(256) for _ in range(dice.choice((0, 1, 30))))
        log.write_bytes(content[:start] + noise + content[start + dice.choice((0, 1, 300)) :])
        for reader in (read_primitives, read_refusals):
            with contextlib.suppress(LogError):
                reader(log, WIDE)


def test_a_packed_log_says_the_same(tmp_path):
    stored = (STORED / "depthwise-5x5-v3.7.3.log").read_bytes()
    plain, packed = tmp_path / "onednn.log", tmp_path / "packed" / "onednn.log"
    packed.parent.mkdir()
    plain.write_bytes(stored)
    packed.with_name("onednn.log.gz").write_bytes(gzip.compress(stored))
    found = find_file(packed)
    assert found == packed.with_name("onednn.log.gz")
    assert find_file(plain) == plain
    assert find_file(tmp_path / "none.log") is None
    assert read_text(found) == read_text(plain)


@pytest.mark.parametrize(
    "damage", [lambda content: content[:40], lambda content: b"x" + content, lambda _: b""]
)
def test_a_log_that_cannot_be_unpacked_is_told_in_a_sentence(tmp_path, damage):
    file = tmp_path / "onednn.log.gz"
    file.write_bytes(damage(gzip.compress(b"onednn_verbose\n" * 100)))
    with pytest.raises(LogError) as caught:
        read_primitives(file, ConvCase())
    assert str(file) in str(caught.value)
