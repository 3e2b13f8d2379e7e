"""Which runs and comparisons a command is about."""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from analysis.cli.options import STORAGE
from analysis.results.files import ResultsError, find_files
from analysis.results.loading import load_results
from analysis.results.selection import select_by_conditions
from analysis.results.tables import Results
from bench.contract.printable import make_printable


def load_runs(files: tuple[Path, ...]) -> Results:
    """The runs in ``files``, by default in ``.benchmarks``; warns of what is left out."""
    found = load_results(find_files(files or (STORAGE,)))
    for note in found.notes:
        click.echo(f"warning: {make_printable(note)}", err=True)
    return found


def choose_newest(everything: Results, conditions: str | None) -> Results:
    """Of the runs that meet ``conditions``, those of the newest environment.

    Runs of campaigns are there to be compared, and count only where there are no others.
    """
    if conditions:
        everything = select_by_conditions(conditions, everything)
    alone = everything.leave_out_campaigns()
    chosen = alone.select_newest_environment()
    _tell_left_out(len(alone.runs) - len(chosen.runs), "the newest")
    return chosen


def choose_networks(everything: Results, conditions: str | None) -> Results | None:
    """As :func:`choose_newest`, of the environments in which a network was measured; ``None`` without any.

    Other runs of that environment stay: they may have measured layers of the network alone.
    """
    if conditions:
        everything = select_by_conditions(conditions, everything)
    holding = {*everything.networks["run"]} or {*everything.refused_networks["run"]}
    found = everything.select_runs(holding).leave_out_campaigns()
    if not found.runs:
        return None
    newest = found.select_newest_environment().newest_run
    chosen = everything.select_environment(newest.fingerprint)
    if not newest.campaign:
        chosen = chosen.leave_out_campaigns()
    others = {run.number for run in found.runs if run.fingerprint != newest.fingerprint}
    _tell_left_out(len(others), "the newest that has networks")
    return chosen


def _tell_left_out(count: int, kept: str) -> None:
    if count:
        click.echo(f"{count} run(s) are of other environments: the answer is on {kept}.", err=True)


def choose_comparison(comparisons: pd.DataFrame, wanted: str) -> pd.DataFrame:
    """The comparison called ``wanted``, or that of the case called so."""
    chosen = [
        wanted in (row.pair, row.dense_case.id, row.separable_case.id) for row in comparisons.itertuples()
    ]
    if not any(chosen):
        raise ResultsError(f"no comparison here has a case {wanted!r}: their ids are in the report's tables")
    return comparisons[chosen]
