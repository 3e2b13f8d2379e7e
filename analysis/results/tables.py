"""What saved files hold, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, eq=False)
class Results:
    """Everything read, as tables; equal to itself alone.

    ``runs``: one row a run: run, identity, file, datetime, fingerprint, environment (a dict), grid,
    turns_with (the campaign and replicate whose runs took turns; missing for a run by itself).
    ``layers``: one row a case and run: run, case (a ConvCase), its fields, pair, name, times in seconds,
    ratio and ratios (to the dense layer of the same turns; missing without one), control_ratio,
    settled, contaminated, trace (the folder, where it still exists), turns (the median round of each, in
    seconds), together (equal for runs whose turns were the same; missing for a run by itself).
    ``ceilings``: one row a limit and run: its fields, seconds (the fastest call).
    ``not_measured``: case id and reason.
    ``remedies``: one row a remedy and run: run, name, case and remedied (ConvCases), ratio (time of
    remedied over time of case, in lock-step) and ratios (of its turns), settled, contaminated.
    ``contrasts``: one row a pair of cases that a public claim is about and run: run, case and base
    (ConvCases), ratio and ratios (of case to base), settled, contaminated.
    ``trainings``: one row an MNIST model, repeat and run: its fields, history (an entry an epoch for
    each curve), seconds (of each epoch), compiled (the epochs whose time holds compiling too)
    and microseconds_a_sample (those epochs apart).
    """

    runs: pd.DataFrame
    layers: pd.DataFrame
    ceilings: pd.DataFrame
    not_measured: pd.DataFrame
    remedies: pd.DataFrame
    contrasts: pd.DataFrame
    trainings: pd.DataFrame
    #: A sentence for what was met in the files and left out.
    notes: tuple[str, ...] = ()

    @property
    def environment(self) -> Mapping[str, Any]:
        """The environment of the newest run."""
        return self.runs.iloc[-1]["environment"]

    def select_newest_environment(self) -> Results:
        """The runs whose environment has the fingerprint of the newest run's."""
        return self.select_runs(
            set(self.runs.loc[self.runs["fingerprint"] == self.environment["fingerprint"], "run"])
        )

    def leave_out_campaigns(self) -> Results:
        """Without the runs of campaigns, which are there to compare; with them, if there are no others."""
        alone = {run["run"] for run in self.runs.to_dict("records") if not run["turns_with"]}
        return self.select_runs(alone) if alone else self

    def select_runs(self, kept: Set[int]) -> Results:
        """Those runs alone."""

        def keep(table: pd.DataFrame) -> pd.DataFrame:
            return table[table["run"].isin(kept)].reset_index(drop=True)

        return Results(
            runs=keep(self.runs),
            layers=keep(self.layers),
            ceilings=keep(self.ceilings),
            not_measured=keep(self.not_measured),
            remedies=keep(self.remedies),
            contrasts=keep(self.contrasts),
            trainings=keep(self.trainings),
            notes=self.notes,
        )
