"""Full MNIST trainings: what models reached, and how they differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.mnist.article import load_published
from analysis.results.tables import Results
from analysis.statistics.estimates import Estimate, estimate_geometric_mean, estimate_mean
from bench.contract.cases import ConvCase
from bench.contract.mnist import BATCH, CONV, FIRST_LAYER, HYBRID, SECOND_LAYER, SEPARABLE

#: The models whose steps are looked into.
_MODELS_OF_STEPS = (CONV, SEPARABLE, HYBRID)


def keep_judged_trainings(results: Results) -> pd.DataFrame:
    """The trainings to judge by: the newest of each model and repeat, of those with the most epochs.

    Shortened ones are kept only where there are no others.
    """
    rows = results.trainings
    if rows.empty:
        return rows
    whole = ~are_shortened(rows)
    rows = rows[whole] if whole.any() else rows
    rows = rows[rows["epochs"] == rows["epochs"].max()]
    return rows.drop_duplicates(["model", "repeat"], keep="last").reset_index(drop=True)


def are_shortened(rows: pd.DataFrame) -> pd.Series:
    """Whether each was trained or tested on fewer samples than MNIST has: it stands for nothing."""
    return rows["samples"].map(
        lambda samples: any(samples[name] < count for name, count in load_published()["samples"].items())
    )


def tabulate_models(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a model.

    ``model``, ``question``, ``parameters``, ``repeats``, ``epochs``; for each of ``test_accuracy``,
    ``test_loss`` and ``microseconds_a_sample`` (of training, the first epoch apart) the mean over the
    repeats with ``_low`` and ``_high`` of its 95 % interval (missing for one repeat);
    ``first_epoch_seconds``, in which TensorFlow also compiles.
    """
    found = []
    for model, repeats in rows.groupby("model", sort=False):
        first = repeats.iloc[0]
        row: dict[str, Any] = {
            **{name: first[name] for name in ("question", "parameters", "epochs")},
            "model": model,
            "repeats": len(repeats),
            "first_epoch_seconds": float(np.median([seconds[0] for seconds in repeats["seconds"]])),
        }
        for name in ("test_accuracy", "test_loss", "microseconds_a_sample"):
            estimate = _estimate_or_take_value(repeats[name])
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        found.append(row)
    return pd.DataFrame(found)


@dataclass(frozen=True)
class ModelDifference:
    """One model against another, by the repeats that share a seed.

    ``time`` is the ratio of training times, of epochs that took turns; ``accuracy`` and ``loss`` are
    differences of test results.
    """

    model: str
    base: str
    repeats: int
    time: Estimate
    accuracy: Estimate
    loss: Estimate


def compare_models(rows: pd.DataFrame, model: str, base: str) -> ModelDifference | None:
    """``model`` against ``base``; ``None`` where fewer than two repeats have both."""
    pairs = rows[rows["model"] == model].merge(
        rows[rows["model"] == base], on="repeat", suffixes=("", "_base")
    )
    if len(pairs) < 2:
        return None
    ratios = [_compare_times(row) for row in pairs.to_dict("records")]
    return ModelDifference(
        model=model,
        base=base,
        repeats=len(pairs),
        time=estimate_geometric_mean(ratios),
        accuracy=estimate_mean(list(pairs["test_accuracy"] - pairs["test_accuracy_base"])),
        loss=estimate_mean(list(pairs["test_loss"] - pairs["test_loss_base"])),
    )


def _compare_times(row: dict[str, Any]) -> float:
    """The median over epochs of the ratio of two trainings that took turns; compiling apart."""
    compiled = {*row["compiled"], *row["compiled_base"]}
    both = list(zip(row["seconds"], row["seconds_base"], strict=True))
    steady = [own / base for epoch, (own, base) in enumerate(both) if epoch not in compiled]
    return float(np.median(steady or [own / base for own, base in both]))


def _estimate_or_take_value(values: pd.Series) -> Estimate:
    """Without an interval for a single value."""
    if len(values) < 2:
        return Estimate(float(values.iloc[0]), math.nan, math.nan, 0.0)
    return estimate_mean(list(values))


def tabulate_layers_of_a_step(results: Results, rows: pd.DataFrame) -> pd.DataFrame:
    """How much of a training step the isolated convolutions account for.

    One row for each of conv, separable and hybrid: ``model``, ``step_seconds``, ``layer_1_seconds``,
    ``layer_2_seconds`` and their ``share`` of the step. Empty where ``mnist-layers`` was not measured.
    """
    seconds = results.layers.groupby("id")["seconds"].median()
    found = []
    for model in _MODELS_OF_STEPS:
        repeats = rows[rows["model"] == model]
        if repeats.empty:
            continue
        convolutions = repeats["convolutions"].iloc[0]
        # A file need not say what a model has, and a model of that name need not be the article's.
        if not convolutions or len(convolutions) < 2:
            continue
        first_kind, second_kind = convolutions[0][0], convolutions[1][0]
        first = ConvCase(layer=first_kind, direction="train", **FIRST_LAYER).id
        second = ConvCase(layer=second_kind, direction="train", **SECOND_LAYER).id
        if first not in seconds or second not in seconds:
            continue
        step = float(repeats["microseconds_a_sample"].median()) * 1e-6 * BATCH
        found.append(
            {
                "model": model,
                "step_seconds": step,
                "layer_1_seconds": float(seconds[first]),
                "layer_2_seconds": float(seconds[second]),
                "share": float(seconds[first] + seconds[second]) / step,
            }
        )
    return pd.DataFrame(found)
