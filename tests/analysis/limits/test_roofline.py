import dataclasses

import pandas as pd
import pytest

from analysis.limits import roofline
from analysis.results.loading import load_results
from bench.contract import cost
from bench.contract.cases import ConvCase
from tests.analysis import made_results


def ceilings(tmp_path, **machine):
    loaded = load_results([made_results.save(tmp_path, made_results.ceilings(**machine))])
    return roofline.find_ceilings(loaded.ceilings)["CPU:0"]


def test_peak_and_bandwidth_are_what_was_measured(tmp_path):
    found = ceilings(tmp_path, flops=3e11, bytes_a_second=lambda size: 5e10)
    assert found.peak_flops["float32"] == pytest.approx(3e11)
    assert found.find_bandwidth(10**7) == pytest.approx(5e10)
    assert found.empty_call_seconds == {"graph": 0.0001}


def test_the_bandwidth_is_that_of_a_working_set_no_larger(tmp_path):
    found = ceilings(tmp_path, bytes_a_second=lambda size: 1e11 if size < 2**22 else 1e10)
    assert found.find_bandwidth(2**22 - 1) == pytest.approx(1e11)
    assert found.find_bandwidth(2**22) == pytest.approx(1e10)
    assert found.find_bandwidth(1) == pytest.approx(1e11)
    assert found.find_bandwidth(2**40) == pytest.approx(1e10)


def test_a_slow_measurement_of_a_small_set_does_not_lower_the_roof(tmp_path):
    found = ceilings(tmp_path, bytes_a_second=lambda size: 1e9 if size < 2**20 else 1e10)
    assert found.find_bandwidth(2**18) == pytest.approx(1e10)


def test_the_limit_is_the_sum_over_kernels_of_what_bounds_each(tmp_path):
    found = ceilings(tmp_path, flops=1e11, bytes_a_second=lambda size: 1e10)
    case = ConvCase(layer="separable_conv2d", direction="train")
    by_hand = sum(max(k.flops / 1e11, k.bytes / 1e10) for k in cost.list_kernels(case))
    assert roofline.compute_limit(case, found).seconds == pytest.approx(by_hand)


def test_dense_layers_are_bound_by_compute_and_depthwise_ones_by_bandwidth(tmp_path):
    found = ceilings(tmp_path)
    dense = ConvCase()
    depthwise = dataclasses.replace(dense, layer="depthwise_conv2d")
    assert roofline.compute_limit(dense, found).bound_by == "compute"
    assert roofline.compute_limit(depthwise, found).bound_by == "bandwidth"


def test_a_dtype_without_a_measured_peak_cannot_be_judged(tmp_path):
    found = ceilings(tmp_path)
    assert found.can_judge(ConvCase())
    assert not found.can_judge(ConvCase(dtype="float64"))


def test_float32_is_judged_by_tensorfloat32_where_convolutions_may_use_it():
    rows = [
        {"kind": "matrix_product", "device": device, "dtype": dtype, "flops": flops, "seconds": 1.0,
         "bytes": 0, "working_set_bytes": 0, "mode": "graph"}
        for device, dtype, flops in (
            ("GPU:0", "float32", 60e12), ("GPU:0", "tensorfloat32", 400e12), ("CPU:0", "float32", 1e11),
            ("GPU:0", "bfloat16", 800e12),
        )
    ]  # fmt: skip
    found = roofline.find_ceilings(pd.DataFrame(rows))
    assert found["GPU:0"].peak_flops["float32"] == 400e12
    assert found["GPU:0"].peak_flops["bfloat16"] == 800e12
    assert found["CPU:0"].peak_flops == {"float32": 1e11}
