import math

import pandas as pd
import pytest

from analysis.pairs.judging import ControlNoise
from analysis.pairs.parts_alone import tabulate_parts
from analysis.pairs.plane_and_arms import find_arms, find_plane
from analysis.pairs.table import tabulate_pairs
from analysis.results.loading import load_results
from analysis.statistics import verdicts
from bench.contract import cost
from bench.contract.cases import ConvCase, split_parts
from tests.analysis import made_results


def load(tmp_path, *runs):
    files = [
        made_results.save(tmp_path, rows, f"{n}.json", when=f"2026-01-{n + 1:02}T00:00:00+00:00")
        for n, rows in enumerate(runs)
    ]
    return load_results(files)


def test_a_comparison_is_one_row_with_its_interval_and_verdict(tmp_path):
    rows = [*made_results.comparison_rows(ConvCase(), 0.002, 0.5), *made_results.ceilings()]
    (row,) = tabulate_pairs(load(tmp_path, rows)).to_dict("records")
    assert row["ratio"] == pytest.approx(0.5)
    assert row["low"] < 0.5 < row["high"]
    assert row["verdict"] == "faster"
    assert (row["dense_seconds"], row["separable_seconds"]) == (0.002, 0.001)
    assert row["promised"] == cost.count_flops(ConvCase(layer="separable_conv2d")) / cost.count_flops(
        ConvCase()
    )
    assert row["dense_of_limit"] == pytest.approx(row["dense_limit_seconds"] / 0.002)


def test_of_several_runs_the_runs_make_the_interval(tmp_path):
    runs = [made_results.comparison_rows(ConvCase(), 0.002, ratio) for ratio in (0.4, 0.5, 0.625)]
    (row,) = tabulate_pairs(load(tmp_path, *runs)).to_dict("records")
    assert row["replicates"] == 3
    assert row["ratio"] == pytest.approx(0.5)
    assert row["low"] < 0.4
    assert row["high"] > 0.625


def test_a_layer_without_its_partner_is_no_comparison(tmp_path):
    loaded = load(tmp_path, [made_results.layer_row(ConvCase(), 0.002)])
    assert tabulate_pairs(loaded).empty


def test_without_ceilings_there_is_no_distance_from_the_limit(tmp_path):
    (row,) = tabulate_pairs(load(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))).to_dict(
        "records"
    )
    assert row["dense_bound_by"] == ""
    assert math.isnan(row["dense_of_limit"])


def test_controls_widen_what_counts_as_noise(tmp_path):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 1.15)
    assert tabulate_pairs(load(tmp_path, rows)).iloc[0]["verdict"] == "slower"
    control = {"rounds": 1, "ratio": 1.3, "spread": [1.3, 1.3], "ratios": [1.3]}
    rows = made_results.comparison_rows(ConvCase(), 0.002, 1.15, control=control)
    assert tabulate_pairs(load(tmp_path, rows)).iloc[0]["verdict"] == "undecided"


def test_parts_are_added_up_and_compared_with_the_whole(tmp_path):
    whole = ConvCase(layer="separable_conv2d")
    depthwise, pointwise = split_parts(whole)
    rows = [*made_results.comparison_rows(ConvCase(), 0.002, 0.5)]
    rows += [made_results.layer_row(depthwise, 0.0004), made_results.layer_row(pointwise, 0.0008)]
    (row,) = tabulate_parts(load(tmp_path, rows)).to_dict("records")
    assert row["parts_over_whole"] == pytest.approx(1.2)
    assert tabulate_parts(load(tmp_path, rows[:3])).empty


def grid_table(tmp_path, ratio_of=lambda case: 0.5):
    return tabulate_pairs(load(tmp_path, made_results.grid_rows(ratio_of)))


def test_the_plane_is_found_without_the_arms(tmp_path):
    plane = find_plane(grid_table(tmp_path))
    assert len(plane) == 12
    assert set(plane["mode"]) == {"graph"}
    assert set(zip(plane["in_channels"], plane["filters"], strict=True)) == {(1, 32), (8, 32), (64, 64)}


def test_the_centre_is_where_most_arms_start(tmp_path):
    centre, arms = find_arms(grid_table(tmp_path))
    assert centre["shape"] == ConvCase().shape
    assert centre["mode"] == "graph"
    assert set(arms["axis"]) == {"channels", "filters", "kernel size", "strides", "mode"}
    assert set(arms.loc[arms["axis"] == "strides", "value"]) == {"1×1", "2×2"}
    assert set(arms.loc[arms["axis"] == "channels", "value"]) == {"1", "8", "64"}
    for _, rows in arms.groupby(["axis", "direction"]):
        assert rows["is_centre"].sum() == 1


def test_shapes_that_share_nothing_have_neither_plane_nor_arms(tmp_path):
    cases = [ConvCase(batch=n, height=n + 9, filters=n + 3, use_bias=n > 2) for n in (1, 2, 3, 4, 5)]
    table = tabulate_pairs(
        load(tmp_path, [row for c in cases for row in made_results.comparison_rows(c, 0.01, 0.5)])
    )
    assert find_plane(table).empty
    centre, arms = find_arms(table)
    assert centre is None
    assert arms.empty


def test_comparisons_are_in_the_order_that_a_person_would_put_them(tmp_path):
    cases = {
        name: ConvCase(in_channels=n) for n, name in enumerate(["block 10", "block 9", "³ odd $x$"], start=2)
    }
    rows = [
        row
        for name, case in cases.items()
        for row in made_results.comparison_rows(case, 0.01, 0.5, name=name)
    ]
    assert tabulate_pairs(load(tmp_path, rows))["name"].tolist() == ["block 9", "block 10", "³ odd $x$"]


def control(ratio):
    return {"rounds": 1, "ratio": ratio, "spread": [ratio, ratio], "ratios": [ratio]}


def test_noise_comes_from_controls_on_the_same_device_and_in_the_same_mode(tmp_path):
    rows = made_results.comparison_rows(ConvCase(mode="eager"), 0.002, 1.5)
    for channels in (1, 2, 3, 4, 5):
        for mode, ratio in (("graph", 1.01), ("xla", 1.8)):
            case = ConvCase(mode=mode, in_channels=channels)
            rows += made_results.comparison_rows(case, 0.002, 1.5, control=control(ratio))
    table = tabulate_pairs(load(tmp_path, rows)).groupby("mode")["noise"].first()
    assert table["graph"] == pytest.approx(0.1)
    assert table["xla"] == pytest.approx(0.8)
    assert table["eager"] > 0.7  # without controls of its own it is judged by all


def test_few_controls_never_make_less_noise_than_all(tmp_path):
    rows = made_results.comparison_rows(ConvCase(mode="eager"), 0.002, 1.5, control=control(1.01))
    rows += made_results.comparison_rows(ConvCase(mode="xla"), 0.002, 1.5, control=control(1.8))
    table = tabulate_pairs(load(tmp_path, rows)).groupby("mode")["noise"].first()
    assert table["eager"] > 0.7
    assert table["xla"] == pytest.approx(0.8)


def test_averages_over_runs_are_judged_by_averages_of_controls():
    """What varies between processes averages out in both; what a control always shows does not."""

    def layers(ratios):
        rows = [
            {"device": "CPU:0", "mode": "graph", "id": f"case-{case}", "control_ratio": ratio}
            for case in range(6)
            for ratio in ratios
        ]
        return pd.DataFrame(rows)

    varying, lasting = layers([1.1, 1 / 1.1]), layers([1.1, 1.1])
    assert ControlNoise(varying).estimate(ConvCase(), 1) == pytest.approx(0.1)
    assert ControlNoise(varying).estimate(ConvCase(), 2) == verdicts.LEAST_NOISE
    assert ControlNoise(lasting).estimate(ConvCase(), 2) == pytest.approx(0.1)
    # Two environments' runs are averaged apart: each comparison has so many of either.
    low = layers([1 / 1.1, 1 / 1.1])
    assert ControlNoise(lasting, low).estimate(ConvCase(), 2) == pytest.approx(0.1)
