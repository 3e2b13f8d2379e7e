"""The rows of networks -> each network with its runs, and what each of its variants gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.networks.network import MeasuredVariant
from analysis.networks.words import count
from analysis.pairs.judging import ControlNoise, Rows, judge_ratios
from analysis.results.network_rows import NETWORK_KEY
from analysis.results.tables import Results
from analysis.statistics.estimates import Estimate, estimate_geometric_mean, estimate_median
from analysis.statistics.verdicts import Verdict
from analysis.wording import join_words
from bench.contract.networks import AS_IT_IS, RECOMMENDED, VARIANTS, FoundLayer

#: What a refusal has of its network, beside the name.
_PLACE = ("model", "direction", "mode", "device")
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
    #: The row of the network as it is in the run whose recommendation counts: the newest that made one.
    chosen: Mapping[str, Any]
    problems: tuple[str, ...]

    @property
    def device(self) -> str:
        return self.chosen["device"]

    @property
    def mode(self) -> str:
        return self.chosen["mode"]

    @property
    def layers(self) -> tuple[FoundLayer, ...]:
        return self.chosen["layers"]

    @property
    def runs(self) -> frozenset[int]:
        """The numbers of the runs that measured it as it is."""
        return frozenset(row["run"] for row in self.rows[AS_IT_IS])

    def find_trace(self, variant: str) -> tuple[Path, Mapping[str, Any]] | None:
        """The newest trace of ``variant``, and its row."""
        for row in reversed(self.rows.get(variant, ())):
            if isinstance(row["trace"], Path):
                return row["trace"], row
        return None


def group_networks(results: Results) -> list[NetworkRuns]:
    """Every network that was measured as it is, by direction, mode, device and inputs."""
    refused = results.refused_networks
    refusals = refused[refused["layer"].isna()].to_dict("records")
    found = [
        _gather_runs(rows.to_dict("records"), refusals)
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


def _gather_runs(rows: Rows, refusals: Rows) -> NetworkRuns | None:
    """The runs whose network has the layers that it had in the newest; None where none is as it is."""
    by_run: dict[int, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        by_run.setdefault(row["run"], {})[row["variant"]] = row
    runs = [by_run[run] for run in sorted(by_run) if AS_IT_IS in by_run[run]]
    if not runs:
        return None
    layers = _place_cases(runs[-1][AS_IT_IS])
    alike = [run for run in runs if _place_cases(run[AS_IT_IS]) == layers]
    whole = [run for run in alike if run[AS_IT_IS]["recommended"] is not None]
    chosen = (whole or alike)[-1]
    # A variant that a run lacks may be in another; of the same layers both change the same.
    wanted = {variant: row["converted"] for run in (*alike, chosen) for variant, row in run.items()}
    recommended = chosen[AS_IT_IS]["recommended"]
    if recommended is not None:
        wanted[RECOMMENDED] = recommended
    found = {
        variant: _find_rows(alike, variant, wanted[variant]) for variant in VARIANTS if variant in wanted
    }
    measured = {variant: rows for variant, rows in found.items() if rows}
    return NetworkRuns(
        rows=measured,
        chosen=chosen[AS_IT_IS],
        problems=(
            *_list_differences(runs, alike, recommended),
            *_list_counts(measured),
            *_list_refusals(measured, refusals),
        ),
    )


def _place_cases(row: Mapping[str, Any]) -> list[FoundLayer]:
    """The layers of a network, with their cases where it ran: a run has them where it found them first."""
    return [
        replace(
            layer,
            cases=tuple(replace(case, mode=row["mode"], device=row["device"]) for case in layer.cases),
        )
        for layer in row["layers"]
    ]


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


def _list_differences(
    runs: Sequence[_Run], alike: Sequence[_Run], recommended: Sequence[str] | None
) -> list[str]:
    """What the runs do not agree about, a sentence each; ``recommended`` is what counts."""
    sentences = []
    if len(alike) < len(runs):
        sentences.append(
            f"{len(runs) - len(alike)} of {len(runs)} runs measured a network of this name that had other "
            "layers: they are left out."
        )
    if recommended is None:  # then no run knows
        return sentences
    found = [run[AS_IT_IS]["recommended"] for run in alike]
    others = [one for one in found if one is not None and set(one) != set(recommended)]
    if others:
        sentences.append(
            f"{len(others)} of {len(alike)} runs recommend other changes than the newest, which counts: a "
            "layer near the border falls on either side."
        )
    if None in found:
        sentences.append(
            f"{found.count(None)} of {len(alike)} runs could not recommend anything, as not all layers were "
            "measured alone: the newest that could counts."
        )
    return sentences


def _list_counts(rows: Mapping[str, Rows]) -> list[str]:
    """A sentence where the variants have different numbers of runs."""
    counts = {variant: len(found) for variant, found in rows.items()}
    if len(set(counts.values())) < 2:
        return []
    parts = [f"{variant} {count(number, 'run')}" for variant, number in counts.items()]
    return [f"The variants were not measured equally often: {join_words(parts)}."]


def _list_refusals(rows: Mapping[str, Rows], refusals: Rows) -> list[str]:
    """Which variants no run could measure, with the newest reason, a sentence each."""
    network = rows[AS_IT_IS][-1]
    runs = {row["run"] for row in rows[AS_IT_IS]}
    known = (network["name"], *(network[name] for name in _PLACE))
    reasons = {
        refusal["variant"]: refusal["reason"]
        for refusal in refusals
        if (refusal["network"], *(refusal[name] for name in _PLACE)) == known and refusal["run"] in runs
    }
    return [
        f"{variant} was not measured: {reason.rstrip('.')}."
        for variant, reason in reasons.items()
        if variant not in rows
    ]


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
