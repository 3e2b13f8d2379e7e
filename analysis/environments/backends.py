"""The same cases on several Keras backends: which is fastest, and whose fault a slow layer is.

A separable layer that is slower than the dense one on every framework is slow by its nature, on this
machine; one that is slower on a single framework is that framework's doing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from analysis.environments.changes import find_changes
from analysis.pairs.table import tabulate_pairs
from analysis.results.tables import MeasuredRun, Results
from analysis.statistics import verdicts
from analysis.wording import FRAMEWORK_NAMES, LAYER_NAMES, join_words
from bench.contract.cases import DENSE_OF, LAYERS_1D
from bench.contract.fingerprint import are_one_machine

#: Where SeparableConv2D is the slower layer: on all backends that were measured, on one while the others are
#: known not to be, on some while others are undecided or not, or on none.
EVERYWHERE, ONE, SOME, NOWHERE = "everywhere", "one", "some", "nowhere"
_SETTINGS = ["shape", "direction", "mode", "dtype", "device"]


@dataclass(frozen=True)
class Backends:
    """What several backends say of the same cases.

    ``environments`` has the environment of each backend, in the order of :data:`wording.FRAMEWORK_NAMES`.

    ``ratios`` has a row a comparison that at least two measured:

    - ``pair``, ``name`` and its settings;
    - for each backend ``<backend>_ratio``, separable over dense time, with ``_low`` and ``_high`` of its 95 %
      interval and ``_verdict``: missing and empty where it was not measured;
    - ``slower``, where the separable layer is slower (see :data:`EVERYWHERE`); ``slower_on``, the backends.

    ``cases`` has a row a case that at least two measured:

    - ``id``, ``layer``, ``direction``;
    - for each backend ``<backend>_seconds``, the median over its runs;
    - ``fastest`` and ``runner_up``, backends;
    - ``lead``, time of the fastest over that of the runner-up, with ``lead_low`` and ``lead_high``; and
      ``decided``, whether it is beyond chance and noise.
    """

    environments: Mapping[str, Mapping[str, Any]]
    ratios: pd.DataFrame
    cases: pd.DataFrame

    @property
    def backends(self) -> tuple[str, ...]:
        return tuple(self.environments)

    @property
    def sentences(self) -> list[str]:
        """Whose fault a slow layer is, and which backend is fastest."""
        return [*self._describe_slower(), *self._describe_fastest()]

    def _describe_slower(self) -> list[str]:
        common = self.ratios.dropna(subset=[f"{backend}_ratio" for backend in self.backends])
        if common.empty:
            return []
        counted = [_count_slower(common[f"{backend}_verdict"], backend) for backend in self.backends]
        everywhere = int((common["slower"] == EVERYWHERE).sum())
        alone = common.loc[common["slower"] == ONE, "slower_on"].value_counts()
        said = [
            f"in {count} it is slower with {FRAMEWORK_NAMES[backend]} alone"
            for backend, count in alone.items()
        ]
        has_1d = self.cases["layer"].isin(LAYERS_1D).any()
        separable = "the separable layer" if has_1d else "SeparableConv2D"
        return [
            f"Of {len(common)} comparisons measured on all frameworks, {separable} is slower in "
            f"{', '.join(counted)}.",
            f"In {everywhere} it is slower on every framework, which is the operation's nature on this "
            f"machine; {'; '.join(said) or 'in none it is slower on one alone'}.",
        ]

    def _describe_fastest(self) -> list[str]:
        measured = self.cases.dropna(subset=[f"{backend}_seconds" for backend in self.backends])
        sentences = []
        for layers in (DENSE_OF, DENSE_OF.values()):
            rows = measured[measured["layer"].isin(list(layers))]
            if len(rows):
                names = join_words([LAYER_NAMES[layer] for layer in layers if layer in set(rows["layer"])])
                sentences.append(f"Fastest for {names}, of {len(rows)} cases: {_count_fastest(rows)}.")
        return sentences


def _count_slower(words: pd.Series, backend: str) -> str:
    slower = int((words == verdicts.SLOWER).sum())
    undecided = int((words == verdicts.UNDECIDED).sum())
    return f"{slower} with {FRAMEWORK_NAMES[backend]}{f' ({undecided} undecided)' if undecided else ''}"


def _count_fastest(rows: pd.DataFrame) -> str:
    won = rows.loc[rows["decided"].astype(bool), "fastest"].value_counts()
    counted = [f"{FRAMEWORK_NAMES[backend]} in {count}" for backend, count in won.items()]
    undecided = len(rows) - int(won.sum())
    if undecided:
        counted.append(f"undecided in {undecided}")
    return ", ".join(counted)


def compare_backends(everything: Results, here: Mapping[str, Any] | None = None) -> Backends | None:
    """The backends that were measured on the machine of the environment ``here``, on the cases they share.

    Without ``here``, on that of the newest run. ``None`` where they share no case.
    """
    of_each = choose_runs(everything, here)
    if not of_each:
        return None
    tables = {backend: tabulate_pairs(results) for backend, results in of_each.items()}
    ratios, cases = _tabulate_ratios(tables), _tabulate_cases(of_each)
    if ratios.empty and cases.empty:
        return None
    return Backends(
        environments={backend: results.environment for backend, results in of_each.items()},
        ratios=ratios,
        cases=cases,
    )


def choose_runs(everything: Results, here: Mapping[str, Any] | None = None) -> dict[str, Results]:
    """By backend, the runs to set against each other, all of one machine (see :func:`compare_backends`).

    Of each backend one environment: that of the newest campaign over several backends, with all campaigns
    over the same environments, else that of its newest run by itself. Empty where only one backend was
    measured.
    """
    runs = [run for run in everything.runs if run.backend in FRAMEWORK_NAMES]
    if runs:
        machine = here or runs[-1].environment
        runs = [run for run in runs if are_one_machine(run.environment, machine)]
    campaigns = _group_campaigns(runs)
    # Campaigns over one backend compare other things.
    runs = [run for run in runs if not run.campaign or len(set(campaigns[run.campaign.id].values())) > 1]
    chosen = {}
    for backend in FRAMEWORK_NAMES:
        own = [run for run in runs if run.backend == backend]
        if own:
            chosen[backend] = everything.select_runs(_choose_alike(own, campaigns))
    return chosen if len(chosen) > 1 else {}


def _group_campaigns(runs: Iterable[MeasuredRun]) -> dict[str, dict[str, str]]:
    """By campaign, the environments that it set against each other: fingerprint -> backend."""
    campaigns: dict[str, dict[str, str]] = {}
    for run in runs:
        if run.campaign:
            campaigns.setdefault(run.campaign.id, {})[run.fingerprint] = run.backend
    return campaigns


def _choose_alike(runs: Sequence[MeasuredRun], campaigns: Mapping[str, Mapping[str, str]]) -> set[int]:
    """Of one backend's ``runs`` the newest, those of campaigns before others; with all that are like it.

    Runs are alike that have the same environment and were set against the same environments.
    """

    def find_opponents(run: MeasuredRun) -> Mapping[str, str] | None:
        return campaigns[run.campaign.id] if run.campaign else None

    best = max(runs, key=lambda run: (run.campaign is not None, run.number))
    return {
        run.number
        for run in runs
        if run.fingerprint == best.fingerprint and find_opponents(run) == find_opponents(best)
    }


def _tabulate_ratios(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """``Backends.ratios``, from the comparisons of each backend (see ``tabulate_pairs``)."""
    described: dict[str, dict[str, Any]] = {}
    measured: dict[str, dict[str, dict[str, Any]]] = {}
    for backend, table in tables.items():
        for row in table.to_dict("records"):
            described[row["pair"]] = {name: row[name] for name in ("pair", "name", *_SETTINGS)}
            measured.setdefault(row["pair"], {})[backend] = row
    rows = [
        {**described[pair], **_describe_ratios(by_backend, list(tables))}
        for pair, by_backend in measured.items()
        if len(by_backend) > 1
    ]
    columns = ["pair", "name", *_SETTINGS]
    for backend in tables:
        columns += [f"{backend}_ratio", f"{backend}_low", f"{backend}_high", f"{backend}_verdict"]
    columns += ["slower", "slower_on"]
    numbers = [column for column in columns if column.endswith(("_ratio", "_low", "_high"))]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(numbers, float))


def _describe_ratios(measured: Mapping[str, Mapping[str, Any]], backends: list[str]) -> dict[str, Any]:
    """What ``Backends.ratios`` has of a comparison; ``measured`` has its row by backend."""
    row: dict[str, Any] = {}
    for backend in backends:
        own = measured.get(backend)
        for name in ("ratio", "low", "high"):
            row[f"{backend}_{name}"] = own[name] if own else None
        row[f"{backend}_verdict"] = own["verdict"] if own else ""
    words = {backend: own["verdict"] for backend, own in measured.items()}
    slower_on = [backend for backend, word in words.items() if word == verdicts.SLOWER]
    return {**row, "slower": _find_where_slower(list(words.values())), "slower_on": ", ".join(slower_on)}


def _find_where_slower(words: list[str]) -> str:
    """One of :data:`EVERYWHERE` and so on, from the verdicts of all backends that measured a comparison."""
    slower = words.count(verdicts.SLOWER)
    if not slower:
        return NOWHERE
    if slower == len(words):
        return EVERYWHERE
    return ONE if slower == 1 and verdicts.UNDECIDED not in words else SOME


def _tabulate_cases(of_each: Mapping[str, Results]) -> pd.DataFrame:
    """``Backends.cases``, from the runs of each backend."""

    # Many cases have the same two backends ahead.
    @cache
    def find_changes_between(base: str, new: str) -> dict[str, dict[str, Any]]:
        return find_changes(of_each[base], of_each[new])

    described, seconds = _collect_times(of_each)
    rows = []
    for case, times in seconds.items():
        if len(times) < 2:
            continue
        fastest, runner_up = sorted(times, key=lambda backend: (times[backend], backend))[:2]
        change = find_changes_between(runner_up, fastest)[case]
        rows.append(
            {
                **described[case],
                **{f"{backend}_seconds": times.get(backend) for backend in of_each},
                "fastest": fastest,
                "runner_up": runner_up,
                "lead": change["ratio"],
                "lead_low": change["low"],
                "lead_high": change["high"],
                "decided": change["verdict"] == verdicts.FASTER,
            }
        )
    columns = ["id", "layer", "direction", *(f"{backend}_seconds" for backend in of_each)]
    columns += ["fastest", "runner_up", "lead", "lead_low", "lead_high", "decided"]
    return pd.DataFrame(rows, columns=columns)


def _collect_times(
    of_each: Mapping[str, Results],
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, float]]]:
    """By case id: what the case is, and the median of its seconds on each backend that measured it."""
    described: dict[str, dict[str, Any]] = {}
    seconds: dict[str, dict[str, float]] = {}
    for backend, results in of_each.items():
        for row in results.layers.drop_duplicates("id")[["id", "layer", "direction"]].to_dict("records"):
            described[row["id"]] = row
        for case, median in results.layers.groupby("id", sort=False)["seconds"].median().items():
            seconds.setdefault(case, {})[backend] = median
    return described, seconds
