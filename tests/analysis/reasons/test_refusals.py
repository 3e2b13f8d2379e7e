"""What oneDNN's own log says of kernels that it refused, from a traced step to a sentence."""

from __future__ import annotations

import dataclasses

import pytest

from analysis.reasons.findings import make_plain
from analysis.reasons.refusals import (
    find_known_refusal,
    list_refusals,
    load_known_refusals,
    quote_refusals,
)
from analysis.traces.formats.onednn_log import read_refusals
from bench.contract.kernels import DEPTHWISE, WEIGHT_GRADIENT
from bench.contract.remedies import SMALLER_KERNEL, SPLIT_DEPTH_MULTIPLIER
from tests.analysis.reasons.test_findings import JIT, find, row
from tests.analysis.traces.test_onednn_log import STORED, WIDE

TOO_WIDE = {"reason": "bad param", "place": "src/cpu/x64/jit_uni_dw_conv_kernel_utils.cpp:585"}
NO_ISA = {"reason": "unsupported isa", "place": "src/cpu/x64/jit_uni_dw_conv_kernel_utils.cpp:476"}
NO_FORMAT = {"reason": "unsupported format tag", "place": "src/cpu/x64/jit_avx2_1x1_conv_kernel_f32.cpp:808"}
ON_ARM = {"reason": "", "place": "src/cpu/aarch64/jit_uni_dw_conv_kernel_utils.cpp:585"}


def slow(*refusals, role=WEIGHT_GRADIENT, implementation=JIT, **more):
    return row(DEPTHWISE, role, of_limit=0.05, implementation=implementation, refusals=list(refusals), **more)


def explain(*rows, case=WIDE, version="3.7.3"):
    return find(*rows, case=case, onednn_version=version)


def read(version):
    found = read_refusals(STORED / f"depthwise-5x5-v{version}.log", WIDE)
    return list_refusals(found[DEPTHWISE, WEIGHT_GRADIENT])


@pytest.mark.parametrize("version", ["3.5.0", "3.7.3"])
def test_what_a_log_says_of_a_wide_kernel_is_told_with_its_place_and_its_condition(version):
    (finding,) = explain(slow(*read(version)), version=version)
    assert finding.code == "generic_kernel"
    assert finding.evidence["cause"] == "kernel_width"
    line = {"3.5.0": 570, "3.7.3": 585}[version]
    assert (
        "5 % of its limit), since the kernel is wider than 3; oneDNN refused others, in its words "
        f'"bad param" (jit_uni_dw_conv_kernel_utils.cpp:{line}), "unsupported format tag" (jit_avx2_1x1_'
    ) in finding.says
    assert " and 1 more: 2 ms" in finding.says
    assert SMALLER_KERNEL in finding.remedies


def test_refusals_are_evidence_of_their_kernel():
    (finding,) = explain(slow(TOO_WIDE, NO_ISA))
    (kernel,) = finding.as_dict()["evidence"]["kernels"]
    assert kernel["refusals"] == [TOO_WIDE, NO_ISA]
    assert make_plain([TOO_WIDE]) == [TOO_WIDE]


def test_a_log_without_reasons_leaves_what_sources_say_and_tells_so():
    assert read("3.2.1") == []
    (finding,) = explain(slow(*read("3.2.1")), version="3.2.1")
    assert finding.evidence["cause"] == "kernel_width"
    assert "since the kernel is 5 wide, more than 3, as oneDNN's sources for x86" in finding.says
    assert "its log gives no reasons" in finding.says
    assert "refused" not in finding.says


def test_where_the_log_has_refusals_it_wins_over_what_sources_say():
    (finding,) = explain(slow(NO_FORMAT))
    assert finding.evidence["cause"] == "refused"
    assert "since" not in finding.says
    assert (
        'in its words "unsupported format tag" (jit_avx2_1x1_conv_kernel_f32.cpp:808): 2 ms' in finding.says
    )
    assert finding.remedies == ()
    # Of a kernel that is oneDNN's first choice there is nothing to say.
    gradient, forward = slow(TOO_WIDE), slow(role="forward")
    assert {each.evidence["cause"] for each in explain(gradient, forward)} == {"kernel_width", "unknown"}


def test_a_known_place_counts_only_for_its_version_its_processor_and_a_case_that_has_the_condition():
    narrow = dataclasses.replace(WIDE, kernel_size=(5, 3))
    assert find_known_refusal([NO_ISA, TOO_WIDE], "3.7.3", WIDE).remedy == SMALLER_KERNEL
    assert find_known_refusal([TOO_WIDE], "3.7.3", narrow) is None
    assert find_known_refusal([TOO_WIDE], "3.7.2", WIDE) is None
    assert find_known_refusal([TOO_WIDE], "", WIDE) is None
    assert find_known_refusal([ON_ARM, {"reason": "", "place": ""}], "3.7.3", WIDE) is None


def test_sources_for_x86_say_nothing_of_kernels_for_arm():
    (finding,) = explain(slow(implementation="gemm:acl"), version="3.2.1")
    assert finding.evidence["cause"] == "unknown"


def test_a_slow_kernel_that_nothing_explains_still_has_its_refusals():
    (finding,) = explain(slow(NO_ISA, implementation="jit_dw:avx2"))
    assert finding.code == "unexplained"
    assert "oneDNN refused others, in its words" in finding.says


def test_words_are_those_of_onednn_and_what_is_missing_is_not_made_up():
    assert quote_refusals([NO_ISA, ON_ARM]) == (
        "no reason given (jit_uni_dw_conv_kernel_utils.cpp:585), "
        '"unsupported isa" (jit_uni_dw_conv_kernel_utils.cpp:476)'
    )
    assert quote_refusals([{"reason": "bad param", "place": ""}]) == '"bad param"'


def test_every_known_place_says_how_it_was_confirmed_and_what_helps():
    known = load_known_refusals()
    assert len({(each.version, each.place) for each in known}) == len(known)
    assert {each.version for each in known} == {"3.4.1", "3.5.0", "3.7.3"}
    for each in known:
        assert each.confirmed.startswith("AVX2, ")
        assert each.remedy in (SMALLER_KERNEL, SPLIT_DEPTH_MULTIPLIER)
        holds = dataclasses.replace(WIDE, depth_multiplier=2, filters=32)
        assert each.holds_for(holds)
