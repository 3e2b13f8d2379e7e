"""What changed between two environments, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from analysis.environments.changes import Changes, select_largest
from analysis.environments.kernels import select_known, select_silent_changes
from analysis.environments.naming import name_environments
from analysis.environments.upgrade import Reversal, Reversals, Upgrade
from analysis.statistics import verdicts
from analysis.wording import FRAMEWORK_NAMES, format_number, format_percent, format_speed, join_words
from bench.contract.fingerprint import Difference, find_differences

#: The largest changes, of which a sentence tells each.
_NAMED_CHANGES = 4
#: Of ids and differences, so many are named in a sentence.
_NAMED = 3
#: What a reader calls a fact of the environment.
_FACTS = {
    **FRAMEWORK_NAMES,
    "keras": "Keras",
    "python": "Python",
    "onednn": "oneDNN",
    "onednn_details.version": "oneDNN's version",
    "onednn_details.isa": "oneDNN's instruction set",
    "onednn_details.runtime": "oneDNN's runtime",
    "onednn_details.threads": "oneDNN's threads",
}
#: Facts that say again what another one says.
_REPEATED = ("onednn_details.enabled",)


def write_changes(upgrade: Upgrade) -> list[str]:
    """Slower or faster, and from what to what; whether the answer turned; then the largest changes."""
    changes = upgrade.changes
    return [
        _describe_counts(changes),
        _describe_reversals(upgrade.reversals),
        *_describe_largest(changes),
        *write_kernel_changes(changes),
    ]


def list_differences(base: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Everything lasting that differs between two environments, in words, most telling first."""
    differences = sorted(find_differences(base, new), key=_rank_difference)
    return [_describe_difference(each) for each in differences if each.name not in _REPEATED]


def write_kernel_changes(changes: Changes) -> list[str]:
    """What is known of the kernels beside the changes in time."""
    cases = changes.cases
    known = select_known(cases)
    if known.empty:
        return ["Which kernels ran is not known of both environments: not recorded, or not in oneDNN."]
    changed = known[known["kernel_changes"].ne("")]
    if changed.empty:
        return [f"The same kernels ran in all {len(known)} cases for which both are known."]
    silent = select_silent_changes(known)
    sentence = f"Another kernel ran in {len(changed)} of {len(known)} cases for which both are known"
    if silent.empty:
        return [f"{sentence}."]
    return [
        f"{sentence}; in {len(silent)} of these the time is not known to differ: {_name_some(silent['id'])}."
    ]


def describe_detectable(changes: Changes) -> str:
    """How small a change would have been called one; empty where nothing is known of that."""
    known = changes.cases["detectable"].replace(math.inf, math.nan)
    if known.isna().all():
        return ""
    return (
        f"The smallest change that would have been called one: {format_percent(known.median())} in the "
        f"median, {format_percent(known.max())} at most."
    )


def _describe_counts(changes: Changes) -> str:
    base, new = name_environments([changes.base, changes.new])
    counts = changes.count_verdicts()
    counted = ", ".join(f"{word} in {counts[word]}" for word in verdicts.WORDS if counts[word])
    told = list_differences(changes.base, changes.new)
    differs = f"; what differs: {_name_some(pd.Series(told), separator='; ')}" if told else ""
    alone = "" if changes.took_turns else " (their runs did not take turns)"
    return f"From {base} to {new}, of {len(changes.cases)} cases the new one is {counted}{alone}{differs}."


def _describe_reversals(reversals: Reversals) -> str:
    found = reversals.found
    if not reversals.decided:
        return "Whether the answer turned is not known: no comparison is decided in both."
    if not found:
        return f"The answer turned in none of the {reversals.decided} comparisons that both decide."
    ways = [
        f"{'slower' if is_slower else 'no longer slower'} in {_name_reversals(some)}"
        for is_slower in (True, False)
        if (some := [one for one in found if one.is_slower_now is is_slower])
    ]
    return (
        f"The answer turned in {len(found)} of {reversals.decided} comparisons: the separable layer is now "
        f"{join_words(ways)}."
    )


def _name_reversals(found: list[Reversal]) -> str:
    named = [
        f"{one.comparison} ({format_number(one.base_ratio)} times Conv2D's time before, "
        f"{format_number(one.new_ratio)} now)"
        for one in found[:_NAMED]
    ]
    more = [f"{len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return join_words([*named, *more])


def _describe_largest(changes: Changes) -> Iterator[str]:
    """A sentence for each of the largest changes: how much slower or faster, and which kernels changed."""
    for row in select_largest(changes.cases, _NAMED_CHANGES).to_dict("records"):
        speed = format_speed(row["ratio"], row["low"], row["high"])
        kernels = f"; {row['kernel_changes']}" if row["kernel_changes"] else ""
        yield f"{row['id']} became {speed}{kernels}."


def _rank_difference(difference: Difference) -> tuple[int, int]:
    """Versions and settings that have a name of their own come first, then flags, then the rest."""
    if difference.name in _FACTS:
        return (0, list(_FACTS).index(difference.name))
    return (1, 0) if difference.name.startswith("flags.") else (2, 0)


def _describe_difference(difference: Difference) -> str:
    name = _FACTS.get(difference.name, difference.name.removeprefix("flags."))
    return f"{name}{str(difference).removeprefix(difference.name)}"


def _name_some(names: pd.Series, separator: str = ", ") -> str:
    named = separator.join(names.iloc[:_NAMED])
    return f"{named} and {len(names) - _NAMED} more" if len(names) > _NAMED else named
