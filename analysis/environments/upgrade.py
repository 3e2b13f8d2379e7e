"""What changed from the environment before to the one that is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.environments.changes import Changes, compare_environments
from analysis.environments.reversals import Reversals, find_reversals
from analysis.environments.series import list_earlier
from analysis.results.repeating import write_campaign
from analysis.results.tables import Results


@dataclass(frozen=True)
class Upgrade:
    """Two environments, and what changed from the one to the other."""

    changes: Changes
    #: Comparisons of the two layers whose answer turned.
    reversals: Reversals
    #: The command that measures both in lock-step; empty where that was done.
    settle_with: str


def compare_upgrade(base: Results, new: Results) -> Upgrade:
    """What changed from ``base`` to ``new``.

    Raises :class:`analysis.results.files.ResultsError` where they share no case, or share runs.
    """
    changes = compare_environments(base, new)
    return Upgrade(
        changes=changes,
        reversals=find_reversals(base, new),
        settle_with="" if changes.took_turns else write_campaign(base.newest_run, new.newest_run),
    )


def find_predecessor(chosen: Results, everything: Results) -> Results | None:
    """Of the environments before that of ``chosen`` on its machine, the last one that shares a case with it.

    Where none does, the last one; ``None`` where there is none at all.
    """
    earlier = list_earlier(chosen, everything)
    own = set(chosen.layers["id"])
    sharing = [one for one in earlier if not own.isdisjoint(one.layers["id"])]
    return next(iter(sharing or earlier), None)
