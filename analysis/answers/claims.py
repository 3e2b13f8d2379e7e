"""Public claims -> whether they hold here, with the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import commands
from analysis.mnist.answers import ArticleAnswer, answer_article
from analysis.pairs.judging import ControlNoise, judge_ratios
from analysis.results.tables import Results
from analysis.statistics import verdicts
from analysis.statistics.estimates import Estimate
from analysis.wording import speed
from bench.contract.claims import FASTER, NOT_FASTER, SLOWER, Claim, Trial, load_claims

HOLDS, REFUTED, MIXED, UNDECIDED = "holds", "refuted", "mixed", "undecided"
PARTLY, NOT_MEASURED = "partly measured", "not measured"
WORDS = (HOLDS, REFUTED, MIXED, UNDECIDED, PARTLY, NOT_MEASURED)


@dataclass(frozen=True)
class Outcome:
    """What came of one trial, or of the trainings: if it is as claimed (``None``: undecided), in words."""

    as_claimed: bool | None
    says: str
    ratio: Estimate | None = None
    trial: Trial | None = None

    @property
    def word(self) -> str:
        return {True: "as claimed", False: "not so", None: "undecided"}[self.as_claimed]


@dataclass(frozen=True)
class ClaimAnswer:
    """One claim on one device."""

    claim: Claim
    device: str
    outcomes: tuple[Outcome, ...]
    #: What would measure the rest of it.
    missing: tuple[str, ...]

    @property
    def word(self) -> str:
        """One of :data:`WORDS`. What holds does so in all its parts, and one that does not refutes it.

        A claim about a network is decided by its training; its layers alone are beside the point.
        """
        if not self.outcomes:
            return NOT_MEASURED
        trained = [outcome.as_claimed for outcome in self.outcomes if outcome.trial is None]
        if self.claim.training and not trained:
            return PARTLY
        parts = trained or [outcome.as_claimed for outcome in self.outcomes]
        if False in parts:
            return MIXED if True in parts else REFUTED
        if self.missing and not trained:
            return PARTLY
        return HOLDS if all(parts) else UNDECIDED

    def as_dict(self) -> dict[str, Any]:
        return {
            **{name: getattr(self.claim, name) for name in ("id", "source", "statement", "made_on")},
            "device": self.device,
            "answer": self.word,
            "outcomes": [
                {
                    "as_claimed": outcome.as_claimed,
                    "says": outcome.says,
                    **(
                        {
                            "case": outcome.trial.case.id,
                            "base": outcome.trial.base.id,
                            "expects": outcome.trial.expects,
                            "ratio": outcome.ratio.value,
                            "interval": [outcome.ratio.low, outcome.ratio.high],
                        }
                        if outcome.trial and outcome.ratio
                        else {}
                    ),
                }
                for outcome in self.outcomes
            ],
            "measure": list(self.missing),
        }


def judge_claims(results: Results, comparisons: pd.DataFrame, trained: pd.DataFrame) -> list[ClaimAnswer]:
    """Every claim, on every device that was measured; ``comparisons`` is of ``tabulate_pairs``, ``trained`` of
    ``choose_trainings``."""
    judged = _judged(results, comparisons)
    learned = answer_article(trained)
    devices = sorted(set(results.layers["device"])) or ["CPU:0"]
    return [_answer(claim, device, judged, learned) for device in devices for claim in load_claims()]


def _answer(
    claim: Claim,
    device: str,
    judged: Mapping[tuple[str, str], tuple[Estimate, str]],
    learned: Mapping[str, ArticleAnswer],
) -> ClaimAnswer:
    outcomes, missing = [], []
    if claim.training:
        if claim.training in learned:
            answer = learned[claim.training]
            outcomes.append(Outcome(answer.holds, answer.says))
        else:
            missing.append(commands.TRAIN)
    for trial in (trial.on(device) for trial in claim.trials):
        known = judged.get((trial.case.id, trial.base.id))
        if known is None:
            missing.append(commands.CLAIMS)
            continue
        ratio, verdict = known
        says = f"{trial.case.id} is {speed(ratio.value, ratio.low, ratio.high)} as {trial.base.id}"
        outcomes.append(Outcome(is_as_claimed(trial, ratio, verdict), says, ratio, trial))
    return ClaimAnswer(claim, device, tuple(outcomes), tuple(dict.fromkeys(missing)))


def _judged(results: Results, comparisons: pd.DataFrame) -> dict[tuple[str, str], tuple[Estimate, str]]:
    """(case id, base id) -> ratio and verdict, from comparisons and contrasts."""
    found = {
        (row["separable_case"].id, row["dense_case"].id): (
            Estimate(row["ratio"], row["low"], row["high"]),
            row["verdict"],
        )
        for row in comparisons.to_dict("records")
    }
    table = results.contrasts
    if table.empty:
        return found
    ids = [table[name].map(lambda case: case.id).rename(name) for name in ("case", "base")]
    groups = {key: rows.to_dict("records") for key, rows in table.groupby(ids, sort=False)}
    noise = ControlNoise(results.layers)
    noises = [noise.of(rows[0]["case"], len(rows)) for rows in groups.values()]
    judged = judge_ratios(list(groups.values()), noises)
    return found | {key: (ratio, verdict.word) for key, (ratio, verdict) in zip(groups, judged, strict=True)}


def is_as_claimed(trial: Trial, ratio: Estimate, verdict: str) -> bool | None:
    """Whether it came out as ``trial`` expects; ``None`` where that is undecided."""
    if trial.at_least > 1:
        border = trial.at_least if trial.expects == SLOWER else 1 / trial.at_least
        beyond, short = (ratio.low >= border, ratio.high < border)
        if trial.expects == FASTER:
            beyond, short = ratio.high <= border, ratio.low > border
        return True if beyond else False if short else None
    if verdict == verdicts.UNDECIDED:
        return None
    if trial.expects == NOT_FASTER:
        return verdict != verdicts.FASTER
    return verdict == trial.expects


def count_words(answers: Iterable[ClaimAnswer]) -> dict[str, int]:
    """Claims by answer."""
    words = [answer.word for answer in answers]
    return {word: words.count(word) for word in WORDS}
