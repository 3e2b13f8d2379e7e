"""Explanations as lines of text."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import pandas as pd

from analysis import remedies, traces
from analysis.detectors import TOGETHER
from analysis.explain import Explained, Explanation
from analysis.wording import milliseconds, number, percent

#: Operations under this share of a step are summed up in one line.
_SMALL = 0.01


def explained(found: Explained, gains: pd.DataFrame) -> Iterator[str]:
    """Every explanation, what could not be explained, and what was tried."""
    for explanation in found.pairs:
        yield from _explanation(explanation, gains)
        yield ""
    if found.pairs:
        least = min(min(one.accounted.values()) for one in found.pairs)
        untraced = [share for one in found.pairs for share in one.accounted_of_untraced.values()]
        yield (
            f"Of every traced step at least {100 * least:.1f} % are accounted for; that time is "
            f"{percent(statistics.median(untraced))} of the step without the profiler, in the median over "
            f"{len(untraced)} traces."
        )
    watches = found.stopwatches
    if watches.kernels:
        yield (
            f"Over {watches.kernels} kernels longer than 1 ms, the profiler and oneDNN's own log differ "
            f"by {percent(watches.median_difference)} in the median"
            f"{'' if watches.agree else ': they do not agree'}."
        )
    for problem in found.problems:
        yield f"warning: {problem}"
    for reason, rows in found.missing.groupby("reason", sort=False):
        yield f"not explained: {len(rows)} comparisons ({rows.iloc[0]['pair']}, ...): {reason}"
    if not found.pairs:
        yield "Trace some comparisons: pytest bench/ --profile telling --benchmark-autosave"


def _explanation(explanation: Explanation, gains: pd.DataFrame) -> Iterator[str]:
    name = f"{explanation.name}: " if explanation.name else ""
    yield f"{name}{explanation.pair}"
    yield f"  {explanation.sentence}"
    factors = explanation.factors
    yield (
        f"  {number(explanation.ratio)} = {number(factors.flops)} (FLOPs) x {number(factors.limit)} (limits) "
        f"x {number(factors.kernels)} (kernels) x {number(factors.outside)} (outside kernels)"
    )
    for layer, seconds in explanation.seconds.items():
        yield (
            f"  {layer}: {milliseconds(seconds)} ms, {percent(explanation.accounted[layer])} of the traced "
            "step accounted for"
        )
        yield from _operations(explanation.operations[explanation.operations["layer"] == layer])
    for finding in explanation.findings:
        yield f"  - [{finding.code}, {finding.layer}] {finding.says}"
        if finding.advice:
            yield f"    advice: {finding.advice}"
    for line in remedies.measured(explanation.remedies, explanation.separable, gains):
        yield f"  measured here: {line}"
    for line in explanation.cautions:
        yield f"  caution: {line}"
    for layer, folder in explanation.traces.items():
        yield f"  trace of {layer}: {folder}"


def _operations(rows: pd.DataFrame) -> Iterator[str]:
    shown, small = rows[rows["share"] >= _SMALL], rows[rows["share"] < _SMALL]
    for row in shown.to_dict("records"):
        what = f"{row['operation']} {row['role'].replace('_', ' ')}".strip()
        named = row["implementation"] == traces.XLA and row["bound_by"]
        ran = row["name"] if named else row["implementation"]
        limit = ""
        if row["bound_by"]:
            limit = f"{percent(row['of_limit'])} of its {row['bound_by']} limit"
        if row["bound_by"] and row["overlapped"] > TOGETHER:
            limit = f"ran for {milliseconds(row['running_seconds'])} ms beside others"
        yield (
            f"    {milliseconds(row['seconds']):>8} ms {percent(row['share']):>5}  {what:<28}"
            f"{ran:<52} {limit}".rstrip()
        )
    if len(small):
        yield (
            f"    {milliseconds(small['seconds'].sum()):>8} ms {percent(small['share'].sum()):>5}  "
            f"{len(small)} more"
        )
