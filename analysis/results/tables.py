"""What saved files hold, as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class CampaignPlace:
    """Where a run stands in a campaign: which replicate, and of which of its environments."""

    id: str
    replicate: int
    label: str
    #: The environment's number in the order in which the campaign named them; older files do not know it.
    place: int | None = None


@dataclass(frozen=True)
class MeasuredRun:
    """One run: what its file says of it, but for what it measured."""

    #: Its place in the order of dates: what the column ``run`` of every table holds.
    number: int
    #: What it is known by, wherever its file is met.
    identity: str
    file: str
    #: When it ended, in ISO 8601.
    datetime: str
    environment: Mapping[str, Any]
    #: What it was asked for: the grid's name, or the file of shapes.
    grid: str | None = None
    shapes: str | None = None
    #: ``None`` for a run by itself.
    campaign: CampaignPlace | None = None

    @property
    def fingerprint(self) -> str:
        """Equal for runs of one environment."""
        return self.environment["fingerprint"]

    @property
    def backend(self) -> str:
        return self.environment["backend"]

    @property
    def version(self) -> tuple[int, ...]:
        """The version of the backend as numbers, three at most."""
        found = re.findall(r"\d+", str(self.environment.get(self.backend, "")))
        return tuple(int(part) for part in found[:3])

    @property
    def order(self) -> tuple[int, tuple[int, ...], str]:
        """What sorts the environments of a campaign: how they were named; in older files, their versions."""
        if not self.campaign:
            return (0, self.version, "")
        return (self.campaign.place or 0, self.version, self.campaign.label)

    @property
    def turns_with(self) -> tuple[str, int] | None:
        """The campaign and the replicate: runs that share both took turns."""
        return (self.campaign.id, self.campaign.replicate) if self.campaign else None


@dataclass(frozen=True, eq=False)
class Results:
    """Everything read, as tables; equal to itself alone.

    ``runs``: in the order of their dates. The tables' column ``run`` holds the number of one.
    ``layers``: one row a case and run: run, case (a ConvCase), its fields, pair, name, times in seconds,
    ratio and ratios (to the dense layer of the same turns; missing without one), control_ratio,
    settled, contaminated, trace (the folder, where it still exists), turns (the median round of each, in
    seconds), together (equal for runs whose turns were the same; missing for a run by itself),
    implementations (the kernel that ran each role of the case, ``None`` for a role that oneDNN did not run;
    missing where nothing was recorded).
    ``ceilings``: one row a limit and run: its fields, seconds (the fastest call).
    ``not_measured``: case id and reason.
    ``remedies``: one row a remedy and run: run, name, case and remedied (ConvCases), ratio (time of
    remedied over time of case, in lock-step) and ratios (of its turns), settled, contaminated.
    ``contrasts``: one row a pair of cases that a public claim is about and run: run, case and base
    (ConvCases), ratio and ratios (of case to base), settled, contaminated.
    ``trainings``: one row an MNIST model, repeat and run: its fields, history (an entry an epoch for
    each curve), seconds (of each epoch), compiled (the epochs whose time holds compiling too)
    and microseconds_a_sample (those epochs apart).
    ``networks``: one row a network, variant, direction and run: run, the fields of ``network`` (see
    ``bench/contract/schema.json``; layers as FoundLayers), seconds (of a step), ratio and ratios (to
    the network as it is in the same turns, which itself has ratio 1; missing where it took no turns), turns
    (the median round of each, in seconds), together, settled, contaminated, trace.
    ``blocks``: one row a depthwise layer with its pointwise layer, variant, direction and run: its fields,
    seconds, ratio and ratios (to the block as it is), turns, together, settled, contaminated.
    ``refused_networks``: one row a variant of a network, or of one of its blocks, that a run could not
    measure: run, network, model, direction, mode, device, variant, layer (of the block; ``None`` for the
    whole network), reason, kind.
    """

    runs: tuple[MeasuredRun, ...]
    layers: pd.DataFrame
    ceilings: pd.DataFrame
    not_measured: pd.DataFrame
    remedies: pd.DataFrame
    contrasts: pd.DataFrame
    trainings: pd.DataFrame
    networks: pd.DataFrame
    blocks: pd.DataFrame
    refused_networks: pd.DataFrame
    #: A sentence for what was met in the files and left out.
    notes: tuple[str, ...] = ()

    @property
    def newest_run(self) -> MeasuredRun:
        return self.runs[-1]

    @property
    def environment(self) -> Mapping[str, Any]:
        """The environment of the newest run."""
        return self.newest_run.environment

    def select_newest_environment(self) -> Results:
        """The runs whose environment is that of the newest run.

        Of runs that took turns with it, the environment that comes last counts as the newest.
        """
        newest = self.newest_run
        if newest.campaign:
            together = [run for run in self.runs if run.turns_with == newest.turns_with]
            newest = max(together, key=lambda run: run.order)
        return self.select_environment(newest.fingerprint)

    def select_environment(self, fingerprint: str) -> Results:
        """The runs of one environment."""
        return self.select_runs({run.number for run in self.runs if run.fingerprint == fingerprint})

    def leave_out_campaigns(self) -> Results:
        """Without the runs of campaigns, which are there to compare; with them, if there are no others."""
        alone = {run.number for run in self.runs if not run.campaign}
        return self.select_runs(alone) if alone else self

    def select_runs(self, kept: Set[int]) -> Results:
        """Those runs alone."""

        def keep(table: pd.DataFrame) -> pd.DataFrame:
            return table[table["run"].isin(kept)].reset_index(drop=True)

        return Results(
            runs=tuple(run for run in self.runs if run.number in kept),
            layers=keep(self.layers),
            ceilings=keep(self.ceilings),
            not_measured=keep(self.not_measured),
            remedies=keep(self.remedies),
            contrasts=keep(self.contrasts),
            trainings=keep(self.trainings),
            networks=keep(self.networks),
            blocks=keep(self.blocks),
            refused_networks=keep(self.refused_networks),
            notes=self.notes,
        )
