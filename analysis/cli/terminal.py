"""Explanations, changes and claims as lines of text."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

import pandas as pd

from analysis import commands
from analysis.answers.changes import describe_detectable, write_kernel_changes
from analysis.answers.claims import ClaimAnswer, count_words
from analysis.answers.reasons import write_controls, write_sum
from analysis.environments.changes import Changes
from analysis.environments.kernels import select_silent_changes
from analysis.pairs.remedies import describe_gains
from analysis.reasons import stopwatches
from analysis.reasons.explanation import Explained, Explanation
from analysis.reasons.shown_operations import (
    LEAST_SHARE_ON_TERMINAL,
    choose_shown_operations,
    name_instruction,
    ran_beside_others,
)
from analysis.results.selection import write_environment
from analysis.statistics import verdicts
from analysis.wording import format_milliseconds, format_number, format_percent, format_speed


def format_explained(found: Explained, gains: pd.DataFrame) -> Iterator[str]:
    """Every explanation, what could not be explained, and what was tried."""
    for explanation in found.pairs:
        yield from _format_explanation(explanation, gains)
        yield ""
    if found.pairs:
        least = min(min(one.accounted.values()) for one in found.pairs)
        untraced = [share for one in found.pairs for share in one.accounted_of_untraced.values()]
        yield (
            f"Of every traced step at least {100 * least:.1f} % are accounted for; that time is "
            f"{format_percent(statistics.median(untraced))} of the step without the profiler, in the median "
            f"over {len(untraced)} traces."
        )
    watches = found.stopwatches
    if watches.kernels:
        yield (
            f"Over {watches.kernels} kernels longer than {format_milliseconds(stopwatches.LONG)} ms, "
            f"the profiler and oneDNN's own log differ by {format_percent(watches.median_difference)} in the "
            f"median{'' if watches.agree else ': they do not agree'}."
        )
    controls = write_controls(found)
    if controls:
        yield controls
    for problem in found.problems:
        yield f"warning: {problem}"
    for reason, rows in found.missing.groupby("reason", sort=False):
        yield f"not explained: {len(rows)} comparisons ({rows.iloc[0]['pair']}, ...): {reason}"
    if not found.pairs:
        yield f"Trace some comparisons: {commands.TRACE_TELLING}"


def format_changes(found: Changes) -> Iterator[str]:
    """What differs, every case that changed, and what could not be decided."""
    yield f"base: {write_environment(found.base)}"
    yield f"new:  {write_environment(found.new)}"
    for difference in found.differences:
        yield f"  {difference}"
    for warning in found.warnings:
        yield f"warning: {warning}"
    cases = found.cases
    counts = ", ".join(f"{word} {count}" for word, count in found.count_verdicts().items())
    yield f"Of {len(cases)} cases the new environment is: {counts}."
    detectable = describe_detectable(found)
    if detectable:
        yield detectable
    changed = cases[cases["verdict"].isin(verdicts.DIFFERENT)]
    for row in changed.sort_values("ratio", ascending=False).to_dict("records"):
        yield (
            f"  {row['verdict']}: {row['id']}: {format_speed(row['ratio'], row['low'], row['high'])}, "
            f"{format_milliseconds(row['base_seconds'])} → {format_milliseconds(row['new_seconds'])} ms "
            f"(false discovery rate {row['false_discovery_rate']:.2g}, effect size {row['effect_size']:+.2f})"
        )
        if row["kernel_changes"]:
            yield f"    {row['kernel_changes']}"
    undecided = cases[cases["verdict"] == verdicts.UNDECIDED]
    for code, rows in undecided.sort_values("needs").groupby("reason_code", sort=False):
        yield f"  undecided: {len(rows)}: {verdicts.REASONS[code]}"
        for row in rows.to_dict("records"):
            needs = row["needs"]
            more = (
                "no number of runs would decide" if math.isnan(needs) else f"needs {needs:.0f} more of each"
            )
            yield f"    {row['id']}: {format_speed(row['ratio'], row['low'], row['high'])}; {more}"
    yield from write_kernel_changes(found)
    for row in select_silent_changes(cases).to_dict("records"):
        yield f"  {row['verdict']}: {row['id']}: {row['kernel_changes']}"
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
            f"smallest detectable change {format_percent(row['detectable'])} in the median"
        )
    cases, false = table["cases"].sum(), table["false"].sum()
    yield (
        f"Over {len(table)} pairs of equal environments, {false} of {cases} verdicts "
        f"({format_percent(false / cases)}) are slower or faster."
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
        f"Over {len(table)} slowed environments, {total['found']} of {total['slowed']} slowed cases "
        f"({format_percent(total['found'] / total['slowed'])}) are called slower; {total['false']} of "
        # To a tenth: one in a hundred is what may be false.
        f"{total['others']} others ({format_percent(total['false'] / total['others'], digits=1)}) slower "
        "or faster."
    )


def _format_explanation(explanation: Explanation, gains: pd.DataFrame) -> Iterator[str]:
    name = f"{explanation.name}: " if explanation.name else ""
    yield f"{name}{explanation.pair}"
    yield f"  {explanation.sentence}"
    factors = explanation.factors
    yield (
        f"  {format_number(explanation.ratio)} = {format_number(factors.flops)} (FLOPs) x "
        f"{format_number(factors.limit)} (limits) x {format_number(factors.kernels)} (kernels) x "
        f"{format_number(factors.outside)} (outside kernels)"
    )
    for layer, seconds in explanation.seconds.items():
        yield (
            f"  {layer}: {format_milliseconds(seconds)} ms, {format_percent(explanation.accounted[layer])} "
            "of the traced step accounted for"
        )
        yield from _format_operations(explanation.operations[explanation.operations["layer"] == layer])
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


def _format_operations(rows: pd.DataFrame) -> Iterator[str]:
    """The operations of a layer, the small ones summed up in one line."""
    shown = choose_shown_operations(rows, LEAST_SHARE_ON_TERMINAL)
    small = rows.drop(shown.index)
    for row in shown.to_dict("records"):
        what = f"{row['operation']} {row['role'].replace('_', ' ')}".strip()
        ran = name_instruction(row) or row["implementation"]
        limit = ""
        if ran_beside_others(row):
            limit = f"ran for {format_milliseconds(row['running_seconds'])} ms beside others"
        elif row["bound_by"]:
            limit = f"{format_percent(row['of_limit'])} of its {row['bound_by']} limit"
        yield (
            f"    {format_milliseconds(row['seconds']):>8} ms {format_percent(row['share']):>5}  {what:<28}"
            f"{ran:<52} {limit}".rstrip()
        )
        if isinstance(row["causes"], tuple):
            yield f"                      {write_sum(row)}"
    if len(small):
        seconds, share = format_milliseconds(small["seconds"].sum()), format_percent(small["share"].sum())
        yield f"    {seconds:>8} ms {share:>5}  {len(small)} more"
