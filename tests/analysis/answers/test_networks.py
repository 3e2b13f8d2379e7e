"""The sentence that the answer has of a network."""

from dataclasses import replace

import pytest

from analysis.answers.networks import write_headline
from analysis.statistics.estimates import Estimate
from analysis.statistics.verdicts import Verdict
from bench.contract.networks import RECOMMENDED
from tests.analysis.report import made_measured_networks as made


def measured(word, ratio):
    """The small network, whose recommended changes have this verdict and ratio."""
    network = made.small_network()
    last = replace(network.variants[-1], verdict=Verdict(word, "chance"), ratio=ratio)
    return replace(network, variants=(*network.variants[:-1], last))


def test_a_network_with_changes_that_pay():
    assert write_headline(made.small_network()) == (
        "Training: classifier is 1.35x faster (1.32-1.38) with 1 of its 3 convolutions changed."
    )


def test_adam_keeps_its_name():
    headline = write_headline(made.small_network(direction="training with Adam"))
    assert headline.startswith("Training with Adam: classifier is")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("slower", "is 1.30x slower (1.27-1.33): do not make it."),
        ("same", "is as fast as before, as far as these runs can tell: 1.30x slower (1.27-1.33); nothing is"),
        ("undecided", "is not known to be: 1.30x slower (1.27-1.33), undecided; measure again before"),
    ],
)
def test_changes_that_do_not_pay_in_the_network_are_not_recommended(word, says):
    headline = write_headline(measured(word, made.estimate(1.3)))
    assert headline.startswith(f"Training: 1 change is faster by itself, but classifier with it {says}")


def test_of_blocks_the_changes_are_counted():
    layers = (*made.block("b1", 0.010, convert=True), *made.block("b2", 0.010, convert=False))
    assert write_headline(made.network(layers)) == (
        "Training: classifier is 1.35x faster (1.32-1.38) with 1 of its 2 possible changes."
    )


def test_an_interval_that_is_not_known_is_said_to_be():
    unknown = Estimate(0.5, 0.0, float("inf"), confidence=0.0)
    assert "is not known to be: 2.00x faster (interval unknown), undecided" in write_headline(
        measured("undecided", unknown)
    )


def test_a_network_with_nothing_to_change():
    dense = made.network((made.layer("dense", "Dense", 0.01),))
    assert write_headline(dense) == (
        "Training: nothing to change in classifier: it has no convolution that can become the other."
    )
    kept = made.network(tuple(made.convolution(name, 0.02, convert=False) for name in "ab"))
    assert write_headline(kept) == (
        "Training: nothing to change in classifier: of 2 possible changes none is faster by itself."
    )


def test_a_network_of_which_too_little_was_measured():
    assert "is not known: not all layers" in write_headline(made.small_network(recommended=None))
    network = made.small_network()
    without = replace(network, variants=tuple(one for one in network.variants if one.variant != RECOMMENDED))
    assert "but classifier with it was not measured; measure it before" in write_headline(without)
