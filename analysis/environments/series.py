"""Environments that follow each other: those of a campaign, or those that one machine went through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.environments.naming import name_environments
from analysis.results.tables import MeasuredRun, Results
from bench.contract.fingerprint import are_one_machine

#: What runs that belong to no campaign are called together.
ONE_BY_ONE = "history"
#: Two environments that were measured one by one are a base and a new one; a history is more.
_LEAST_ONE_BY_ONE = 3


@dataclass(frozen=True)
class Series:
    """The environments, oldest first: what each is called, and the runs in it. Two at least."""

    name: str
    labels: tuple[str, ...]
    members: tuple[Results, ...]

    @property
    def is_campaign(self) -> bool:
        return all(run.campaign for member in self.members for run in member.runs)

    @property
    def fingerprints(self) -> set[str]:
        return {run.fingerprint for member in self.members for run in member.runs}


def find_series(everything: Results) -> list[Series]:
    """The newest machine's runs by themselves, and every campaign, where their environments differ.

    Campaigns of the same name count together. A campaign over several backends is no series (see
    ``analysis.environments.backends``).
    """
    one_by_one = _find_one_by_one(everything)
    campaigns: dict[str, list[MeasuredRun]] = {}
    for run in everything.runs:
        if run.campaign:
            campaigns.setdefault(run.campaign.id, []).append(run)
    found = [_build_series(name, everything, runs) for name, runs in campaigns.items() if _differ(runs)]
    return [*([one_by_one] if one_by_one else []), *found]


def list_earlier(chosen: Results, everything: Results) -> list[Results]:
    """Environments that came before that of ``chosen``, on the same machine and backend, the last one first.

    Of runs by themselves, by date; where there are none, those named before it in a campaign with it.
    """
    newest = chosen.newest_run
    alike = _select_alike(everything.runs, newest)
    alone = [
        run
        for run in alike
        if not run.campaign and run.fingerprint != newest.fingerprint and run.datetime <= newest.datetime
    ]
    before = alone or _list_named_before(newest.fingerprint, alike)
    # The last run of each environment decides which came last.
    fingerprints = dict.fromkeys(run.fingerprint for run in reversed(before))
    return [everything.select_environment(fingerprint) for fingerprint in fingerprints]


def find_indistinct(chosen: Results) -> tuple[str, ...]:
    """The names of environments of the newest campaign that are one by all that is recorded of them."""
    newest = chosen.newest_run
    if not newest.campaign:
        return ()
    together = [run for run in chosen.runs if run.turns_with == newest.turns_with and run.campaign]
    labels = {run.campaign.label: None for run in sorted(together, key=lambda run: run.order) if run.campaign}
    return tuple(labels) if len(labels) > 1 else ()


def _list_named_before(fingerprint: str, runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """Of the newest campaign over ``fingerprint`` and others, the runs of those before it, in their order."""
    for name in dict.fromkeys(run.campaign.id for run in reversed(runs) if run.campaign):
        members = [run for run in runs if run.campaign and run.campaign.id == name]
        own = [run for run in members if run.fingerprint == fingerprint]
        if own and len({run.fingerprint for run in members}) > 1:
            place = min(run.order for run in own)
            before = [run for run in members if run.order < place and run.fingerprint != fingerprint]
            return sorted(before, key=lambda run: run.order)
    return []


def _find_one_by_one(everything: Results) -> Series | None:
    alone = [run for run in everything.runs if not run.campaign]
    if not alone:
        return None
    newest = alone[-1]
    alike = _select_alike(alone, newest)
    fingerprints = list(dict.fromkeys(run.fingerprint for run in alike))
    members = [
        everything.select_runs({run.number for run in alike if run.fingerprint == one})
        for one in fingerprints
    ]
    measured = [member for member in members if len(member.layers)]
    if len(measured) < _LEAST_ONE_BY_ONE:
        return None
    labels = name_environments([member.environment for member in measured])
    return Series(ONE_BY_ONE, tuple(labels), tuple(measured))


def _build_series(name: str, everything: Results, runs: Sequence[MeasuredRun]) -> Series:
    """Of a campaign; ``runs`` are all of its runs."""
    by_label: dict[str, list[MeasuredRun]] = {}
    for run in runs:
        if run.campaign:
            by_label.setdefault(run.campaign.label, []).append(run)
    labels = sorted(by_label, key=lambda label: by_label[label][-1].order)
    members = [everything.select_runs({run.number for run in by_label[label]}) for label in labels]
    return Series(name, tuple(labels), tuple(members))


def _differ(runs: Sequence[MeasuredRun]) -> bool:
    """Whether they are of several environments, by name and in fact, and of one backend."""
    labels = {run.campaign.label for run in runs if run.campaign}
    fingerprints = {run.fingerprint for run in runs}
    return len(labels) > 1 and len(fingerprints) > 1 and len({run.backend for run in runs}) == 1


def _select_alike(runs: Sequence[MeasuredRun], newest: MeasuredRun) -> list[MeasuredRun]:
    """Of ``runs`` those on the machine and the backend of ``newest``."""
    return [
        run
        for run in runs
        if run.backend == newest.backend and are_one_machine(run.environment, newest.environment)
    ]
