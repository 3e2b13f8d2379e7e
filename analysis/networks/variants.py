"""The rows of networks -> each network with its runs, and what each of its variants gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.networks.network import MeasuredVariant
from analysis.pairs.judging import ControlNoise, Rows, judge_ratios
from analysis.results.network_rows import NETWORK_KEY
from analysis.results.tables import Results
from analysis.statistics.estimates import Estimate, estimate_geometric_mean, estimate_median
from analysis.statistics.verdicts import Verdict
from bench.contract.networks import AS_IT_IS, RECOMMENDED, VARIANTS, FoundLayer

#: The rows of one run, by variant.
_Run = Mapping[str, Mapping[str, Any]]
_Judged = tuple[Estimate, Verdict | None]
_Identity = tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class NetworkRuns:
    """A network in one direction, with the rows of the runs that measured it.

    ``rows`` has those of each variant, one a run, the newest last.
    """

    rows: Mapping[str, Rows]
    problems: tuple[str, ...]

    @property
    def newest(self) -> Mapping[str, Any]:
        """The newest row of the network as it is."""
        return self.rows[AS_IT_IS][-1]

    @property
    def device(self) -> str:
        return self.newest["device"]

    @property
    def mode(self) -> str:
        return self.newest["mode"]

    @property
    def layers(self) -> tuple[FoundLayer, ...]:
        return self.newest["layers"]

    def find_trace(self, variant: str) -> tuple[Path, Mapping[str, Any]] | None:
        """The newest trace of ``variant``, and its row."""
        for row in reversed(self.rows.get(variant, ())):
            if isinstance(row["trace"], Path):
                return row["trace"], row
        return None


def group_networks(results: Results) -> list[NetworkRuns]:
    """Every network that was measured as it is, by direction, mode, device and inputs."""
    found = [
        _gather_runs(rows.to_dict("records"))
        for _, rows in results.networks.groupby(list(NETWORK_KEY), sort=False)
    ]
    return [network for network in found if network]


def judge_variants(networks: Sequence[NetworkRuns], noise: ControlNoise) -> list[tuple[MeasuredVariant, ...]]:
    """The variants of each of ``networks``, all judged together, and without predictions."""
    groups = {
        (place, _identify(rows)): rows
        for place, network in enumerate(networks)
        for rows in network.rows.values()
        if rows[-1]["converted"] and all(_has_turns(row) for row in rows)
    }
    noises = [noise.estimate(networks[place], len(rows)) for (place, _), rows in groups.items()]
    judged = judge_ratios(list(groups.values()), noises) if groups else []
    found: dict[tuple[int, _Identity], _Judged] = dict(zip(groups, judged, strict=True))
    return [
        tuple(
            _build_variant(network, variant, found.get((place, _identify(network.rows[variant]))))
            for variant in VARIANTS
            if variant in network.rows
        )
        for place, network in enumerate(networks)
    ]


def _identify(rows: Rows) -> _Identity:
    """Equal for variants that one measurement serves: what is recommended may be what *dense* is."""
    return tuple((row["run"], row["variant"]) for row in rows)


def _gather_runs(rows: Rows) -> NetworkRuns | None:
    """The runs whose network has the layers that it had in the newest; None where none is as it is."""
    by_run: dict[int, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        by_run.setdefault(row["run"], {})[row["variant"]] = row
    runs = [by_run[run] for run in sorted(by_run) if AS_IT_IS in by_run[run]]
    if not runs:
        return None
    newest = runs[-1]
    alike = [run for run in runs if run[AS_IT_IS]["layers"] == newest[AS_IT_IS]["layers"]]
    wanted = {variant: row["converted"] for variant, row in newest.items()}
    recommended = newest[AS_IT_IS]["recommended"]
    if recommended is not None:
        wanted[RECOMMENDED] = recommended
    found = {
        variant: _find_rows(alike, variant, wanted[variant]) for variant in VARIANTS if variant in wanted
    }
    return NetworkRuns(
        rows={variant: rows for variant, rows in found.items() if rows},
        problems=tuple(_list_differences(runs, alike)),
    )


def _find_rows(runs: Sequence[_Run], variant: str, converted: Sequence[str]) -> Rows:
    """Of each run the row of ``variant``, or of another that makes the same changes."""
    found = []
    for run in runs:
        others = (run[other] for other in VARIANTS if other in run and other != variant)
        same = [
            row
            for row in (*([run[variant]] if variant in run else []), *others)
            if set(row["converted"]) == set(converted)
        ]
        found += same[:1]
    return found


def _list_differences(runs: Sequence[_Run], alike: Sequence[_Run]) -> list[str]:
    """What the runs do not agree about, a sentence each."""
    sentences = []
    if len(alike) < len(runs):
        sentences.append(
            f"{len(runs) - len(alike)} of {len(runs)} runs measured a network of this name that had other "
            "layers: they are left out."
        )
    newest = alike[-1][AS_IT_IS]["recommended"]
    others = [run for run in alike if _differ(run[AS_IT_IS]["recommended"], newest)]
    if others:
        sentences.append(
            f"{len(others)} of {len(alike)} runs recommend other changes than the newest, which counts: a "
            "layer near the border falls on either side."
        )
    return sentences


def _differ(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    return (one is None) != (other is None) or set(one or ()) != set(other or ())


def _has_turns(row: Mapping[str, Any]) -> bool:
    """Whether its ratio is one of turns that it took with the network as it is."""
    return isinstance(row["ratios"], list)


def _build_variant(network: NetworkRuns, variant: str, judged: _Judged | None) -> MeasuredVariant:
    rows = network.rows[variant]
    seconds = _estimate_seconds(rows)
    ratio, verdict = judged or (_compare_seconds(seconds, network, rows[-1]["converted"]), None)
    return MeasuredVariant(
        variant=variant,
        seconds=seconds,
        ratio=ratio,
        verdict=verdict,
        predicted_ratio=None,
        parameters=rows[-1]["parameters"],
        multiplications=rows[-1]["multiplications"],
        converted=rows[-1]["converted"],
    )


def _estimate_seconds(rows: Rows) -> Estimate:
    """Of a step: from the turns of one run, or from the medians of several."""
    if len(rows) > 1:
        return estimate_geometric_mean([row["seconds"] for row in rows])
    turns = rows[0]["turns"]
    return estimate_median(turns if isinstance(turns, list) else [rows[0]["seconds"]])


def _compare_seconds(seconds: Estimate, network: NetworkRuns, converted: Sequence[str]) -> Estimate:
    """The ratio to the network as it is; without turns, nothing says how sure it is."""
    if not converted:
        return Estimate(1.0, 1.0, 1.0)
    base = _estimate_seconds(network.rows[AS_IT_IS])
    return Estimate(seconds.value / base.value, 0.0, float("inf"), confidence=0.0)
