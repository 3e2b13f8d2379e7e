import dataclasses

import pandas as pd
import pytest

from analysis.reasons.detectors.find import find_reasons
from analysis.reasons.explanation import OPERATION_COLUMNS
from analysis.reasons.traced_layer import TracedLayer
from bench.contract.cases import ConvCase

CASE = ConvCase(layer="separable_conv2d", direction="train")
JIT = "jit:avx512_core"
DW = "jit_dw:avx512_core"


def row(operation, role="", share=0.2, of_limit=0.9, implementation=DW, bound_by="compute", **more):
    kernel = operation in ("dense", "depthwise", "pointwise")
    return {
        "operation": operation,
        "role": role,
        "name": operation,
        "implementation": implementation if kernel else "",
        "calls": 1.0,
        "seconds": share * 0.01,
        "share": share,
        "bound_by": bound_by if kernel else "",
        "of_limit": of_limit if kernel else float("nan"),
        "flops_per_byte": 2.0,
        "flops_per_second": 1e9,
        "bytes_per_second": 1e10,
        "bytes": 2**20,
        "limit_seconds": share * 0.01 * of_limit if kernel else float("nan"),
        "running_seconds": share * 0.01,
        "padded": False,
        "overlapped": 0.0,
        "groups": 1,
        "refusals": [],
        **more,
    }


def find(*rows, case=CASE, dense=(), **more):
    def table(of):
        return pd.DataFrame(list(of), columns=OPERATION_COLUMNS)

    settings = {
        "compiled": False,
        "otherwise_on": (),
        "logged": True,
        "onednn": "on",
        "verdict": "slower",
        **more,
    }
    return find_reasons(TracedLayer(case, table(rows), table(dense), **settings))


def codes(*rows, **more):
    return [finding.code for finding in find(*rows, **more)]


def changed(**changes):
    return dataclasses.replace(CASE, **changes)


@pytest.mark.parametrize(
    ("case", "role", "implementation", "cause", "remedy"),
    [
        (changed(kernel_size=(5, 5)), "weight_gradient", JIT, "kernel_width", "3x3 kernel"),
        (changed(depth_multiplier=4), "forward", JIT, "depth_multiplier", "split depth multiplier"),
        (changed(dtype="float16"), "weight_gradient", "ref:any", "float16", "bfloat16"),
        (CASE, "forward", JIT, "unknown", "Conv2D instead"),
    ],
)
def test_a_generic_kernel_is_named_with_its_cause_and_what_to_try(case, role, implementation, cause, remedy):
    (finding,) = find(row("depthwise", role, of_limit=0.05, implementation=implementation), case=case)
    assert finding.code == "generic_kernel"
    assert finding.evidence["cause"] == cause
    assert finding.evidence["kernels"][0]["implementation"] == implementation
    assert remedy in finding.remedies
    assert f"depthwise {role.replace('_', ' ')} ({implementation}, 5 % of its limit)" in finding.says
    assert finding.says.endswith(": 2 ms, 20 % of the step")


def test_kernels_that_are_generic_for_the_same_reason_are_one_finding():
    case = changed(depth_multiplier=4)
    roles = ("forward", "input_gradient", "weight_gradient")
    (finding,) = find(
        *(row("depthwise", role, of_limit=0.05, implementation=JIT) for role in roles), case=case
    )
    assert finding.share == pytest.approx(0.6)
    assert finding.kernels == {("depthwise", role) for role in roles}


def test_a_specialised_or_fast_kernel_is_not_called_generic():
    assert codes(row("depthwise", "forward", of_limit=0.9, implementation=JIT)) == []
    assert codes(row("depthwise", "forward", of_limit=0.05)) == ["unexplained"]
    assert codes(row("pointwise", "forward", of_limit=0.05, implementation=JIT)) == ["unexplained"]


def test_a_kernel_width_of_three_is_no_cause():
    (finding,) = find(row("depthwise", "weight_gradient", of_limit=0.05, implementation=JIT))
    assert finding.evidence["cause"] == "unknown"


def test_bandwidth_is_the_reason_only_near_its_limit():
    near = row("depthwise", "forward", of_limit=0.8, bound_by="bandwidth")
    assert codes(near) == ["bandwidth_bound"]
    assert codes({**near, "of_limit": 0.2}) == ["unexplained"]
    assert codes({**near, "bound_by": "compute"}) == []


@pytest.mark.parametrize(
    ("channels", "implementation", "dtype", "expected"),
    [
        (1, DW, "float32", ["empty_lanes"]),
        (15, DW, "float32", ["empty_lanes", "unexplained"]),
        (16, DW, "float32", ["unexplained"]),
        (8, "jit_dw:avx2", "float32", ["unexplained"]),
        (16, DW, "bfloat16", ["empty_lanes", "unexplained"]),
        (1, "something", "float32", ["generic_kernel"]),
    ],
)
def test_lanes_are_empty_where_channels_are_fewer_than_a_vector_has(
    channels, implementation, dtype, expected
):
    """What that cannot cost, a factor of lanes over channels, stays unexplained."""
    case = changed(in_channels=channels, dtype=dtype)
    kernel = row("depthwise", "forward", of_limit=0.1, implementation=implementation, padded=True)
    assert codes(kernel, case=case) == expected


def test_without_padding_in_the_log_no_lane_is_called_empty():
    assert codes(row("depthwise", "forward", of_limit=0.1), case=changed(in_channels=1)) == ["unexplained"]


def test_conv2d_is_advice_only_where_the_separable_layer_is_slower():
    kernel = row("depthwise", "forward", of_limit=0.1, implementation=JIT)
    (slower,) = find(kernel)
    assert "Conv2D" in slower.advice
    assert "Conv2D instead" in slower.remedies
    for verdict in ("faster", "same", "undecided"):
        (other,) = find(kernel, verdict=verdict)
        assert "Conv2D" not in other.advice
        assert "Conv2D instead" not in other.remedies


def test_a_first_layer_runs_more_kernels_than_dense():
    first = changed(input_gradient=False)
    parts = ("depthwise", "forward"), ("depthwise", "weight_gradient"), ("pointwise", "forward")
    parts += ("pointwise", "weight_gradient"), ("pointwise", "input_gradient")
    own = [row(*part, share=0.1) for part in parts]
    dense = [row("dense", "forward"), row("dense", "weight_gradient")]
    (finding,) = find(*own, case=first, dense=dense)
    assert finding.code == "more_kernels"
    assert (finding.evidence["kernels_run"], finding.evidence["dense_kernels_run"]) == (5, 2)
    assert codes(*own, case=CASE, dense=dense) == []
    assert codes(*own[:4], case=first, dense=dense) == []


def test_dispatch_dominates_from_two_fifths_of_the_step_on():
    most = [row("dispatch", share=0.3), row("python", share=0.1)]
    assert codes(*most) == ["dispatch_dominates"]
    assert codes(row("dispatch", share=0.3)) == []
    assert "tf.function" in find(*most, case=changed(mode="eager"))[0].remedies
    assert "tf.function" not in find(*most)[0].remedies


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("reorder", "reorders"),
        ("transpose", "transposes"),
        ("space-to-batch", "space_to_batch"),
        ("bias", "elementwise"),
    ],
)
def test_moving_data_is_found_where_it_takes_a_part_of_the_step(operation, code):
    assert codes(row(operation, share=0.2)) == [code]
    assert codes(row(operation, share=0.01)) == []


def test_transposes_have_the_advice_that_fits_what_makes_them():
    rows = row("transpose", share=0.2)
    assert find(rows, case=changed(data_format="channels_first"))[0].remedies == ("channels last",)
    assert find(rows, compiled=True, case=changed(mode="xla"))[0].remedies == ("XLA off",)
    assert find(rows)[0].advice == ""


def xla(operation, role, **more):
    return row(operation, role, implementation="xla", **more)


def test_xla_loops_over_groups_where_its_program_has_them():
    grouped = xla("depthwise", "forward", of_limit=0.02, groups=64)
    (finding,) = find(grouped, compiled=True, case=changed(mode="xla"), logged=False)
    assert finding.code == "xla_group_loop"
    assert finding.evidence["groups"] == 64
    assert codes({**grouped, "groups": 1}, compiled=True, case=changed(mode="xla")) == ["unexplained"]


def test_xla_masks_a_dense_gradient_where_its_program_has_a_mask():
    gradient = xla("depthwise", "weight_gradient", of_limit=0.02)
    found = codes(gradient, row("mask", share=0.01), compiled=True, case=changed(mode="xla"))
    assert found == ["xla_masked_gradient"]


def test_another_compiler_is_told_where_nobody_asked_for_it_or_a_device_differs():
    kernel = xla("dense", "forward")
    assert codes(kernel, compiled=True) == ["other_compiler"]
    assert codes(kernel, compiled=True, case=changed(mode="xla")) == []
    (finding,) = find(kernel, compiled=True, otherwise_on=("GPU:0",), case=changed(mode="xla"))
    assert "unlike on GPU:0" in finding.says


def test_kernels_that_onednn_does_not_know_are_told_only_where_its_log_was_read():
    own = row("depthwise", "forward", implementation="", of_limit=0.1)
    assert codes(own, case=changed(dtype="float64")) == ["outside_onednn"]
    assert find(own, onednn="off")[0].evidence["cause"] == "onednn_off"
    assert find(own)[0].evidence["cause"] == "unknown"
    assert find(own)[0].advice == ""
    assert codes(own, logged=False) == ["unexplained"]


def test_a_slow_kernel_without_a_reason_is_unexplained_with_its_time():
    (finding,) = find(
        row("pointwise", "forward", share=0.4, of_limit=0.2, implementation="brgconv_1x1:avx512")
    )
    assert finding.code == "unexplained"
    assert finding.seconds == pytest.approx(0.004)
    assert finding.says.endswith("20 % of its limit): 4 ms, 40 % of the step")


def test_a_kernel_that_ran_beside_others_has_no_time_of_its_own():
    beside = row("pointwise", "forward", of_limit=0.2, overlapped=0.9, running_seconds=0.0035)
    (finding,) = find(beside, compiled=True, case=changed(mode="xla"))
    assert finding.code == "overlapped"
    assert "running for 3.5 ms beside others" in finding.says
    assert "of its limit" not in finding.says


def test_more_bytes_are_the_reason_where_even_perfect_kernels_would_lose():
    own = row("depthwise", "forward", of_limit=0.9, limit_seconds=0.002, bytes=3e6, bound_by="bandwidth")
    dense = row("dense", "forward", limit_seconds=0.001, bytes=1e6)
    finding, _ = find(own, dense=[dense])
    assert finding.code == "more_bytes"
    assert "2.0 times as long as Conv2D's (2 against 1 ms at least)" in finding.says
    assert "3.0 times the bytes" in finding.says
    assert codes({**own, "limit_seconds": 0.00105}, dense=[dense]) == ["bandwidth_bound"]
    assert codes({**own, "bound_by": "compute"}, dense=[dense]) == []


def test_findings_come_by_their_time_and_every_code_has_a_title():
    found = find(
        row("depthwise", "forward", share=0.2, of_limit=0.05, implementation=JIT),
        row("pointwise", "forward", share=0.3, of_limit=0.2),
        row("transpose", share=0.25),
    )
    assert [finding.code for finding in found] == ["unexplained", "transposes", "generic_kernel"]
    assert all(finding.title for finding in found)


def test_advice_is_what_the_framework_can_do():
    most = [row("dispatch", share=0.4)]
    eager = {
        backend: find(*most, case=changed(mode="eager"), backend=backend)[0] for backend in ("jax", "torch")
    }
    assert "jax.jit" in eager["jax"].remedies
    assert eager["torch"].advice == "use larger batches"
    # XLA is all that JAX has: nobody chose it, and nobody can leave it.
    grouped = xla("depthwise", "forward", of_limit=0.02, groups=64)
    (finding,) = find(grouped, compiled=True, logged=False, backend="jax")
    assert finding.code == "xla_group_loop"
    assert finding.remedies == ("Conv2D instead",)
    assert "XLA off" not in finding.advice
    own = row("depthwise", "forward", implementation="", of_limit=0.1)
    (finding,) = find(own, onednn="off", backend="torch")
    assert "PyTorch's own kernels" in finding.says
    assert "TF_" not in finding.advice
