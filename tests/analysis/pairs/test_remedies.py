import dataclasses

import pytest

from analysis.pairs.remedies import describe_gain, describe_gains, tabulate_remedies
from analysis.pairs.table import tabulate_pairs
from analysis.results.loading import load_results
from bench.contract.cases import SCHEMA, ConvCase
from tests.analysis import made_results

CASE = ConvCase(layer="separable_conv2d", direction="train", mode="xla")


def remedy_row(name, case, remedied, ratio):
    ratios = [ratio * (1 + 0.001 * turn) for turn in range(-10, 11)]
    row = made_results.layer_row(remedied, 0.002, ratios)
    paired = row["extra_info"]["paired"]
    remedy = {"name": name, "case": case.as_dict(), "remedied": remedied.as_dict()}
    return {**row, "extra_info": {"schema": SCHEMA, "remedy": remedy, "paired": paired}}


def table(tmp_path, *runs):
    files = [
        made_results.save(tmp_path, rows, f"{number}.json", when=f"2026-01-0{number + 1}T00:00:00+00:00")
        for number, rows in enumerate(runs)
    ]
    loaded = load_results(files)
    return tabulate_remedies(loaded, tabulate_pairs(loaded))


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(0.1, "helps"), (2.0, "makes it slower"), (1.0, "does not help"), (0.91, "undecided")],
)
def test_a_remedy_is_judged_by_the_rules_of_every_ratio(tmp_path, ratio, verdict):
    graph = dataclasses.replace(CASE, mode="graph")
    (row,) = table(tmp_path, [remedy_row("XLA off", CASE, graph, ratio)]).to_dict("records")
    assert row["verdict"] == verdict
    assert row["gain"] == pytest.approx(1 / ratio)
    assert row["low"] < row["gain"] < row["high"]


def test_a_larger_batch_gains_in_time_for_an_image(tmp_path):
    small, large = (dataclasses.replace(CASE, batch=batch) for batch in (1, 8))
    (row,) = table(tmp_path, [remedy_row("batch 8 times as large", small, large, 2.0)]).to_dict("records")
    assert row["gain"] == pytest.approx(4.0)
    assert describe_gain(row).endswith("for each image")


def test_several_runs_are_replicates(tmp_path):
    graph = dataclasses.replace(CASE, mode="graph")
    runs = [[remedy_row("XLA off", CASE, graph, ratio)] for ratio in (0.09, 0.1, 0.11)]
    (row,) = table(tmp_path, *runs).to_dict("records")
    assert row["replicates"] == 3
    assert row["low"] < 9.5 < 10.5 < row["high"]


def test_conv2d_is_a_remedy_where_the_separable_layer_is_slower(tmp_path):
    slower = made_results.comparison_rows(ConvCase(direction="train"), 0.002, 1.5)
    faster = made_results.comparison_rows(ConvCase(direction="train", batch=1), 0.002, 0.5)
    (row,) = table(tmp_path, [*slower, *faster]).to_dict("records")
    assert (row["name"], row["case_id"]) == ("Conv2D instead", slower[1]["name"][5:-1])
    assert row["gain"] == pytest.approx(1.5)


def test_only_what_was_measured_for_this_very_case_is_told_of_it(tmp_path):
    graph = dataclasses.replace(CASE, mode="graph")
    gains = table(tmp_path, [remedy_row("XLA off", CASE, graph, 0.1)])
    (sentence,) = describe_gains(["XLA off", "another"], CASE, gains)
    assert sentence.startswith("XLA off helps: 10 times as fast (")
    assert describe_gains(["another"], CASE, gains) == []
    assert describe_gains(["XLA off"], dataclasses.replace(CASE, batch=1), gains) == []
