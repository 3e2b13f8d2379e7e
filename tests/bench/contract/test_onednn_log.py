import json
from importlib import resources

import pytest

from bench.contract.cases import ConvCase
from bench.contract.onednn_log import LogError, find_implementations, find_refusals, parse_refusal
from tests.bench.contract.made_log import DEPTHWISE, POINTWISE, line

SEPARABLE = ConvCase(layer="separable_conv2d")
TRAIN = ConvCase(layer="separable_conv2d", direction="train")
POINT = ConvCase(layer="pointwise_conv2d", kernel_size=(1, 1))


def find(*lines, case=SEPARABLE):
    return find_implementations("".join(("bench_step 0\n", *lines)), case)


def convolution(implementation, problem, propagation="forward_training", version="v1,primitive,"):
    return line("convolution", implementation, propagation, problem, 0.3, version)


def test_each_kernel_has_what_ran_it_and_reorders_are_none():
    reorder = line("reorder", "jit:uni", "undef", "64x64x1x1", 0.01)
    found = find(convolution("jit_dw:avx2", DEPTHWISE), reorder, convolution("brgconv_1x1:avx2", POINTWISE))
    assert found == {"depthwise forward": "jit_dw:avx2", "pointwise forward": "brgconv_1x1:avx2"}


def test_a_kernel_that_onednn_did_not_run_has_none():
    found = find(convolution("jit_dw:avx2", DEPTHWISE, "backward_weights"), case=TRAIN)
    assert found.pop("depthwise weight gradient") == "jit_dw:avx2"
    assert set(found.values()) == {None}
    assert len(found) == 5


def test_what_ran_before_the_step_does_not_count():
    early = convolution("ref:any", DEPTHWISE)
    log = "".join((early, "bench_step 0\n", convolution("jit_dw:avx2", DEPTHWISE)))
    assert find_implementations(log, SEPARABLE)["depthwise forward"] == "jit_dw:avx2"


def test_several_implementations_of_a_kernel_are_joined_each_once():
    several = [convolution(name, DEPTHWISE) for name in ("ref:any", "jit_dw:avx2", "ref:any")]
    assert find(*several)["depthwise forward"] == "jit_dw:avx2 + ref:any"


@pytest.mark.parametrize("version", ["", "primitive,", "v1,primitive,", "v2,primitive,"])
@pytest.mark.parametrize("library", ["onednn", "dnnl"])
def test_lines_of_onednn_2_and_3_are_read(version, library):
    old = convolution("jit:avx2", DEPTHWISE, version=version).replace("onednn_", f"{library}_", 1)
    assert find(old)["depthwise forward"] == "jit:avx2"


@pytest.mark.parametrize("primitive", ["matmul", "inner_product", "deconvolution"])
def test_another_primitive_is_the_kernel_where_there_is_only_one(primitive):
    product = line(primitive, "brgemm:avx2", "undef", "8192x64:64x64", 0.3)
    assert find(product, case=POINT) == {"pointwise forward": "brgemm:avx2"}


def test_of_several_kernels_those_that_another_primitive_may_have_run_are_left_out():
    product = line("matmul", "brgemm:avx2", "undef", "8192x64:64x64", 0.3)
    assert find(product, case=SEPARABLE) == {}
    assert find(convolution("jit_dw:avx2", DEPTHWISE), product) == {"depthwise forward": "jit_dw:avx2"}


def test_a_product_inside_somebody_elses_convolution_is_no_kernel():
    product = line("gemm_api", "", "undef", "96x288:288x48", 0.1)
    assert find(product, case=POINT) == {"pointwise forward": None}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (convolution("jit:avx2", DEPTHWISE).replace("0.3", "fast"), "no execution of a primitive"),
        ("onednn_verbose,v1,primitive,exec,cpu,convolution\n", "no execution of a primitive"),
        (convolution("jit:avx2", "g9mb8_ic9oc9_ih3"), "a convolution of another case: g9mb8"),
        (convolution("jit:avx2", DEPTHWISE, version="v9,17.25,primitive,"), "in a form that is not known"),
    ],
    ids=["no-time", "short", "another-case", "newer"],
)
def test_a_line_that_is_not_understood_is_refused_in_one_sentence(text, words):
    with pytest.raises(LogError, match=words) as error:
        find(text)
    assert "\n" not in str(error.value)


def test_a_log_without_a_step_is_refused():
    with pytest.raises(LogError, match="does not say where its steps begin"):
        find_implementations(convolution("jit:avx2", DEPTHWISE), SEPARABLE)


def test_no_name_is_longer_than_what_may_be_saved():
    schema = json.loads(resources.files("bench.contract").joinpath("schema.json").read_text())
    row = schema["properties"]["benchmarks"]["items"]["properties"]["extra_info"]
    longest = row["properties"]["implementations"]["additionalProperties"]["maxLength"]
    found = find(convolution("x" * 999, DEPTHWISE))
    assert len(found["depthwise forward"]) == longest


def refusal(said, version="v1,primitive,"):
    return f"onednn_verbose,{version}create:dispatch,convolution,{said}"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("bad param ,src/cpu/x64/a.cpp:585", ("bad param", "src/cpu/x64/a.cpp:585")),
        (",src/cpu/aarch64/a.hpp:7", ("", "src/cpu/aarch64/a.hpp:7")),
        ("no, not here,src/a.cpp:7", ("no, not here", "src/a.cpp:7")),
        ("bad param", ("bad param", "")),
        ("", ("", "")),
        (
            "cpu,convolution,jit,forward,src dst,,alg:x,mb1_ic1,no, not here,a.cpp:7",
            ("no, not here", "a.cpp:7"),
        ),
    ],
)
def test_a_refusal_has_a_reason_and_a_place_in_every_form(said, expected):
    for version in ("", "primitive,", "v1,primitive,", "v2,primitive,"):
        assert parse_refusal(refusal(said, version)) == expected


def test_what_is_no_refused_convolution_is_none():
    for other in (
        "onednn_verbose,v1,primitive,create:dispatch,reorder,bad param,src/a.cpp:7",
        "onednn_verbose,v1,primitive,create:dispatch,convolution",
        convolution("jit:avx2", DEPTHWISE),
        "",
    ):
        assert parse_refusal(other) is None


def test_a_kernel_has_what_was_refused_since_the_convolution_before_it_each_once():
    lines = [
        refusal("early,src/a.cpp:1"),
        convolution("jit:avx2", DEPTHWISE),
        refusal("late,src/a.cpp:2"),
        line("reorder", "jit:uni", "undef", "64x64x1x1", 0.01),
        refusal("late,src/a.cpp:2"),
        convolution("jit_1x1:avx2", POINTWISE),
        refusal("again,src/a.cpp:3"),
        convolution("jit:avx2", DEPTHWISE),
    ]
    assert find_refusals(lines, SEPARABLE) == {
        ("depthwise", "forward"): (("early", "src/a.cpp:1"),),
        ("pointwise", "forward"): (("late", "src/a.cpp:2"),),
    }


def test_what_a_damaged_line_was_refused_for_is_no_other_kernels():
    damaged = convolution("jit:avx2", DEPTHWISE).replace("0.3", "fast")
    lines = [refusal("early,src/a.cpp:1"), damaged, convolution("jit_1x1:avx2", POINTWISE)]
    assert find_refusals(lines, SEPARABLE) == {("pointwise", "forward"): ()}
