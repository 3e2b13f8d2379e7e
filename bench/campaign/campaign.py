"""A campaign: the same comparisons in several environments, replicate by replicate.

Each environment has one living process. All measure the same comparison and take turns slice by slice, one
running at a time, so drift of the machine hits all alike and does not pass for a change. A replicate means
fresh processes. Each environment ends with one ordinary result file a replicate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.campaign.environments import Environment
from bench.campaign.member import Member
from bench.campaign.progress import CampaignProgress
from bench.campaign.replicate import order_starts, run_replicate


@dataclass(frozen=True)
class Campaign:
    """What a campaign shall measure. ``options`` go to pytest; ``case_timeout`` is in seconds."""

    name: str
    folder: Path
    environments: Sequence[Environment]
    options: Sequence[str]
    replicates: int
    one_by_one: bool
    case_timeout: float

    @property
    def groups(self) -> int:
        """How many groups of environments a replicate has; those of a group are measured together."""
        return len(self.environments) if self.one_by_one else 1

    @property
    def settings(self) -> dict[str, Any]:
        """What must stay the same while a campaign goes on and is added to."""
        return {
            "environments": {environment.label: environment.in_words for environment in self.environments},
            "options": list(self.options),
            "one_by_one": self.one_by_one,
        }


def make_name(
    asked: Sequence[str | None], environments: Sequence[Environment], options: Sequence[str]
) -> str:
    """A name for a campaign without one: its labels, and a hash of what was ``asked`` for."""
    digest = hashlib.sha256(json.dumps([asked, list(options)]).encode()).hexdigest()[:6]
    labels = "-".join(environment.label for environment in environments)
    return f"{labels[:60]}-{digest}"


def run_campaign(campaign: Campaign, progress: CampaignProgress) -> int:
    """Measure the replicates that are not there yet. Returns how many result files are new.

    Raises :class:`bench.campaign.environments.CampaignError` where a process ends without a result.
    """
    measured = 0
    for number in range(1, campaign.replicates + 1):
        members = _list_missing(campaign, number)
        groups = [[member] for member in members] if campaign.one_by_one else [members]
        for place, group in enumerate(groups, start=1):
            if group:
                progress.begin_group(number - 1, others=len(groups) - place)
                run_replicate(group, campaign.case_timeout, f"{campaign.name}-{number}", progress.tell)
        measured += len(members)
    return measured


def _list_missing(campaign: Campaign, number: int) -> list[Member]:
    """The members of replicate ``number`` (from 1) without a result yet, in the order of their starts."""
    described = {"id": campaign.name, "replicate": number}
    members = [
        Member(campaign.environments[place], campaign.folder, {**described, "place": place}, campaign.options)
        for place in order_starts(number - 1, len(campaign.environments))
    ]
    return [member for member in members if not member.has_result]
