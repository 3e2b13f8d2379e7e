import json
from dataclasses import replace

import pytest

from analysis.networks.building import build_networks
from analysis.results.loading import load_results
from analysis.statistics import verdicts
from tests.analysis import made_results
from tests.analysis.networks import made_networks


def build(folder, *runs):
    files = [
        made_results.save(folder, rows, f"{day}.json", when=f"2026-01-0{day}T00:00:00+00:00")
        for day, rows in enumerate(runs, start=1)
    ]
    return build_networks(load_results(files))


def tell(network):
    return {variant.variant: variant for variant in network.variants}


def test_of_one_run_times_and_ratios_are_the_medians_of_its_turns(tmp_path):
    (network,) = build(tmp_path, made_networks.all_rows())
    variants = tell(network)
    assert list(variants) == ["as it is", "dense", "separable", "recommended"]
    assert network.as_it_is is variants["as it is"]
    assert variants["as it is"].ratio.value == 1.0
    assert variants["as it is"].verdict is None
    recommended = variants["recommended"]
    assert recommended.seconds.value == pytest.approx(0.0084)
    # Of 21 turns the sixth from either end: five steps of 0.05 % from the middle.
    assert recommended.seconds.low == pytest.approx(0.0084 * 0.9975)
    assert recommended.ratio.high == pytest.approx(0.84 * 1.0025)
    assert {name: one.verdict.word for name, one in variants.items() if one.verdict} == {
        "dense": verdicts.SAME,
        "separable": verdicts.FASTER,
        "recommended": verdicts.FASTER,
    }


def test_several_runs_are_replicates(tmp_path):
    slower = {**made_networks.RATIOS, "recommended": 0.86}
    (network,) = build(tmp_path, made_networks.network_rows(), made_networks.network_rows(slower))
    assert network.replicates == 2
    recommended = tell(network)["recommended"]
    assert recommended.ratio.value == pytest.approx((0.84 * 0.86) ** 0.5)
    assert recommended.seconds.value == pytest.approx(0.010 * (0.84 * 0.86) ** 0.5)
    assert network.problems == ()


def test_what_is_recommended_may_be_what_another_variant_is(tmp_path):
    ratios = {name: made_networks.RATIOS[name] for name in ("as it is", "dense", "separable")}
    (network,) = build(tmp_path, made_networks.network_rows(ratios, recommended=["dw", "sep"]))
    dense, recommended = tell(network)["dense"], tell(network)["recommended"]
    assert recommended.converted == dense.converted == ("sep", "dw")
    assert (recommended.seconds, recommended.ratio) == (dense.seconds, dense.ratio)


def test_where_nothing_is_recommended_the_network_as_it_is_is_what_is_recommended(tmp_path):
    (network,) = build(tmp_path, made_networks.network_rows({"as it is": 1.0}, recommended=[]))
    assert [variant.converted for variant in network.variants] == [(), ()]
    assert tell(network)["recommended"].ratio.value == 1.0


def test_where_runs_recommend_other_changes_the_newest_counts(tmp_path):
    old = made_networks.network_rows(recommended=["conv"])
    old[3]["extra_info"]["network"]["converted"] = ["conv"]
    (network,) = build(tmp_path, old, made_networks.network_rows())
    assert network.recommended == ("conv", "dw")
    assert tell(network)["recommended"].ratio.value == 0.84
    assert tell(network)["dense"].seconds.value == pytest.approx(0.0097)
    assert network.problems == (
        "1 of 2 runs recommend other changes than the newest, which counts: a layer near the border falls on "
        "either side.",
        "The variants were not measured equally often: as it is 2 runs, dense 2 runs, separable 2 runs and "
        "recommended 1 run.",
    )


def test_a_partial_run_does_not_hide_an_older_one_that_recommends(tmp_path):
    partial = made_networks.network_rows({"as it is": 1.0, "separable": 0.9}, recommended=None)
    (network,) = build(tmp_path, made_networks.network_rows(), partial)
    assert network.recommended == ("conv", "dw")
    assert list(tell(network)) == ["as it is", "dense", "separable", "recommended"]
    assert network.replicates == 2
    assert network.problems == (
        "1 of 2 runs could not recommend anything, as not all layers were measured alone: the newest that "
        "could counts.",
        "The variants were not measured equally often: as it is 2 runs, dense 1 run, separable 2 runs and "
        "recommended 1 run.",
    )


def test_of_runs_that_recommend_nothing_the_newest_counts(tmp_path):
    rows = [made_networks.network_rows({"as it is": 1.0}, recommended=None) for _ in range(2)]
    (network,) = build(tmp_path, *rows)
    assert (network.recommended, network.replicates, network.problems) == (None, 2, ())


def test_a_run_whose_layers_were_found_in_another_mode_has_the_same_network(tmp_path):
    # A run that measures eager and graph finds the layers in eager mode.
    layers = [
        replace(layer, cases=tuple(replace(case, mode="eager", device="GPU:0") for case in layer.cases))
        for layer in made_networks.LAYERS
    ]
    old = made_networks.network_rows()
    old[0]["extra_info"]["network"]["layers"] = [layer.as_dict() for layer in layers]
    (network,) = build(tmp_path, old, made_networks.network_rows())
    assert (network.replicates, network.problems) == (2, ())


def test_a_variant_that_could_not_be_measured_says_why(tmp_path):
    ratios = {"as it is": 1.0, "separable": 0.9, "recommended": 0.84}
    content = made_results.content(made_networks.network_rows(ratios))
    content["refused_networks"] = [
        made_networks.refusal("dense", "it needs more memory than there is."),
        made_networks.refusal("separable", "it took too long, and was measured again"),
        made_networks.refusal("dense", "of another network", model="other.keras"),
        made_networks.refusal("dense", "of another direction", direction="training"),
        made_networks.refusal("dense", "of a block", direction="forward", layer="dw"),
    ]
    file = tmp_path / "one.json"
    file.write_text(json.dumps(content))
    (network,) = build_networks(load_results([file]))
    assert network.problems == ("dense was not measured: it needs more memory than there is.",)


def test_a_run_of_other_layers_under_the_same_name_is_left_out(tmp_path):
    old = made_networks.network_rows(layers=[layer.as_dict() for layer in made_networks.LAYERS[:4]])
    (network,) = build(tmp_path, old, made_networks.network_rows())
    assert network.replicates == 1
    assert "1 of 2 runs measured a network of this name that had other layers" in network.problems[0]


def test_directions_and_modes_are_networks_of_their_own(tmp_path):
    rows = [
        *made_networks.network_rows(),
        *made_networks.network_rows(direction="training"),
        *made_networks.network_rows(mode="eager"),
    ]
    found = build(tmp_path, rows)
    assert [(one.direction, one.mode) for one in found] == [
        ("inference", "graph"),
        ("training", "graph"),
        ("inference", "eager"),
    ]


def test_a_network_that_was_not_measured_as_it_is_is_left_out(tmp_path):
    assert build(tmp_path, made_networks.network_rows()[1:]) == []


def test_without_turns_there_is_a_ratio_and_no_verdict(tmp_path):
    rows = made_networks.network_rows()
    for row in rows:
        row["extra_info"] |= {"paired": None, "turns": None}
    (network,) = build(tmp_path, rows)
    recommended = tell(network)["recommended"]
    assert recommended.ratio.value == pytest.approx(0.84)
    assert recommended.verdict is None
    told = recommended.as_dict()
    assert (told["interval"], told["ratio_interval"]) == (None, None)


def test_what_did_not_settle_or_was_disturbed_is_told(tmp_path):
    rows = made_networks.network_rows()
    rows[0]["extra_info"]["settled"] = False
    rows[1]["extra_info"]["noise"] = {"contaminated": True}
    (network,) = build(tmp_path, rows)
    assert [problem.split(" measurements")[0] for problem in network.problems] == ["1 of 4", "1 of 4"]
