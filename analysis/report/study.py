"""What all sections of the report share, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.environments.series import find_indistinct
from analysis.environments.upgrade import Upgrade, compare_upgrade, find_predecessor
from analysis.limits.roofline import Ceilings, find_ceilings
from analysis.mnist.trainings import keep_judged_trainings
from analysis.networks.building import build_networks
from analysis.networks.network import MeasuredNetwork
from analysis.pairs.plane_and_arms import PlaneAndArms, find_plane_and_arms
from analysis.pairs.remedies import tabulate_remedies
from analysis.pairs.table import tabulate_pairs
from analysis.reasons.explaining import explain_pairs
from analysis.reasons.explanation import Explained
from analysis.report.cautions import list_cautions
from analysis.report.explanations import (
    ExplanationsElsewhere,
    ShownExplanation,
    choose_explanations,
    find_tested_elsewhere,
)
from analysis.results.files import ResultsError
from analysis.results.selection import describe_place, write_environment
from analysis.results.tables import Results
from analysis.wording import join_words


@dataclass(frozen=True)
class Study:
    """The results of one environment, and what they say."""

    #: The runs that the report is on, all of one environment.
    results: Results
    #: These runs and those of campaigns, which compare their environment with others.
    everything: Results
    #: Where the page will lie: its links start there.
    folder: Path
    #: A row a comparison, as ``tabulate_pairs`` has it.
    comparisons: pd.DataFrame
    #: By device.
    ceilings: Mapping[str, Ceilings]
    #: The plane and the arms among the comparisons.
    plane_and_arms: PlaneAndArms
    #: What the traces explain of the comparisons.
    explained: Explained
    #: Of these explanations those on the page.
    shown_explanations: tuple[ShownExplanation, ...]
    #: What experiments say in another environment; ``None`` where there are experiments in this one.
    tested_elsewhere: ExplanationsElsewhere | None
    #: A row a remedy, as ``tabulate_remedies`` has it.
    gains: pd.DataFrame
    #: The MNIST trainings to judge by, as ``keep_judged_trainings`` has them.
    trainings: pd.DataFrame
    #: Whole networks, one a direction.
    networks: tuple[MeasuredNetwork, ...]
    #: Where the networks were measured, if not where everything else was; else empty.
    networks_elsewhere: str
    #: Sentences on what makes the numbers doubtful.
    cautions: tuple[str, ...]
    #: What changed since another environment; ``None`` where there is none to compare with.
    upgrade: Upgrade | None = None
    #: Why nothing can be said of the other environment, where there is one.
    upgrade_problem: str = ""


def make_study(
    results: Results,
    everything: Results,
    against: Results | None,
    folder: Path,
    tell: Callable[[str], None],
) -> Study:
    """Compute what ``results`` say; ``tell`` is given what is being done.

    They are compared with ``against``; where that is ``None``, with the environment before theirs.
    """
    tell("judging comparisons")
    comparisons = tabulate_pairs(results)
    gains = tabulate_remedies(results, comparisons)
    tell("explaining traces")
    explained = explain_pairs(results, comparisons)
    tell("judging networks")
    networks, elsewhere = _find_networks(results, everything)
    tell("comparing with the environment before")
    upgrade, problem = _compare_with_another(results, everything, against)
    return Study(
        results=results,
        everything=everything,
        folder=folder,
        comparisons=comparisons,
        ceilings=find_ceilings(results.ceilings),
        plane_and_arms=find_plane_and_arms(comparisons),
        explained=explained,
        shown_explanations=choose_explanations(explained, gains, folder),
        tested_elsewhere=find_tested_elsewhere(explained, results, everything, folder),
        gains=gains,
        trainings=keep_judged_trainings(results),
        networks=networks,
        networks_elsewhere=elsewhere,
        cautions=tuple(list_cautions(results)),
        upgrade=upgrade,
        upgrade_problem=problem,
    )


def _find_networks(results: Results, everything: Results) -> tuple[tuple[MeasuredNetwork, ...], str]:
    """The networks of ``results``; without any, those that were measured last elsewhere, and where."""
    own = build_networks(results)
    if own or everything.networks.empty:
        return tuple(own), ""
    newest = everything.networks["run"].max()
    run = next(run for run in everything.runs if run.number == newest)
    own = build_networks(everything.select_environment(run.fingerprint))
    return tuple(own), describe_place(run.environment)


def _compare_with_another(
    results: Results, everything: Results, against: Results | None
) -> tuple[Upgrade | None, str]:
    """What changed, or a sentence on why it cannot be said; neither without another environment."""
    base = against or find_predecessor(results, everything)
    if not base:
        return None, _describe_indistinct(find_indistinct(results))
    try:
        # Campaigns hold runs of this environment too, and these took turns.
        return compare_upgrade(base, everything.select_environment(results.newest_run.fingerprint)), ""
    except ResultsError as error:
        return None, f"{write_environment(base.environment)} is there to be compared with, but: {error}"


def _describe_indistinct(names: Sequence[str]) -> str:
    """That several environments count as one; empty where there are no such ``names``."""
    if not names:
        return ""
    return (
        f"nothing lasting differs between {join_words(names)}, so their runs count as those of one "
        "environment; python -m analysis compare tells whether their folders differ in time"
    )
