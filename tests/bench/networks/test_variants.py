"""Which layers each variant changes, and which changes are recommended."""

import dataclasses

import pytest

from bench.contract.cases import ConvCase
from bench.contract.networks import AS_IT_IS, DENSE, INFERENCE, RECOMMENDED, SEPARABLE, TRAINING, FoundLayer
from bench.contract.thresholds import SINGLE_RUN_NOISE
from bench.networks.variants import (
    LayersAlone,
    choose_changes,
    count_after,
    explain_absence,
    list_measurements,
)

SMALL = ConvCase(direction="train", height=8, width=8)
LARGE = ConvCase(direction="train", height=16, width=16)
CONV = FoundLayer("conv", "Conv2D", parameters=100, becomes=SEPARABLE, cases=(SMALL,), parameters_after=30)
SHARED = FoundLayer("shared", "Conv2D", calls=2, becomes=SEPARABLE, cases=(SMALL, LARGE))
SEP = FoundLayer("sep", "SeparableConv2D", parameters=7, becomes=DENSE, cases=(LARGE,), parameters_after=70)
BLOCK = FoundLayer(
    "dw",
    "DepthwiseConv2D",
    parameters=9,
    becomes=DENSE,
    absorbs=("bn", "pw"),
    block="dw",
    parameters_after=90,
)
TURNS = 20


def choose(layers, ratios, direction=TRAINING, **alone):
    measured = LayersAlone({name: [ratio] * TURNS for name, ratio in ratios.items()}, **alone)
    return choose_changes(layers, measured, direction, "graph", "CPU:0")


def test_all_dense_and_all_separable_change_what_can_become_that():
    changes = choose([CONV, SEP], {SMALL.comparison: 1.0, LARGE.comparison: 1.0})
    assert changes[AS_IT_IS] == ()
    assert changes[SEPARABLE] == ("conv",)
    assert changes[DENSE] == ("sep",)


@pytest.mark.parametrize(("ratio", "recommended"), [(0.5, ("conv",)), (1.0, ()), (2.0, ("sep",)), (0.95, ())])
def test_what_is_faster_by_itself_is_recommended(ratio, recommended):
    changes = choose([CONV, SEP], {SMALL.comparison: ratio, LARGE.comparison: ratio})
    assert changes[RECOMMENDED] == recommended


def test_a_block_is_recommended_where_its_dense_layer_is_faster():
    (name,) = list_measurements(BLOCK, TRAINING, "graph", "CPU:0")
    assert choose([BLOCK], {name: 0.5})[RECOMMENDED] == ("dw",)
    assert choose([BLOCK], {name: 2.0})[RECOMMENDED] == ()


def test_inference_and_training_are_recommended_by_their_own_measurements():
    forward = dataclasses.replace(SMALL, direction="forward").comparison
    ratios = {SMALL.comparison: 2.0, forward: 0.5}
    assert choose([CONV], ratios, TRAINING)[RECOMMENDED] == ()
    assert choose([CONV], ratios, INFERENCE)[RECOMMENDED] == ("conv",)


def test_a_shared_layer_must_gain_in_all_its_calls():
    assert choose([SHARED], {SMALL.comparison: 0.5, LARGE.comparison: 0.5})[RECOMMENDED] == ("shared",)
    assert choose([SHARED], {SMALL.comparison: 0.5, LARGE.comparison: 1.5})[RECOMMENDED] == ()


def test_chance_is_not_recommended():
    # Faster in the median, but in 4 of 6 turns only.
    alone = LayersAlone({SMALL.comparison: [0.5, 0.5, 0.5, 0.5, 1.5, 1.5]})
    assert choose_changes([CONV], alone, TRAINING, "graph", "CPU:0")[RECOMMENDED] == ()


def test_a_loud_machine_asks_for_more():
    controls = [1.0, 1.5, 1.5, 1.5, 1.5, 1.5]
    assert choose([CONV], {SMALL.comparison: 0.8})[RECOMMENDED] == ("conv",)
    assert choose([CONV], {SMALL.comparison: 0.8}, control_ratios=controls)[RECOMMENDED] == ()
    assert LayersAlone({}, control_ratios=[1.0] * 9).noise == SINGLE_RUN_NOISE


def test_nothing_is_recommended_where_a_layer_was_not_measured():
    changes = choose([CONV, SEP], {SMALL.comparison: 0.5})
    assert changes[RECOMMENDED] is None
    assert "not all measured alone" in explain_absence(RECOMMENDED, changes)
    too_few = LayersAlone({SMALL.comparison: [0.5] * 5})
    assert choose_changes([CONV], too_few, TRAINING, "graph", "CPU:0")[RECOMMENDED] is None


def test_what_the_framework_refuses_is_changed_by_no_variant():
    changes = choose([CONV, SEP], {LARGE.comparison: 2.0}, refused={SMALL.comparison})
    assert changes[SEPARABLE] == ()
    assert changes[RECOMMENDED] == ("sep",)


def test_a_variant_that_is_another_is_not_measured_again():
    changes = choose([CONV], {SMALL.comparison: 0.5})
    assert explain_absence(SEPARABLE, changes) == ""
    assert "'separable'" in explain_absence(RECOMMENDED, changes)
    assert "can become dense" in explain_absence(DENSE, changes)
    nothing = choose([CONV], {SMALL.comparison: 1.0})
    assert explain_absence(RECOMMENDED, nothing) == "no change is faster by itself"


def test_parameters_are_counted_after_the_changes():
    layers = [
        CONV,
        BLOCK,
        FoundLayer("bn", "BatchNormalization", parameters=4),
        FoundLayer("pw", "Conv2D", parameters=50),
    ]
    assert count_after(layers, (), "parameters") == 163
    assert count_after(layers, ("conv",), "parameters") == 93
    assert count_after(layers, ("dw",), "parameters") == 190
