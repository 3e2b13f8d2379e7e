"""What the layers alone predict of a network."""

import pytest

from analysis.networks.building import build_networks
from analysis.networks.predicting import predict_ratio
from analysis.results.loading import load_results
from tests.analysis import made_results
from tests.analysis.networks import made_networks


def build(folder, rows):
    (network,) = build_networks(load_results([made_results.save(folder, rows)]))
    return network


def predict(network):
    return {variant.variant: variant.predicted_ratio for variant in network.variants}


@pytest.mark.parametrize("direction", ["inference", "training"])
def test_a_prediction_adds_up_what_the_layers_gain_alone(tmp_path, direction):
    network = build(tmp_path, made_networks.all_rows(direction))
    # Alone conv gains 1 ms, the block of dw 0.5 ms, and sep loses 0.2 ms, of a step of 10 ms.
    assert predict(network) == pytest.approx(
        {"as it is": 1.0, "dense": 0.97, "separable": 0.9, "recommended": 0.85}
    )
    assert network.compute_remainder(network.variants[-1]) == pytest.approx(-0.0001)


def test_a_prediction_is_missing_where_a_changed_layer_was_not_measured(tmp_path):
    network = build(tmp_path, [*made_networks.layer_rows(), *made_networks.network_rows()])
    known = [variant for variant, predicted in predict(network).items() if predicted is not None]
    assert known == ["as it is", "separable"]


def test_of_training_with_adam_nothing_is_predicted(tmp_path):
    network = build(tmp_path, made_networks.all_rows("training with Adam"))
    assert len(predict(network)) == 4
    assert set(predict(network).values()) == {None}


def test_layers_that_gain_more_alone_than_the_network_takes_predict_less_than_no_time(tmp_path):
    network = build(tmp_path, made_networks.all_rows())
    # 1.5 ms are gained, of a step of 1 ms.
    assert predict_ratio(network.variants[-1], network.layers, seconds=0.001) == pytest.approx(-0.5)
