"""What became of the article's claims."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.mnist.trainings import ModelDifference, are_shortened, compare_models
from analysis.statistics.estimates import Estimate
from analysis.wording import format_speed
from bench.contract.mnist import CONV, MATCHED, SEPARABLE, SEPARABLE_DEEPER, SEPARABLE_SHALLOWER


@dataclass(frozen=True)
class ArticleAnswer:
    """What became of one of the article's claims: whether it holds (``None``: undecided), and in words."""

    holds: bool | None
    says: str


def answer_article(rows: pd.DataFrame) -> dict[str, ArticleAnswer]:
    """By claim: slower, less accurate, parameters, depth; those that ``rows`` answer, in this order.

    Shortened trainings and those of a single epoch answer none.
    """
    if rows.empty or rows["epochs"].iloc[0] < 2 or are_shortened(rows).any():
        return {}
    against = compare_models(rows, SEPARABLE, CONV)
    found = {"parameters": _answer_parameters(rows), "depth": _answer_depth(rows)}
    if against:
        found = {
            "slower": _answer_slower(against, rows),
            "less accurate": _answer_less_accurate(against),
            **found,
        }
    return {claim: answer for claim, answer in found.items() if answer}


def _answer_slower(found: ModelDifference, rows: pd.DataFrame) -> ArticleAnswer:
    holds = _decide(found.time.low > 1, found.time.high < 1)
    return ArticleAnswer(
        holds,
        f'"SeparableConv2D trains slower" {_WORDS[holds]}. Over {found.repeats} repeats of '
        f"{int(rows['epochs'].iloc[0])} epochs, the separable network trains "
        f"{format_speed(found.time.value, found.time.low, found.time.high)} as the Conv2D one.",
    )


def _answer_less_accurate(found: ModelDifference) -> ArticleAnswer:
    holds = _decide(found.accuracy.high < 0, found.accuracy.low > 0)
    return ArticleAnswer(
        holds,
        f'"It is less accurate" {_WORDS[holds]}. Test accuracy differs by '
        f"{format_points(found.accuracy)}, test loss by {_format_signed(found.loss)}.",
    )


def _answer_parameters(rows: pd.DataFrame) -> ArticleAnswer | None:
    matched, plain = compare_models(rows, MATCHED, CONV), compare_models(rows, MATCHED, SEPARABLE)
    if matched is None or plain is None:
        return None
    holds = _decide(plain.accuracy.low > 0, plain.accuracy.high <= 0 or matched.accuracy.high < 0)
    return ArticleAnswer(
        holds,
        f'"Fewer parameters may cost the accuracy" {_WORDS[holds]}. With as many parameters as conv, the '
        f"separable network's accuracy differs from conv's by {format_points(matched.accuracy)}, from the "
        f"plain separable one's by {format_points(plain.accuracy)}. It trains "
        f"{format_speed(matched.time.value, matched.time.low, matched.time.high)} as conv.",
    )


def _answer_depth(rows: pd.DataFrame) -> ArticleAnswer | None:
    """Whether a separable network of another depth is as accurate as conv."""
    others = {}
    for name, model in (("deeper", SEPARABLE_DEEPER), ("shallower", SEPARABLE_SHALLOWER)):
        found = compare_models(rows, model, CONV)
        if found is None:
            return None
        others[name] = found
    short = all(found.accuracy.high < 0 for found in others.values())
    enough = any(found.accuracy.low > 0 for found in others.values())
    holds = _decide(short, enough)
    parts = [f"{name} {format_points(found.accuracy)}" for name, found in others.items()]
    return ArticleAnswer(
        holds,
        f'"Neither adding nor removing a layer makes it as accurate" {_WORDS[holds]}. Against conv, the '
        f"accuracy of the separable network differs by: {'; '.join(parts)}.",
    )


def _decide(holds: bool, is_refuted: bool) -> bool | None:
    if holds:
        return True
    return False if is_refuted else None


_WORDS = {True: "holds here", False: "is refuted here", None: "is undecided here"}


def format_points(estimate: Estimate) -> str:
    """A difference of accuracies in percentage points."""
    return f"{100 * estimate.value:+.2f} points ({100 * estimate.low:+.2f} to {100 * estimate.high:+.2f})"


def _format_signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.4f} ({estimate.low:+.4f} to {estimate.high:+.4f})"
