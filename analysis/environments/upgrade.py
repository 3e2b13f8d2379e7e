"""What changed from the environment before to the one that is looked at, and whether the answer turned."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.environments.changes import Changes, compare_environments
from analysis.environments.series import list_earlier
from analysis.pairs.table import tabulate_pairs
from analysis.results.repeating import write_campaign
from analysis.results.tables import Results
from analysis.statistics import verdicts

#: Verdicts of a separable layer that answer the question; *undecided* does not.
_DECIDED = (verdicts.SLOWER, verdicts.SAME, verdicts.FASTER)


@dataclass(frozen=True)
class Reversal:
    """A comparison whose separable layer is slower in one of two environments, and not in the other.

    Ratios are its time over that of the dense layer.
    """

    comparison: str
    base_ratio: float
    base_verdict: str
    new_ratio: float
    new_verdict: str

    @property
    def is_slower_now(self) -> bool:
        return self.new_verdict == verdicts.SLOWER


@dataclass(frozen=True)
class Reversals:
    """``found`` among as many comparisons as both environments decide."""

    found: tuple[Reversal, ...]
    decided: int


@dataclass(frozen=True)
class Upgrade:
    """Two environments, and what changed from the one to the other."""

    changes: Changes
    #: Comparisons of the two layers whose answer turned.
    reversals: Reversals
    #: The command that measures both in lock-step; empty where that was done, or cannot be.
    settle_with: str


def compare_upgrade(base: Results, new: Results) -> Upgrade:
    """What changed from ``base`` to ``new``.

    Raises :class:`analysis.results.files.ResultsError` where they share no case, or share runs.
    """
    changes = compare_environments(base, new)
    cases = list(new.layers[new.layers["id"].isin(changes.cases["id"])]["case"])
    return Upgrade(
        changes=changes,
        reversals=find_reversals(base, new),
        settle_with="" if changes.took_turns else write_campaign(base.newest_run, new.newest_run, cases),
    )


def find_predecessor(chosen: Results, everything: Results) -> Results | None:
    """Of the environments before that of ``chosen`` on its machine, the last one that shares a case with it.

    Where none does, the last one; ``None`` where there is none at all.
    """
    earlier = list_earlier(chosen, everything)
    own = set(chosen.layers["id"])
    sharing = [one for one in earlier if not own.isdisjoint(one.layers["id"])]
    return next(iter(sharing or earlier), None)


def find_reversals(base: Results, new: Results) -> Reversals:
    """Of the comparisons in both, those that turned."""
    before = {row["pair"]: row for row in tabulate_pairs(base).to_dict("records")}
    after = {row["pair"]: row for row in tabulate_pairs(new).to_dict("records")}
    decided = [
        (before[pair], after[pair])
        for pair in before
        if pair in after and before[pair]["verdict"] in _DECIDED and after[pair]["verdict"] in _DECIDED
    ]
    turned = [
        Reversal(was["pair"], was["ratio"], was["verdict"], now["ratio"], now["verdict"])
        for was, now in decided
        if (was["verdict"] == verdicts.SLOWER) != (now["verdict"] == verdicts.SLOWER)
    ]
    return Reversals(tuple(turned), len(decided))
