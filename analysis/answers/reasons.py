"""Explanations -> why the layer is slower, in a sentence; a tested kernel's time, as a sum in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from analysis.reasons.causes.parts import CAUSE_NAMES, select_tested
from analysis.reasons.detectors.words import name_kernel
from analysis.reasons.explanation import Explained, Explanation
from analysis.reasons.findings import UNEXPLAINED
from analysis.statistics import verdicts
from analysis.wording import LAYER_NAMES, format_milliseconds, join_words

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
    untested, tested = _count_unexplained(slower)
    reasons = Counter(title for by_code in titles for code, title in by_code.items() if code != UNEXPLAINED)
    parts = []
    if reasons:
        # A dictionary, so that each layer is named once, in the order in which it comes.
        layers = list(dict.fromkeys(LAYER_NAMES[one.separable.layer] for one in slower))
        parts.append(f"{join_words(layers)}'s time goes to {_write_reasons_often_first(reasons)}")
    if untested:
        parts.append(f"in {untested} some kernel is slow and nothing captured says why")
    if tested:
        parts.append(f"in {tested} experiments on a slow kernel leave most of what it loses unexplained")
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


def _count_unexplained(slower: list[Explanation]) -> tuple[int, int]:
    """In how many some kernel is unexplained that no experiment was made on; in how many others some is."""
    untested = tested = 0
    for one in slower:
        own = [finding for finding in one.findings if finding.layer == one.separable.layer]
        unexplained = {kernel for finding in own if finding.code == UNEXPLAINED for kernel in finding.kernels}
        rows = select_tested(one.operations)
        rows = rows[rows["layer"] == one.separable.layer]
        without_test = unexplained - set(zip(rows["operation"], rows["role"], strict=True))
        untested += bool(without_test)
        tested += bool(unexplained and not without_test)
    return untested, tested


def name_layers_kernel(row: Mapping[str, Any]) -> str:
    """A row of ``tabulate_operations`` with its layer: ``SeparableConv2D: depthwise weight gradient``."""
    return f"{LAYER_NAMES[row['layer']]}: {name_kernel(row)}"


def write_sum(row: Mapping[str, Any]) -> str:
    """A tested kernel's time as its parts: ``0.43 ms = 0.07 least + 0.32 threads (...) + 0.04 left``."""
    parts = [f"{format_milliseconds(row['limit_seconds'])} least"]
    for cause in row["causes"]:
        interval = write_interval(cause.interval)
        words = f"{format_milliseconds(cause.seconds)} {CAUSE_NAMES[cause.cause]}"
        parts.append(f"{words} ({interval})" if interval else words)
    parts.append(f"{format_milliseconds(row['remainder_seconds'])} left")
    return f"{format_milliseconds(row['seconds'])} ms = {' + '.join(parts)}"


def write_interval(interval: tuple[float, float]) -> str:
    """An interval in seconds, in ms: ``0.1 to 0.14``; empty where it is not known."""
    low, high = interval
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{format_milliseconds(low)} to {format_milliseconds(high)}"


def write_controls(explained: Explained) -> str:
    """How often a cause would have been found where there was none; empty where nothing was tested."""
    claimed, tried = explained.controls
    if not tried:
        return ""
    controls = f"{tried} controls" if tried > 1 else "one control"
    return f"Of {controls}, in which nothing was changed, {claimed or 'none'} would have been claimed."
