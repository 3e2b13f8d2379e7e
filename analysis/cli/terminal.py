"""Explanations and comparisons as lines of text."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

import pandas as pd

from analysis import commands
from analysis.answers.claims import ClaimAnswer, count_words
from analysis.environments.changes import Changes
from analysis.pairs.remedies import describe_gains
from analysis.reasons.detectors.thresholds import TOGETHER
from analysis.reasons.explanation import Explained, Explanation
from analysis.results.selection import describe_environment
from analysis.statistics import verdicts
from analysis.traces import naming
from analysis.wording import milliseconds, number, percent, speed

#: Operations under this share of a step are summed up in one line.
_SMALL = 0.01


def format_explained(found: Explained, gains: pd.DataFrame) -> Iterator[str]:
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
        yield f"Trace some comparisons: {commands.TRACE_TELLING}"


def format_changes(found: Changes) -> Iterator[str]:
    """What differs, every case that changed, and what could not be decided."""
    yield f"base: {describe_environment(found.base)}"
    yield f"new:  {describe_environment(found.new)}"
    for difference in found.differences:
        yield f"  {difference}"
    for warning in found.warnings:
        yield f"warning: {warning}"
    cases = found.cases
    counts = ", ".join(f"{word} {count}" for word, count in found.count_verdicts().items())
    yield f"Of {len(cases)} cases the new environment is: {counts}."
    known = cases["detectable"].replace(math.inf, math.nan)
    if known.notna().any():
        yield (
            f"The smallest change that would have been called one: {percent(known.median())} in the median, "
            f"{percent(known.max())} at most."
        )
    changed = cases[cases["verdict"].isin([verdicts.SLOWER, verdicts.FASTER])]
    for row in changed.sort_values("ratio", ascending=False).to_dict("records"):
        yield (
            f"  {row['verdict']}: {row['id']}: {speed(row['ratio'], row['low'], row['high'])}, "
            f"{milliseconds(row['base_seconds'])} → {milliseconds(row['new_seconds'])} ms "
            f"(false discovery rate {row['false_discovery_rate']:.2g}, effect size {row['effect_size']:+.2f})"
        )
    undecided = cases[cases["verdict"] == verdicts.UNDECIDED]
    for reason, rows in undecided.sort_values("needs").groupby("reason", sort=False):
        yield f"  undecided: {len(rows)}: {verdicts.REASONS[reason]}"
        for row in rows.to_dict("records"):
            needs = row["needs"]
            more = (
                "no number of runs would decide" if math.isnan(needs) else f"needs {needs:.0f} more of each"
            )
            yield f"    {row['id']}: {speed(row['ratio'], row['low'], row['high'])}; {more}"
    for side, ids in (("BASE", found.only_in_base), ("NEW", found.only_in_new)):
        if ids:
            yield f"only in {side}: {', '.join(ids)}"


def format_claims(answers: list[ClaimAnswer]) -> Iterator[str]:
    """The ledger."""
    for answer in answers:
        yield f"{answer.word}: {answer.claim.statement}"
        yield f"  {answer.claim.source}; made on: {answer.claim.made_on}; here on: {answer.device}"
        for outcome in answer.outcomes:
            yield f"  {outcome.word}: {outcome.says}"
        for command in answer.missing:
            yield f"  to measure {'the rest' if answer.outcomes else 'it'}: {command}"
    counted = ", ".join(f"{word} {count}" for word, count in count_words(answers).items() if count)
    yield f"Of {len(answers)} claims: {counted}."


def format_equal(table: pd.DataFrame) -> Iterator[str]:
    """How often equal environments were called different."""
    for row in table.to_dict("records"):
        counted = ", ".join(f"{word} {row[word]}" for word in verdicts.WORDS)
        yield (
            f"{row['base']} and {row['new']}: {row['cases']} cases: {counted}; "
            f"smallest detectable change {percent(row['detectable'])} in the median"
        )
    cases, false = table["cases"].sum(), table["false"].sum()
    yield (
        f"Over {len(table)} comparisons of equal environments, {false} of {cases} verdicts "
        f"({percent(false / cases)}) are slower or faster."
    )


def format_slowdowns(table: pd.DataFrame) -> Iterator[str]:
    """How often injected slowdowns were found."""
    for row in table.to_dict("records"):
        yield (
            f"{row['label']}: {row['slowed']} slowed, {row['found']} found; "
            f"{row['others']} others, {row['false']} called different"
        )
    total = table.sum(numeric_only=True)
    yield (
        f"Over {len(table)} comparisons, {total['found']} of {total['slowed']} slowed cases "
        f"({percent(total['found'] / total['slowed'])}) are called slower; {total['false']} of "
        # To a tenth: one in a hundred is what may be false.
        f"{total['others']} others ({percent(total['false'] / total['others'], digits=1)}) slower or faster."
    )


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
    for line in describe_gains(explanation.remedies, explanation.separable, gains):
        yield f"  measured here: {line}"
    for line in explanation.cautions:
        yield f"  caution: {line}"
    for layer, folder in explanation.traces.items():
        yield f"  trace of {layer}: {folder}"


def _operations(rows: pd.DataFrame) -> Iterator[str]:
    shown, small = rows[rows["share"] >= _SMALL], rows[rows["share"] < _SMALL]
    for row in shown.to_dict("records"):
        what = f"{row['operation']} {row['role'].replace('_', ' ')}".strip()
        named = row["implementation"] == naming.XLA and row["bound_by"]
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
