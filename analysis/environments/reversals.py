"""Comparisons in which the answer itself turned: the separable layer was the slower one, and no longer is."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.pairs.table import tabulate_pairs
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
