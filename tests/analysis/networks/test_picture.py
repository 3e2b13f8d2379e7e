"""The rows of a network's picture: few, in order, and with nothing left out."""

from dataclasses import replace

import pytest

from analysis.networks.picture import MOST_ROWS, choose_rows
from tests.analysis.report import made_measured_networks as made


def test_a_picture_has_a_row_a_convolution_and_one_for_all_between_two():
    rows = choose_rows(made.small_network())
    assert list(rows["first"]) == ["conv1", "norm1", "stage/conv2", "grouped"]
    assert rows["seconds"].tolist() == pytest.approx([0.040, 0.008, 0.020, 0.010])
    assert rows.iloc[0]["after_seconds"] == pytest.approx(0.020)
    assert rows["after_seconds"].isna().tolist() == [False, True, True, True]
    assert rows.iloc[1]["kind"] == "norm, activation"


def test_a_block_is_one_row_with_what_its_change_takes_out():
    rows = choose_rows(made.network(made.block("b1", 0.010, convert=True)))
    assert rows[["first", "layers", "becomes"]].values.tolist() == [["b1/depthwise", 4, "dense"]]
    assert rows.iloc[0][["seconds", "after_seconds"]].tolist() == pytest.approx([0.018, 0.005])


def test_without_any_time_there_is_no_picture():
    assert choose_rows(made.network((made.layer("dense", "Dense", None),))).empty


@pytest.mark.parametrize("stages", [1, 4, 30, 150])
def test_a_picture_has_few_rows_and_all_of_the_time(stages):
    network = made.deep_network(stages)
    rows = choose_rows(network)
    assert len(rows) <= MOST_ROWS
    assert rows["seconds"].sum() == pytest.approx(sum(one.in_network_seconds for one in network.layers))
    assert rows["layers"].sum() == len(network.layers)
    assert rows["changed"].sum() == len(network.changed)
    if len(network.changed) <= 12:
        single = rows[~rows["is_run"] & rows["changed"].eq(1)]
        assert list(single["first"]) == [one.found.name for one in network.changed]


def test_a_picture_of_changed_layers_alone_has_few_rows_too():
    layers = tuple(made.convolution(f"c{n}", 0.01 + n / 1e5, convert=True) for n in range(200))
    rows = choose_rows(made.network(layers))
    assert len(rows) <= MOST_ROWS
    assert rows["after_seconds"].sum() == pytest.approx(rows["seconds"].sum() / 2)


def test_a_row_of_several_has_no_time_afterwards_where_one_of_them_has_none():
    layers = [made.convolution(f"c{n}", 0.01 - n / 1e5, convert=True) for n in range(200)]
    layers[150] = replace(layers[150], recommended_seconds=None)
    rows = choose_rows(made.network(tuple(layers)))
    (without,) = rows[rows["after_seconds"].isna()].to_dict("records")
    assert without["changed"] > 1
