import pandas as pd
import pytest

from analysis.environments.kernels import (
    can_be_compared,
    collect_kernels,
    describe_kernel_changes,
    describe_kernels,
    group_kernel_changes,
    select_silent_changes,
)

FAST = {"depthwise forward": "jit_dw:avx2", "pointwise forward": "brgconv_1x1:avx2"}
SLOW = {"depthwise forward": "ref:any", "pointwise forward": "brgconv_1x1:avx2"}


def rows(*recorded):
    return [{"implementations": one} for one in recorded]


def test_kernels_of_a_case_are_told_role_by_role():
    assert (
        describe_kernels(collect_kernels(rows(FAST)))
        == "depthwise forward: jit_dw:avx2; pointwise forward: brgconv_1x1:avx2"
    )


def test_a_role_that_onednn_did_not_run_is_told_so():
    assert describe_kernels(collect_kernels(rows({"dense forward": None}))) == "dense forward: not in oneDNN"


def test_what_was_not_recorded_is_empty_and_never_a_change():
    for nothing in (rows(None), rows(float("nan")), []):
        assert describe_kernels(collect_kernels(nothing)) == ""
        assert describe_kernel_changes(collect_kernels(nothing), collect_kernels(rows(FAST))) == ""
        assert describe_kernel_changes(collect_kernels(rows(FAST)), collect_kernels(nothing)) == ""


def test_a_change_names_the_role_and_both_kernels():
    changed = describe_kernel_changes(collect_kernels(rows(FAST)), collect_kernels(rows(SLOW)))
    assert changed == "depthwise forward: jit_dw:avx2 -> ref:any"


def test_onednn_switched_off_is_a_change_of_every_role():
    off = dict.fromkeys(FAST)
    changed = describe_kernel_changes(collect_kernels(rows(off)), collect_kernels(rows(FAST)))
    assert changed.split("; ") == [
        "depthwise forward: not in oneDNN -> jit_dw:avx2",
        "pointwise forward: not in oneDNN -> brgconv_1x1:avx2",
    ]


def test_equal_environments_show_no_change_even_where_their_runs_met_several_kernels():
    assert describe_kernel_changes(collect_kernels(rows(FAST)), collect_kernels(rows(FAST, FAST))) == ""
    assert describe_kernel_changes(collect_kernels(rows(FAST)), collect_kernels(rows(SLOW, FAST))) == ""


def test_where_onednn_ran_nothing_in_either_environment_nothing_is_known_to_be_the_same():
    fast, off, unknown = (collect_kernels(rows(one)) for one in (FAST, dict.fromkeys(FAST), None))
    assert can_be_compared(fast, fast)
    assert can_be_compared(off, fast)
    half = collect_kernels(rows({**FAST, "depthwise forward": None}))
    assert not can_be_compared(half, half)
    assert not can_be_compared(off, off)
    assert not can_be_compared(unknown, fast)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("brgconv:avx2", "brg_conv_fwd:avx2"),
        ("brg_fwd:avx2+brgconv:avx2", "brg_conv_bwd:avx2+brg_conv_fwd:avx2"),
        ("brg_fwd:avx2+brgconv_1x1:avx2", "brg_conv_bwd:avx2+brgconv_1x1:avx2"),
    ],
)
def test_a_kernel_that_was_only_renamed_is_no_change(old, new):
    before, now = collect_kernels(rows({"dense forward": old})), collect_kernels(rows({"dense forward": new}))
    assert describe_kernel_changes(before, now) == describe_kernel_changes(now, before) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("brgconv:avx2", "brgconv:avx512_core"),
        ("brgconv:avx2", "brgconv_1x1:avx2"),
        ("brgconv_strided:avx2", "brg_conv_fwd:avx2"),
        ("brg_fwd:avx2+brgconv:avx2", "brg_conv_fwd:avx2"),
    ],
)
def test_another_kernel_or_instruction_set_is_a_change(old, new):
    before, now = collect_kernels(rows({"dense forward": old})), collect_kernels(rows({"dense forward": new}))
    assert describe_kernel_changes(before, now) == f"dense forward: {old} -> {new}"


def test_a_role_that_only_one_side_knows_is_no_change():
    assert describe_kernel_changes(collect_kernels(rows({})), collect_kernels(rows(FAST))) == ""


def table(*cases):
    return pd.DataFrame(cases, columns=["id", "verdict", "kernel_changes"])


def test_cases_with_the_same_change_count_together_the_most_frequent_first():
    once, often = "dense forward: a -> b", "depthwise forward: c -> d"
    grouped = group_kernel_changes(
        table(
            ("one", "slower", once),
            ("two", "slower", often),
            ("three", "same", f"{often}; {once.replace('forward', 'input gradient')}"),
            ("four", "undecided", ""),
        )
    )
    assert [change.words for change in grouped[:2]] == [often, once]
    assert grouped[0].ids == ("two", "three")
    assert grouped[0].counted == "1 slower, 1 same"
    assert len(grouped) == 3


def test_a_change_of_kernel_is_silent_where_the_time_is_not_known_to_differ():
    cases = table(
        ("one", "slower", "a"), ("two", "same", "a"), ("three", "undecided", "a"), ("four", "same", "")
    )
    assert list(select_silent_changes(cases)["id"]) == ["two", "three"]
