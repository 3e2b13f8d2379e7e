from dataclasses import replace

import pytest

from analysis.networks.building import build_networks
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from bench.contract.networks import FoundLayer
from tests.analysis import made_results
from tests.analysis.networks import made_networks


def build(folder, rows):
    (network,) = build_networks(load_results([made_results.save(folder, rows)]))
    return network


def tell(network):
    return {layer.found.name: layer for layer in network.layers}


def test_what_a_layer_takes_alone_and_what_its_change_does(tmp_path):
    layers = tell(build(tmp_path, made_networks.all_rows()))
    times = {name: (layer.alone_seconds, layer.other_seconds) for name, layer in layers.items()}
    assert times == {
        "conv": (0.002, 0.001),
        "sep": (0.0008, 0.001),
        "dw": (0.002, 0.0015),
        "relu": (None, None),
        "pw": (None, None),
        "grouped": (None, None),
    }
    assert {name: layer.ratio.value for name, layer in layers.items() if layer.ratio} == pytest.approx(
        {"conv": 0.5, "sep": 1.25, "dw": 0.75}
    )
    assert {name: layer.verdict for name, layer in layers.items()} == {
        "conv": "faster",
        "sep": "slower",
        "dw": "faster",
        "relu": "",
        "pw": "",
        "grouped": "",
    }
    assert [name for name, layer in layers.items() if layer.convert] == ["conv", "dw"]


def test_a_layer_names_its_comparison_in_the_direction_of_the_network(tmp_path):
    layers = tell(build(tmp_path, made_networks.all_rows()))
    assert layers["conv"].comparison == replace(made_networks.CONV, direction="forward").comparison
    assert layers["dw"].comparison == "block of dw"
    assert layers["grouped"].comparison == layers["relu"].comparison == ""
    layers = tell(build(tmp_path, made_networks.all_rows("training with Adam")))
    assert layers["conv"].comparison == made_networks.CONV.comparison
    assert layers["conv"].alone_seconds == 0.002


def test_in_another_mode_a_layer_has_the_comparison_of_that_mode(tmp_path):
    layers = tell(build(tmp_path, [*made_networks.layer_rows(), *made_networks.network_rows(mode="xla")]))
    assert layers["conv"].comparison.endswith("-xla")
    assert layers["conv"].alone_seconds is None


def test_why_a_layer_is_changed_or_not(tmp_path):
    layers = tell(build(tmp_path, made_networks.all_rows()))
    assert layers["conv"].reason == "alone, the change makes it 2.00x faster (2.00-2.01)"
    assert layers["sep"].reason == "alone, the change makes it 1.25x slower (1.25-1.25)"
    assert layers["pw"].reason == "it goes with dw"
    assert layers["grouped"].reason == "groups=4: the other has no groups"


def test_what_was_not_measured_alone_says_so_with_the_reason(tmp_path):
    rows = [*made_networks.layer_rows()[:2], *made_networks.network_rows(recommended=None)]
    content = made_results.content(rows)
    case = replace(made_networks.SEP, direction="forward")
    content["not_measured"] = [{"case": case.as_dict(), "reason": "no kernel"}]
    file = tmp_path / "one.json"
    file.write_text(made_results.json.dumps(content))
    (network,) = build_networks(load_results([file]))
    layers = tell(network)
    assert layers["sep"].reason == "it was not measured alone: no kernel"
    assert layers["dw"].reason == "it was not measured alone"
    assert layers["conv"].reason.endswith("; not all layers were measured alone")
    assert network.recommended is None
    assert not any(layer.convert for layer in network.layers)


def test_the_calls_of_a_shared_layer_are_added_up(tmp_path):
    small = ConvCase(direction="train", in_channels=8, height=16, width=16)
    layer = FoundLayer("conv", "Conv2D", calls=2, becomes="separable", cases=(made_networks.CONV, small))
    told = {"converted": [], "recommended": ["conv"], "layers": [layer.as_dict()]}
    rows = [
        *made_networks.layer_rows()[:2],
        *made_results.comparison_rows(replace(small, direction="forward"), 0.001, 1.1),
        made_networks.network_row("as it is", 1.0, **told),
    ]
    (found,) = build(tmp_path, rows).layers
    assert found.alone_seconds == pytest.approx(0.003)
    assert found.other_seconds == pytest.approx(0.0021)
    # Two thirds of its time get half, one third gets 1.1 times as long.
    assert found.ratio.value == pytest.approx(0.7)
    assert found.comparison.count(", ") == 1
    # One of both is not enough.
    (found,) = build(tmp_path, [*rows[:2], rows[4]]).layers
    assert found.alone_seconds is None


@pytest.mark.parametrize("other", [{"network": "another"}, {"model": "b.keras"}, {"inputs": ["64x64x8"]}])
def test_a_block_of_another_network_is_not_taken(tmp_path, other):
    rows = made_networks.all_rows()
    for row in rows:
        row["extra_info"].get("block", {}).update(other)
    assert tell(build(tmp_path, rows))["dw"].alone_seconds is None


def test_a_block_of_a_run_whose_network_had_other_layers_is_not_taken(tmp_path):
    old = [
        *made_networks.block_rows(seconds=0.5),
        *made_networks.network_rows(layers=[layer.as_dict() for layer in made_networks.LAYERS[:4]]),
    ]
    files = [
        made_results.save(tmp_path, rows, f"{day}.json", when=f"2026-01-0{day}T00:00:00+00:00")
        for day, rows in enumerate((old, made_networks.all_rows()), start=1)
    ]
    (network,) = build_networks(load_results(files))
    assert tell(network)["dw"].alone_seconds == 0.002


def test_a_block_that_could_not_be_measured_says_why(tmp_path):
    content = made_results.content([*made_networks.layer_rows(), *made_networks.network_rows()])
    told = {"direction": "forward", "layer": "dw"}
    content["refused_networks"] = [
        made_networks.refusal("dense", "no kernel", **told),
        made_networks.refusal("dense", "of another block", **{**told, "layer": "dw2"}),
        made_networks.refusal("dense", "of training", **{**told, "direction": "train"}),
        made_networks.refusal("dense", "of the network"),
    ]
    file = tmp_path / "one.json"
    file.write_text(made_results.json.dumps(content))
    (network,) = build_networks(load_results([file]))
    assert tell(network)["dw"].reason == "it was not measured alone: no kernel"
