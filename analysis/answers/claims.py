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
from analysis.wording import format_speed
from bench.contract.claims import NOT_FASTER, Claim, Trial, load_claims

HOLDS, REFUTED, MIXED, UNDECIDED = "holds", "refuted", "mixed", "undecided"
PARTLY, NOT_MEASURED = "partly measured", "not measured"
WORDS = (HOLDS, REFUTED, MIXED, UNDECIDED, PARTLY, NOT_MEASURED)
#: The ids of a case and of its base.
_Ids = tuple[str, str]


@dataclass(frozen=True)
class TrialOutcome:
    """What came of one trial. Of the trainings that answer a claim: without ``trial`` and ``ratio``."""

    #: ``None`` where it is undecided.
    as_claimed: bool | None
    #: The same in words, with numbers.
    says: str
    ratio: Estimate | None = None
    trial: Trial | None = None

    @property
    def word(self) -> str:
        return {True: "as claimed", False: "not so", None: "undecided"}[self.as_claimed]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        entry: dict[str, Any] = {"as_claimed": self.as_claimed, "says": self.says}
        if self.trial and self.ratio:
            entry |= {
                "case": self.trial.case.id,
                "base": self.trial.base.id,
                "expects": self.trial.expects,
                "ratio": self.ratio.value,
                "interval": [self.ratio.low, self.ratio.high],
            }
        return entry


@dataclass(frozen=True)
class ClaimAnswer:
    """One claim on one device."""

    claim: Claim
    device: str
    outcomes: tuple[TrialOutcome, ...]
    #: Commands that measure the rest of it.
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
        """As JSON has it."""
        return {
            "id": self.claim.id,
            "source": self.claim.source,
            "statement": self.claim.statement,
            "made_on": self.claim.made_on,
            "device": self.device,
            "answer": self.word,
            "outcomes": [outcome.as_dict() for outcome in self.outcomes],
            "measure": list(self.missing),
        }


def judge_claims(results: Results, comparisons: pd.DataFrame, trainings: pd.DataFrame) -> list[ClaimAnswer]:
    """Every claim, on every device that was measured.

    ``comparisons`` is of ``tabulate_pairs``, ``trainings`` of ``keep_judged_trainings``.
    """
    judged = _judge_ratios_of_trials(results, comparisons)
    article = answer_article(trainings)
    devices = sorted(set(results.layers["device"])) or ["CPU:0"]
    return [_answer(claim, device, judged, article) for device in devices for claim in load_claims()]


def count_words(answers: Iterable[ClaimAnswer]) -> dict[str, int]:
    """Claims by answer."""
    words = [answer.word for answer in answers]
    return {word: words.count(word) for word in WORDS}


def _answer(
    claim: Claim,
    device: str,
    judged: Mapping[_Ids, tuple[Estimate, str]],
    article: Mapping[str, ArticleAnswer],
) -> ClaimAnswer:
    trained = []
    if claim.training and claim.training in article:
        answer = article[claim.training]
        trained.append(TrialOutcome(as_claimed=answer.holds, says=answer.says))
    tried = []
    for trial in claim.trials:
        here = trial.on(device)
        if (here.case.id, here.base.id) in judged:
            tried.append(_describe_outcome(here, *judged[here.case.id, here.base.id]))
    missing = []
    if claim.training and not trained:
        missing.append(commands.TRAIN)
    if len(tried) < len(claim.trials):
        missing.append(commands.CLAIMS)
    return ClaimAnswer(claim=claim, device=device, outcomes=(*trained, *tried), missing=tuple(missing))


def _describe_outcome(trial: Trial, ratio: Estimate, verdict: str) -> TrialOutcome:
    words = format_speed(ratio.value, ratio.low, ratio.high)
    return TrialOutcome(
        as_claimed=is_as_claimed(trial, ratio, verdict),
        says=f"{trial.case.id} is {words} as {trial.base.id}",
        ratio=ratio,
        trial=trial,
    )


def is_as_claimed(trial: Trial, ratio: Estimate, verdict: str) -> bool | None:
    """Whether it came out as ``trial`` expects; ``None`` where that is undecided.

    How many times as fast or slow it is, the interval decides; anything else, the verdict.
    """
    if trial.at_least > 1:
        return _is_so_many_times(trial, ratio)
    if verdict == verdicts.UNDECIDED:
        return None
    if trial.expects == NOT_FASTER:
        return verdict != verdicts.FASTER
    return verdict == trial.expects


def _is_so_many_times(trial: Trial, ratio: Estimate) -> bool | None:
    """Whether it is so many times as fast or slow; ``None`` where only a part of the interval is."""
    if trial.expects == verdicts.FASTER:
        border = 1 / trial.at_least
        is_beyond, is_short = ratio.high <= border, ratio.low > border
    else:
        border = trial.at_least if trial.expects == verdicts.SLOWER else 1 / trial.at_least
        is_beyond, is_short = ratio.low >= border, ratio.high < border
    if is_beyond or is_short:
        return is_beyond
    return None


def _judge_ratios_of_trials(results: Results, comparisons: pd.DataFrame) -> dict[_Ids, tuple[Estimate, str]]:
    """Ratio and verdict of every two cases that a trial may be about: from comparisons and contrasts."""
    judged = {
        (row["separable_case"].id, row["dense_case"].id): (
            Estimate(row["ratio"], row["low"], row["high"]),
            row["verdict"],
        )
        for row in comparisons.to_dict("records")
    }
    return judged | _judge_contrasts(results)


def _judge_contrasts(results: Results) -> dict[_Ids, tuple[Estimate, str]]:
    """The same of the cases that only claims set against each other."""
    table = results.contrasts
    if table.empty:
        return {}
    ids = [table[name].map(lambda case: case.id).rename(name) for name in ("case", "base")]
    groups = {key: rows.to_dict("records") for key, rows in table.groupby(ids, sort=False)}
    noise = ControlNoise(results.layers)
    noises = [noise.estimate(rows[0]["case"], len(rows)) for rows in groups.values()]
    judged = judge_ratios(list(groups.values()), noises)
    return {key: (ratio, verdict.word) for key, (ratio, verdict) in zip(groups, judged, strict=True)}
