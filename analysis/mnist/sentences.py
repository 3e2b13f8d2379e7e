"""Full MNIST trainings in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis import commands
from analysis.mnist.answers import answer_article, format_points
from analysis.mnist.article import load_published
from analysis.mnist.trainings import are_shortened, compare_models, tabulate_layers_of_a_step
from analysis.results.tables import Results
from analysis.wording import format_number, format_speed
from bench.contract.mnist import CONV, HYBRID, SEPARABLE

#: A stopwatch that is no further off is not worth a sentence.
_WORTH_TELLING = 0.02


def describe_trainings(results: Results, rows: pd.DataFrame) -> list[str]:
    """The answer to each of the article's claims, in its order; then what it left open."""
    if rows.empty:
        return []
    if rows["epochs"].iloc[0] < 2:
        return [
            "MNIST: only one epoch a model was trained, in the place of the full experiment: "
            f"{commands.TRAIN} runs it."
        ]
    if are_shortened(rows).any():
        samples = rows["samples"].iloc[0]
        return [
            f"MNIST: only a trial was trained, on {samples['train']:,} samples, which says nothing of the "
            f"full experiment: {commands.TRAIN} runs it."
        ]
    found = [
        *(answer.says for answer in answer_article(rows).values()),
        *_describe_hybrid(rows),
        *_describe_short(rows),
    ]
    for row in tabulate_layers_of_a_step(results, rows).to_dict("records"):
        if row["model"] in (CONV, SEPARABLE):
            found.append(
                f"Where a step of {row['model']} goes: its two convolutions alone take "
                f"{row['layer_1_seconds'] * 1e3:.1f} and {row['layer_2_seconds'] * 1e3:.1f} ms of "
                f"{row['step_seconds'] * 1e3:.1f} ms, {100 * row['share']:.0f} %."
            )
    return [*found, *_describe_stopwatch(rows)]


def _describe_short(rows: pd.DataFrame) -> list[str]:
    epochs, full = int(rows["epochs"].iloc[0]), load_published()["epochs"]
    if epochs >= full:
        return []
    return [f"MNIST: the models were trained for {epochs} epochs, where the article trained for {full}."]


def _describe_hybrid(rows: pd.DataFrame) -> list[str]:
    parts = []
    for base in (CONV, SEPARABLE):
        found = compare_models(rows, HYBRID, base)
        if found is None:
            return []
        parts.append(
            f"against {base} it trains {format_speed(found.time.value, found.time.low, found.time.high)}, "
            f"its accuracy differs by {format_points(found.accuracy)}"
        )
    return [f"A dense first layer and a separable second: {'; '.join(parts)}."]


def _describe_stopwatch(rows: pd.DataFrame) -> list[str]:
    """How wrong a stopwatch around each call to ``fit`` would be."""
    ratios = {}
    for model, repeats in rows.groupby("model", sort=False):
        over_epoch = [ratio for row in repeats.to_dict("records") for ratio in _compare_stopwatches(row)]
        if over_epoch:
            ratios[model] = float(np.median(over_epoch))
    if not ratios or max(ratios.values()) < 1 + _WORTH_TELLING:
        return []
    least = min(ratios, key=lambda model: ratios[model])
    most = max(ratios, key=lambda model: ratios[model])
    return [
        f"A stopwatch around each call to fit would have read {format_number(ratios[least])} ({least}) to "
        f"{format_number(ratios[most])} ({most}) times the epoch itself, since TensorFlow waits for its "
        "input pipeline's tuning thread when a call ends: time epochs as Keras does."
    ]


def _compare_stopwatches(row: Mapping[str, Any]) -> list[float]:
    """For each steady epoch of a training: the time of the call to ``fit`` over that of the epoch itself."""
    of_calls = row["history"].get("call_seconds", ())
    both = enumerate(zip(row["seconds"], of_calls, strict=False))
    return [call / own for epoch, (own, call) in both if epoch not in row["compiled"]]
