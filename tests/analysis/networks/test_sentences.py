import pytest

from analysis.networks.building import build_networks
from analysis.networks.sentences import NEW_WEIGHTS, write_differences, write_sentences, write_title
from analysis.networks.words import format_change, format_difference, format_step
from analysis.results.loading import load_results
from analysis.statistics.estimates import Estimate
from tests.analysis import made_results
from tests.analysis.networks import made_networks


def build(folder, rows, *more):
    files = [
        made_results.save(folder, saved, f"{day}.json", when=f"2026-01-0{day}T00:00:00+00:00")
        for day, saved in enumerate((rows, *more), start=1)
    ]
    return build_networks(load_results(files))


def say(folder, rows):
    (network,) = build(folder, rows)
    return write_sentences(network)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (Estimate(0.725, 0.70, 0.75), "1.38x faster (1.33-1.43)"),
        (Estimate(1.2, 1.15, 1.25), "1.20x slower (1.15-1.25)"),
        (Estimate(0.98, 0.95, 1.01), "1.02x faster (0.99-1.05)"),
        (Estimate(0.05, 0.04, 0.06), "20x faster (17-25)"),
        (Estimate(0.8, 0.0, float("inf"), confidence=0.0), "1.25x faster (interval unknown)"),
    ],
)
def test_a_change_is_told_with_its_interval(ratio, words):
    assert format_change(ratio) == words


def test_times_are_milliseconds():
    assert format_step(Estimate(0.0412, 0.0409, 0.0416)) == "41.2 (40.9-41.6)"
    assert format_step(Estimate(0.0412, 0.0412, 0.0412, confidence=0.0)) == "41.2"
    assert [format_difference(one) for one in (0.00125, -0.1, 1e-9)] == ["+1.25", "-100", "0"]


def test_what_a_network_gains_and_whether_its_layers_predicted_it(tmp_path):
    (network,) = build(tmp_path, made_networks.all_rows())
    assert write_title(network) == "tiny, inference: batch 8, 32x32x8, graph, CPU:0, 1 run"
    assert write_sentences(network) == [
        "With 2 of 3 possible changes (conv and dw) the network is 1.19x faster (1.19-1.19): "
        "8.4 (8.38-8.42) ms a step, as it is 10 (10-10) ms.",
        NEW_WEIGHTS,
        "With every layer separable that can be (1 layer) it is 1.11x faster (1.11-1.11).",
        "With every layer dense that can be (2 layers) it is as fast as before, as far as these runs can "
        "tell: 1.03x faster (1.03-1.03).",
        "For the recommended changes the layers alone predict 1.18x faster, and so it is, within 6 % of the "
        "change (-0.1 ms a step).",
        "These cannot be changed: grouped (groups=4: the other has no groups).",
    ]


def test_layers_that_predict_something_else_cannot_be_trusted(tmp_path):
    rows = [
        *made_networks.layer_rows(),
        *made_networks.block_rows(),
        *made_networks.network_rows({"as it is": 1.0, "recommended": 0.7}),
    ]
    says = say(tmp_path, rows)[2]
    # 15 % less time was predicted, and 30 % less it is.
    assert says.startswith("For the recommended changes the layers alone predict 1.18x faster, which misses")
    assert "50 %: -1.5 ms a step" in says
    assert "cannot be trusted" in says


def test_an_undecided_change_is_never_called_one(tmp_path):
    rows = [
        *made_networks.layer_rows(),
        *made_networks.block_rows(),
        *made_networks.network_rows({"as it is": 1.0, "recommended": 0.93}),
    ]
    rows[-1]["extra_info"]["paired"]["ratios"] = [0.93 + 0.02 * turn for turn in range(-10, 11)]
    says = say(tmp_path, rows)
    assert says[0] == (
        "2 changes are faster by themselves (conv and dw), but the network with all of them is not known to "
        "be: 1.08x faster (0.97-1.20), undecided; measure again before you change it."
    )
    assert says[1].startswith("For what is faster by itself the layers alone predict 1.18x faster; ")
    assert says[1].endswith("the network's own change is not clear enough to be compared with that.")
    assert NEW_WEIGHTS not in says


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.3, "the network with all of them is 1.30x slower (1.30-1.30): do not make them."),
        (
            0.99,
            "as fast as before, as far as these runs can tell: 1.01x faster (1.01-1.01); nothing is gained.",
        ),
    ],
)
def test_changes_that_do_not_pay_in_the_network_are_not_recommended(tmp_path, ratio, words):
    says = say(tmp_path, made_networks.network_rows({"as it is": 1.0, "recommended": ratio}))
    assert says[0].startswith("2 changes are faster by themselves (conv and dw), but the network with all of")
    assert says[0].endswith(words)
    assert NEW_WEIGHTS not in says


def test_a_change_without_turns_is_not_recommended(tmp_path):
    rows = made_networks.network_rows({"as it is": 1.0, "recommended": 0.8})
    for row in rows:
        row["extra_info"] |= {"paired": None, "turns": None}
    assert say(tmp_path, rows)[0].endswith(
        "is not known to be: 1.25x faster (interval unknown), not measured in turns; measure again before "
        "you change it."
    )


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"recommended": []}, "Nothing to change: of 3 possible changes none is faster by itself."),
        ({"recommended": None}, "What would pay is not known: not all layers"),
        (
            {"layers": [made_networks.LAYERS[-1].as_dict()], "converted": [], "recommended": []},
            "Nothing to change: it has no convolution that can become the other.",
        ),
        (
            {},
            "2 changes are faster by themselves (conv and dw), but the network with all of them was not "
            "measured; measure it before you change it.",
        ),
    ],
)
def test_without_a_measured_recommendation_the_first_sentence_says_why(tmp_path, told, words):
    says = say(tmp_path, [made_networks.network_row("as it is", 1.0, **told)])
    assert says[0].startswith(words)
    assert NEW_WEIGHTS not in says


def say_traced(folder, operations=made_networks.OPERATIONS, ratios=made_networks.RATIOS):
    (folder / "results").mkdir()
    made_networks.save_trace(folder / "traces/one", operations=operations)
    rows = made_networks.network_rows(ratios)
    rows[0]["extra_info"]["trace"] = "traces/one"
    return say(folder / "results", rows)


def test_where_the_time_goes_and_the_most_that_can_be_gained(tmp_path):
    says = say_traced(tmp_path)
    assert (
        "Where the time of a traced step of 10 ms goes: convolutions 50 %, activation 5 %, rest 5 % and what "
        "is outside operations 30 %." in says
    )
    # conv 2.5, sep 0.5 and the block of dw 2.5 ms of 10.
    assert any(sentence.endswith("the network gets at most 2.22x faster.") for sentence in says)


@pytest.mark.parametrize(
    ("operations", "ratios"),
    [
        # A convolution that may be of a layer that can be changed.
        ([*made_networks.OPERATIONS, ("Conv2D_7:Conv2D", 7, 7.1)], made_networks.RATIOS),
        # More than the bound of 0.45 allows.
        (made_networks.OPERATIONS, {**made_networks.RATIOS, "recommended": 0.4}),
    ],
)
def test_no_bound_is_told_where_it_may_not_hold(tmp_path, operations, ratios):
    says = say_traced(tmp_path, operations, ratios)
    assert any(sentence.startswith("Where the time") for sentence in says)
    assert not any("at most" in sentence for sentence in says)


def test_directions_that_recommend_other_changes_are_told(tmp_path):
    found = build(
        tmp_path,
        [
            *made_networks.network_rows(),
            *made_networks.network_rows(direction="training", recommended=[]),
        ],
    )
    assert write_differences(found) == [
        "tiny: what pays depends on what the network does: in inference the changes of conv and dw; in "
        "training none."
    ]
    assert write_differences(found[:1]) == []


def test_a_direction_whose_changes_do_not_pay_makes_no_difference(tmp_path):
    ratios = {"as it is": 1.0, "recommended": 1.3}
    told = {"direction": "training", "recommended": ["conv"], "converted": ["conv"]}
    slower = [
        made_networks.network_row(variant, ratio, **{**told, **({} if ratio > 1 else {"converted": []})})
        for variant, ratio in ratios.items()
    ]
    found = build(tmp_path, [*made_networks.network_rows(), *slower])
    assert [one.is_proven for one in found] == [True, False]
    assert write_differences(found) == []


def test_layers_that_gain_more_alone_than_the_network_takes_predict_nothing(tmp_path):
    rows = [
        *made_networks.layer_rows(),
        *made_networks.block_rows(seconds=0.1),
        *made_networks.network_rows({"as it is": 1.0, "recommended": 0.7}),
    ]
    assert "gain more alone than the whole network takes" in say(tmp_path, rows)[2]
