import math

import numpy as np
import pytest

from analysis.mnist.answers import answer_article
from analysis.mnist.article import recompute
from analysis.mnist.sentences import describe_trainings
from analysis.mnist.trainings import (
    compare_models,
    keep_judged_trainings,
    tabulate_layers_of_a_step,
    tabulate_models,
)
from analysis.pairs.table import tabulate_pairs
from analysis.report.build import build_report
from analysis.results.loading import load_results
from bench.contract.cases import SCHEMA, ConvCase
from tests.analysis import made_results

#: microseconds a sample, test accuracy
MODELS = {
    "conv": (200.0, 0.992),
    "separable": (100.0, 0.988),
    "hybrid": (90.0, 0.992),
    "matched": (400.0, 0.990),
}
#: Kind and filters of each convolution.
CONVOLUTIONS = {
    "conv": [["conv2d", 32], ["conv2d", 64]],
    "separable": [["separable_conv2d", 32], ["separable_conv2d", 64]],
    "hybrid": [["conv2d", 32], ["separable_conv2d", 64]],
    "matched": [["separable_conv2d", 77], ["separable_conv2d", 66]],
}


def training_row(model, repeat, epochs=4, *, noise=0.0, **changes):
    microseconds, accuracy = MODELS.get(model, (150.0, 0.99))
    steady = microseconds * 48_000 / 1e6 * (1 + noise)
    training = {
        "model": model,
        "question": "?",
        "repeat": repeat,
        "seed": 1 + repeat,
        "epochs": epochs,
        "parameters": 431_242,
        "convolutions": CONVOLUTIONS.get(model, [["conv2d", 32]]),
        "batch": 250,
        "samples": {"train": 48_000, "validation": 12_000, "test": 10_000},
        "compiled": [0],
        "history": {
            "seconds": [3 * steady, *[steady] * (epochs - 1)],
            "loss": list(np.linspace(0.3, 0.1, epochs)),
            "accuracy": list(np.linspace(0.9, 0.98, epochs)),
            "validation_loss": list(np.linspace(0.2, 0.08, epochs)),
            "validation_accuracy": list(np.linspace(0.95, 0.985, epochs)),
        },
        "test_loss": 0.03,
        "test_accuracy": accuracy + 0.0002 * repeat,
        **changes,
    }
    row = made_results.ceilings()[0]
    return {**row, "extra_info": {"schema": SCHEMA, "training": training}}


def experiment(repeats=3, models=tuple(MODELS)):
    return [training_row(model, repeat, noise=0.1 * repeat) for repeat in range(repeats) for model in models]


def loaded(tmp_path, rows):
    return load_results([made_results.save(tmp_path, rows)])


def test_the_first_epoch_is_kept_apart(tmp_path):
    table = tabulate_models(keep_judged_trainings(loaded(tmp_path, [training_row("conv", 0)])))
    assert table.loc[0, "microseconds_a_sample"] == pytest.approx(200)
    assert table.loc[0, "first_epoch_seconds"] == pytest.approx(3 * 200 * 0.048)
    assert math.isnan(table.loc[0, "test_accuracy_low"])


def test_epochs_that_compile_again_after_a_break_are_kept_apart_too(tmp_path):
    row = training_row("conv", 0, compiled=[0, 2])
    row["extra_info"]["training"]["history"]["seconds"][2] = 100.0
    rows = keep_judged_trainings(loaded(tmp_path, [row]))
    assert rows.loc[0, "microseconds_a_sample"] == pytest.approx(200)


def test_models_are_compared_by_repeats_that_share_a_seed(tmp_path):
    rows = keep_judged_trainings(loaded(tmp_path, experiment()))
    found = compare_models(rows, "separable", "conv")
    assert found.repeats == 3
    assert found.time.value == pytest.approx(0.5)
    # The machine drifted by 20 % between the repeats, the pairs did not.
    assert found.time.high - found.time.low < 1e-6
    assert found.accuracy.value == pytest.approx(-0.004)
    assert compare_models(rows, "separable", "nothing") is None
    assert compare_models(rows[rows["repeat"] == 0], "separable", "conv") is None


def test_the_experiment_in_full_is_preferred_to_the_short_one_in_its_place(tmp_path):
    rows = [
        training_row("conv", 0, epochs=1),
        training_row("conv", 0, epochs=25),
        training_row("conv", 1, epochs=1),
    ]
    chosen = keep_judged_trainings(loaded(tmp_path, rows))
    assert list(chosen["epochs"]) == [25]


def test_each_claim_of_the_article_gets_its_answer(tmp_path):
    found = loaded(tmp_path, experiment())
    sentences = describe_trainings(found, keep_judged_trainings(found))
    assert '"SeparableConv2D trains slower" is refuted here' in sentences[0]
    assert "2.0 times as fast" in sentences[0]
    assert '"It is less accurate" holds here' in sentences[1]
    assert "-0.40 points" in sentences[1]
    assert '"Fewer parameters may cost the accuracy"' in sentences[2]
    assert sentences[3].startswith(
        "A dense first layer and a separable second: against conv it trains 2.2 times"
    )


@pytest.mark.parametrize(("waits", "told"), [(0.0, False), (0.8, True)])
def test_a_stopwatch_around_the_call_is_told_to_be_wrong_where_it_is(tmp_path, waits, told):
    rows = experiment()
    for row in rows:
        history = row["extra_info"]["training"]["history"]
        factor = 1 + waits * (row["extra_info"]["training"]["model"] == "conv")
        history["call_seconds"] = [factor * seconds for seconds in history["seconds"]]
    found = loaded(tmp_path, rows)
    said = " ".join(describe_trainings(found, keep_judged_trainings(found)))
    assert ("would have read 1.00 (separable) to 1.80 (conv) times the epoch itself" in said) == told


def test_one_epoch_in_the_place_of_the_experiment_is_said_so(tmp_path):
    found = loaded(tmp_path, [training_row(model, 0, epochs=1) for model in MODELS])
    (sentence,) = describe_trainings(found, keep_judged_trainings(found))
    assert "only one epoch a model" in sentence
    assert "pytest bench/bench_mnist.py" in sentence


def test_without_trainings_nothing_is_said(tmp_path):
    found = loaded(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    assert describe_trainings(found, keep_judged_trainings(found)) == []
    assert 'id="mnist"' not in build_report(found, tmp_path).html


def test_the_isolated_layers_are_set_against_the_step(tmp_path):
    common = {"direction": "train", "batch": 250, "padding": "valid", "activation": "relu"}
    first = ConvCase(**common, height=28, width=28, in_channels=1, filters=32, input_gradient=False)
    second = ConvCase(**common, height=13, width=13, in_channels=32, filters=64)
    rows = [
        *made_results.comparison_rows(first, 0.006, 1.5),
        *made_results.comparison_rows(second, 0.012, 0.5),
        *experiment(),
    ]
    found = loaded(tmp_path, rows)
    steps = tabulate_layers_of_a_step(found, keep_judged_trainings(found)).set_index("model")
    # 250 samples of 200 microseconds are 50 ms a step; with the drift of the repeats 55 in the median.
    assert steps.loc["conv", "step_seconds"] == pytest.approx(0.055)
    assert steps.loc["conv", "share"] == pytest.approx(0.018 / 0.055)
    assert steps.loc["separable", "share"] == pytest.approx((0.009 + 0.006) / 0.0275)
    assert steps.loc["hybrid", "layer_1_seconds"] == 0.006
    assert tabulate_pairs(found).shape[0] == 2


def test_a_training_that_does_not_say_its_convolutions_is_not_set_against_layers(tmp_path):
    rows = experiment()
    for row in rows:
        del row["extra_info"]["training"]["convolutions"]
    found = loaded(tmp_path, rows)
    assert tabulate_layers_of_a_step(found, keep_judged_trainings(found)).empty


def test_the_articles_own_arithmetic_is_recomputed():
    found = recompute()
    printed, own = found["mean of its five losses"]
    assert (printed, round(own, 6)) == (0.038852, 0.038856)
    assert found["multiplications of Conv2D, 15x15x3 to 10 filters"] == (45_630, 45_630)
    assert found["multiplications of SeparableConv2D, the same"] == (9_633, 9_633)


def test_the_report_has_a_section_on_mnist_with_curves_and_what_was_published(tmp_path):
    report = build_report(loaded(tmp_path, experiment()), tmp_path)
    assert 'id="mnist"' in report.html
    assert {"learning_curves", "model_strips"} <= {figure.key for figure in report.figures}
    assert "0.9926" in report.html
    assert len(report.tables["learning_curves"]) == 4 * 3 * 4


def test_the_numbers_of_the_strips_are_those_that_are_drawn_a_row_a_training(tmp_path):
    table = build_report(loaded(tmp_path, experiment()), tmp_path).tables["model_strips"]
    measured = ["test_accuracy", "test_loss", "microseconds_a_sample"]
    assert list(table.columns) == ["model", "repeat", "parameters", "epochs", *measured]
    assert len(table) == len(MODELS) * 3
    (row,) = table[(table["model"] == "separable") & (table["repeat"] == 1)].to_dict("records")
    assert [row[name] for name in measured] == pytest.approx([0.9882, 0.03, 110.0])


SMALL = {"train": 400, "validation": 100, "test": 500}


def test_a_training_on_some_samples_never_stands_for_the_experiment(tmp_path):
    shortened = [training_row(model, repeat, 25, samples=SMALL) for model in MODELS for repeat in range(3)]
    found = loaded(tmp_path, shortened)
    chosen = keep_judged_trainings(found)
    assert answer_article(chosen) == {}
    (sentence,) = describe_trainings(found, chosen)
    assert "only a trial was trained, on 400 samples" in sentence
    page = build_report(found, tmp_path)
    assert "only a trial was trained" in page.html
    assert "is refuted here" not in page.html
    # A later one of more epochs does not replace the experiment either.
    both = load_results(
        [
            made_results.save(tmp_path, experiment(), "1.json", when="2026-01-01T00:00:00+00:00"),
            made_results.save(tmp_path, shortened, "2.json", when="2026-01-02T00:00:00+00:00"),
        ]
    )
    assert set(keep_judged_trainings(both)["epochs"]) == {4}


@pytest.mark.parametrize("epochs", [2, 3])
def test_few_epochs_are_drawn_and_said_to_be_few(tmp_path, epochs):
    rows = [training_row(model, repeat, epochs) for repeat in range(2) for model in MODELS]
    found = loaded(tmp_path, rows)
    report = build_report(found, tmp_path)
    assert {"learning_curves", "model_strips"} <= {figure.key for figure in report.figures}
    assert f"trained for {epochs} epochs, where the article trained for 25" in report.html
