"""Explanations -> why the layer is slower, in a sentence."""

from __future__ import annotations

from collections import Counter

from analysis.reasons.explanation import Explained
from analysis.reasons.findings import UNEXPLAINED
from analysis.statistics import verdicts
from analysis.wording import LAYER_NAMES, join_words

#: Reasons that the sentence names; the section has all.
_NAMED = 4


def write_reasons(explained: Explained) -> list[str]:
    """What the traces show where the layer is slower: each reason with how often it was found."""
    slower = [one for one in explained.pairs if one.verdict == verdicts.SLOWER]
    # By code, so that a reason counts once for a comparison.
    titles = [
        {finding.code: finding.title for finding in one.findings if finding.layer == one.separable.layer}
        for one in slower
    ]
    unexplained = sum(UNEXPLAINED in by_code for by_code in titles)
    reasons = Counter(title for by_code in titles for code, title in by_code.items() if code != UNEXPLAINED)
    parts = []
    if reasons:
        # A dictionary, so that each layer is named once, in the order in which it comes.
        layers = list(dict.fromkeys(LAYER_NAMES[one.separable.layer] for one in slower))
        parts.append(f"{join_words(layers)}'s time goes to {_write_reasons_often_first(reasons)}")
    if unexplained:
        parts.append(f"in {unexplained} some kernel is slow and nothing captured says why")
    if not parts:
        return []
    count = f"{len(slower)} comparisons" if len(slower) > 1 else "one comparison"
    verbs = ("are", "were") if len(slower) > 1 else ("is", "was")
    return [f"Why: in the {count} that {verbs[0]} slower and {verbs[1]} traced, {'; '.join(parts)}."]


def _write_reasons_often_first(reasons: Counter[str]) -> str:
    often = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{title} ({count})" for title, count in often[:_NAMED]]
    if len(often) > _NAMED:
        named.append(f"{len(often) - _NAMED} rarer reasons")
    return join_words(named)
