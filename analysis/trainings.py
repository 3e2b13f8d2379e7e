"""Full MNIST trainings: what models reached, how they differ, and what became of the article's claims."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from analysis import commands, stats
from analysis.results import Results
from analysis.stats import Estimate
from analysis.wording import number, speed
from bench.cases import ConvCase

CONV, SEPARABLE, HYBRID, MATCHED = "conv", "separable", "hybrid", "matched"
#: A stopwatch that is no further off is not worth a sentence.
_WORTH_TELLING = 0.02
#: The article's network takes this many images a step.
_BATCH = 250
#: The isolated convolutions of the article's network, in training (the grid mnist-layers).
_LAYERS = (
    {"height": 28, "width": 28, "in_channels": 1, "filters": 32, "input_gradient": False},
    {"height": 13, "width": 13, "in_channels": 32, "filters": 64},
)


def chosen(results: Results) -> pd.DataFrame:
    """The trainings to judge by: on all of MNIST before trials, then with the most epochs, the newest of each
    model and repeat."""
    rows = results.trainings
    if rows.empty:
        return rows
    whole = ~_are_trials(rows)
    rows = rows[whole] if whole.any() else rows
    rows = rows[rows["epochs"] == rows["epochs"].max()]
    return rows.drop_duplicates(["model", "repeat"], keep="last").reset_index(drop=True)


def _are_trials(rows: pd.DataFrame) -> pd.Series:
    """Whether each was trained or tested on fewer samples than MNIST has: it stands for nothing."""
    return rows["samples"].map(
        lambda samples: any(samples[name] < count for name, count in published()["samples"].items())
    )


def table(rows: pd.DataFrame) -> pd.DataFrame:
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
            estimate = _mean(repeats[name])
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        found.append(row)
    return pd.DataFrame(found)


@dataclass(frozen=True)
class Difference:
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


def difference(rows: pd.DataFrame, model: str, base: str) -> Difference | None:
    """``model`` against ``base``; ``None`` where fewer than two repeats have both."""
    pairs = rows[rows["model"] == model].merge(
        rows[rows["model"] == base], on="repeat", suffixes=("", "_base")
    )
    if len(pairs) < 2:
        return None
    ratios = [_paired_time(row) for row in pairs.to_dict("records")]
    return Difference(
        model,
        base,
        len(pairs),
        stats.geometric_mean(ratios),
        _mean(pairs["test_accuracy"] - pairs["test_accuracy_base"]),
        _mean(pairs["test_loss"] - pairs["test_loss_base"]),
    )


def _paired_time(row: dict[str, Any]) -> float:
    """The median over epochs of the ratio of two trainings that took turns; compiling apart."""
    compiled = {*row["compiled"], *row["compiled_base"]}
    both = list(zip(row["seconds"], row["seconds_base"], strict=True))
    steady = [own / base for epoch, (own, base) in enumerate(both) if epoch not in compiled]
    return float(np.median(steady or [own / base for own, base in both]))


def _mean(values: pd.Series) -> Estimate:
    """Without an interval for a single value."""
    if len(values) < 2:
        return Estimate(float(values.iloc[0]), math.nan, math.nan, 0.0)
    return stats.mean(list(values))


@cache
def published() -> dict[str, Any]:
    """What the article printed."""
    return json.loads(resources.files("analysis").joinpath("published.json").read_text("utf-8"))


def layers_of_a_step(results: Results, rows: pd.DataFrame) -> pd.DataFrame:
    """How much of a training step the isolated convolutions account for.

    One row for each of conv, separable and hybrid: ``model``, ``step_seconds``, ``layer_1_seconds``,
    ``layer_2_seconds`` and their ``share`` of the step. Empty where ``mnist-layers`` was not measured.
    """
    seconds = results.layers.groupby("id")["seconds"].median()
    common = {"direction": "train", "batch": _BATCH, "padding": "valid", "activation": "relu"}
    found = []
    for model, kinds in ((CONV, "cc"), (SEPARABLE, "ss"), (HYBRID, "cs")):
        repeats = rows[rows["model"] == model]
        names = {"c": "conv2d", "s": "separable_conv2d"}
        ids = [
            ConvCase(layer=names[kind], **common, **layer).id
            for kind, layer in zip(kinds, _LAYERS, strict=True)
        ]
        if repeats.empty or not set(ids) <= set(seconds.index):
            continue
        step = float(repeats["microseconds_a_sample"].median()) * 1e-6 * _BATCH
        first, second = (float(seconds[each]) for each in ids)
        found.append(
            {
                "model": model,
                "step_seconds": step,
                "layer_1_seconds": first,
                "layer_2_seconds": second,
                "share": (first + second) / step,
            }
        )
    return pd.DataFrame(found)


@dataclass(frozen=True)
class Answer:
    """What became of one of the article's claims: whether it holds (``None``: undecided), and in words."""

    holds: bool | None
    says: str


def answers(rows: pd.DataFrame) -> dict[str, Answer]:
    """By claim: slower, less accurate, parameters, depth; those that ``rows`` answer, in this order.

    Trials and trainings of a single epoch answer none.
    """
    if rows.empty or rows["epochs"].iloc[0] < 2 or _are_trials(rows).any():
        return {}
    against = difference(rows, SEPARABLE, CONV)
    found = {"parameters": _parameters(rows), "depth": _depth(rows)}
    if against:
        found = {"slower": _slower(against, rows), "less accurate": _less_accurate(against), **found}
    return {claim: answer for claim, answer in found.items() if answer}


def sentences(results: Results, rows: pd.DataFrame) -> list[str]:
    """The answer to each of the article's claims, in its order; then what it left open."""
    if rows.empty:
        return []
    if rows["epochs"].iloc[0] < 2:
        return [
            "MNIST: only one epoch a model was trained, in the place of the full experiment: "
            f"{commands.TRAIN} runs it."
        ]
    if _are_trials(rows).any():
        samples = rows["samples"].iloc[0]
        return [
            f"MNIST: only a trial was trained, on {samples['train']:,} samples, which says nothing of the "
            f"full experiment: {commands.TRAIN} runs it."
        ]
    found = [*(answer.says for answer in answers(rows).values()), *_hybrid(rows), *_short(rows)]
    for row in layers_of_a_step(results, rows).to_dict("records"):
        if row["model"] in (CONV, SEPARABLE):
            found.append(
                f"Where a step of {row['model']} goes: its two convolutions alone take "
                f"{row['layer_1_seconds'] * 1e3:.1f} and {row['layer_2_seconds'] * 1e3:.1f} ms of "
                f"{row['step_seconds'] * 1e3:.1f} ms, {100 * row['share']:.0f} %."
            )
    return [*found, *_stopwatch(rows)]


def _short(rows: pd.DataFrame) -> list[str]:
    epochs, full = int(rows["epochs"].iloc[0]), published()["epochs"]
    if epochs >= full:
        return []
    return [f"MNIST: the models were trained for {epochs} epochs, where the article trained for {full}."]


def _slower(found: Difference, rows: pd.DataFrame) -> Answer:
    holds = _decided(found.time.low > 1, found.time.high < 1)
    return Answer(
        holds,
        f'"SeparableConv2D trains slower" {_WORDS[holds]}. Over {found.repeats} repeats of '
        f"{int(rows['epochs'].iloc[0])} epochs, the separable network trains "
        f"{speed(found.time.value, found.time.low, found.time.high)} as the Conv2D one.",
    )


def _less_accurate(found: Difference) -> Answer:
    holds = _decided(found.accuracy.high < 0, found.accuracy.low > 0)
    return Answer(
        holds,
        f'"It is less accurate" {_WORDS[holds]}. Test accuracy differs by {_points(found.accuracy)}, test '
        f"loss by {_signed(found.loss)}.",
    )


def _parameters(rows: pd.DataFrame) -> Answer | None:
    matched, plain = difference(rows, MATCHED, CONV), difference(rows, MATCHED, SEPARABLE)
    if matched is None or plain is None:
        return None
    holds = _decided(plain.accuracy.low > 0, plain.accuracy.high <= 0 or matched.accuracy.high < 0)
    return Answer(
        holds,
        f'"Fewer parameters may cost the accuracy" {_WORDS[holds]}. With as many parameters as conv, the '
        f"separable network's accuracy differs from conv's by {_points(matched.accuracy)}, from the plain "
        f"separable one's by {_points(plain.accuracy)}. It trains "
        f"{speed(matched.time.value, matched.time.low, matched.time.high)} as conv.",
    )


def _depth(rows: pd.DataFrame) -> Answer | None:
    """Whether a separable network of another depth is as accurate as conv."""
    others = {name: difference(rows, f"{SEPARABLE}-{name}", CONV) for name in ("deeper", "shallower")}
    if not all(others.values()):
        return None
    short = all(found.accuracy.high < 0 for found in others.values())
    enough = any(found.accuracy.low > 0 for found in others.values())
    holds = _decided(short, enough)
    parts = [f"{name} {_points(found.accuracy)}" for name, found in others.items()]
    return Answer(
        holds,
        f'"Neither adding nor removing a layer makes it as accurate" {_WORDS[holds]}. Against conv, the '
        f"accuracy of the separable network differs by: {'; '.join(parts)}.",
    )


def _hybrid(rows: pd.DataFrame) -> list[str]:
    parts = []
    for base in (CONV, SEPARABLE):
        found = difference(rows, HYBRID, base)
        if found is None:
            return []
        parts.append(
            f"against {base} it trains {speed(found.time.value, found.time.low, found.time.high)}, its "
            f"accuracy differs by {_points(found.accuracy)}"
        )
    return [f"A dense first layer and a separable second: {'; '.join(parts)}."]


def _stopwatch(rows: pd.DataFrame) -> list[str]:
    """How wrong a stopwatch around each call to ``fit`` would be."""
    ratios = {}
    for model, repeats in rows.groupby("model", sort=False):
        pairs = [
            call / own
            for row in repeats.to_dict("records")
            for epoch, (own, call) in enumerate(
                zip(row["seconds"], row["history"].get("call_seconds", ()), strict=False)
            )
            if epoch not in row["compiled"]
        ]
        if pairs:
            ratios[model] = float(np.median(pairs))
    if not ratios or max(ratios.values()) < 1 + _WORTH_TELLING:
        return []
    least, most = min(ratios, key=ratios.get), max(ratios, key=ratios.get)
    return [
        f"A stopwatch around each call to fit would have read {number(ratios[least])} ({least}) to "
        f"{number(ratios[most])} ({most}) times the epoch itself, since TensorFlow waits for its input "
        "pipeline's tuning thread when a call ends: time epochs as Keras does."
    ]


def _decided(yes: bool, no: bool) -> bool | None:
    return True if yes else False if no else None


_WORDS = {True: "holds here", False: "is refuted here", None: "is undecided here"}


def _points(estimate: Estimate) -> str:
    """A difference of accuracies in percentage points."""
    value, low, high = (100 * part for part in (estimate.value, estimate.low, estimate.high))
    return f"{value:+.2f} points ({low:+.2f} to {high:+.2f})"


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.4f} ({estimate.low:+.4f} to {estimate.high:+.4f})"


def recomputed() -> dict[str, tuple[float, float]]:
    """What the article printed against what its own numbers give."""
    losses = published()["models"][SEPARABLE]["test_loss"][1:]
    outputs, kernel, channels, filters = 13 * 13, 3 * 3, 3, 10
    dense = outputs * kernel * channels * filters
    separable = outputs * kernel * channels + outputs * channels * filters
    stated = published()["multiplications"]
    return {
        "mean of its five losses": (published()["mean_of_five_losses"], float(np.mean(losses))),
        "multiplications of Conv2D, 15x15x3 to 10 filters": (stated[CONV], dense),
        "multiplications of SeparableConv2D, the same": (stated[SEPARABLE], separable),
    }
