"""The same cases on several Keras backends: which is fastest, and whose fault a slow layer is.

A separable layer that is slower than the dense one on every framework is slow by its nature, on this
machine; one that is slower on a single framework is that framework's doing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from analysis.answers.claims import ClaimAnswer, judge_claims
from analysis.environments.changes import find_changes
from analysis.mnist.trainings import choose_trainings
from analysis.pairs.table import tabulate_pairs
from analysis.results.tables import Results
from analysis.statistics import verdicts
from analysis.wording import FRAMEWORKS
from bench.contract.cases import DENSE_OF

#: Where SeparableConv2D is the slower layer: on all that were measured, on one while the others are not, or
#: on some while others are undecided or not.
EVERYWHERE, ONE, SOME, NOWHERE = "everywhere", "one", "some", "nowhere"
_SETTINGS = ("shape", "direction", "mode", "dtype", "device")


@dataclass(frozen=True)
class Backends:
    """``environments`` has the environment of each backend, in the order of :data:`wording.FRAMEWORKS`.

    ``ratios`` has a row a comparison that at least two measured: ``pair``, ``name`` and its settings; for
    each backend ``<backend>_ratio`` (separable over dense time) with ``_low`` and ``_high`` of its 95 %
    interval and ``_verdict`` (missing and empty where it was not measured); ``slower`` (where, see
    :data:`EVERYWHERE`) and ``slower_on`` (the backends).

    ``cases`` has a row a case that at least two measured: ``id``, ``layer``, ``direction``;
    ``<backend>_seconds`` (the median over runs); ``fastest`` (a backend), ``runner_up``, ``lead`` (time of
    the fastest over that of the runner-up) with ``lead_low`` and ``lead_high``, and ``decided`` (whether that
    is beyond chance and noise).
    """

    environments: Mapping[str, Mapping[str, Any]]
    ratios: pd.DataFrame
    cases: pd.DataFrame
    #: The ledger of public claims, by backend.
    claims: Mapping[str, list[ClaimAnswer]]

    @property
    def backends(self) -> tuple[str, ...]:
        return tuple(self.environments)

    @property
    def sentences(self) -> list[str]:
        """Whose fault it is, and which is fastest."""
        return [*self._slower(), *self._fastest()]

    def _slower(self) -> Iterator[str]:
        common = self._common_ratios()
        if common.empty:
            return
        counted = ", ".join(self._counted(common[f"{backend}_verdict"], backend) for backend in self.backends)
        yield (
            f"Of {len(common)} comparisons measured on all frameworks, SeparableConv2D is slower in "
            f"{counted}."
        )
        everywhere = int((common["slower"] == EVERYWHERE).sum())
        alone = common.loc[common["slower"] == ONE, "slower_on"].value_counts()
        said = [
            f"in {count} it is slower with {FRAMEWORKS[backend]} alone" for backend, count in alone.items()
        ]
        yield (
            f"In {everywhere} it is slower on every framework, which is the operation's nature on this "
            f"machine; {'; '.join(said) or 'in none it is slower on one alone'}."
        )

    @staticmethod
    def _counted(words: pd.Series, backend: str) -> str:
        slower, undecided = (int((words == word).sum()) for word in (verdicts.SLOWER, verdicts.UNDECIDED))
        return f"{slower} with {FRAMEWORKS[backend]}{f' ({undecided} undecided)' if undecided else ''}"

    def _fastest(self) -> Iterator[str]:
        measured = self.cases.dropna(subset=[f"{backend}_seconds" for backend in self.backends])
        for word, layers in (("SeparableConv2D", DENSE_OF), ("Conv2D", DENSE_OF.values())):
            rows = measured[measured["layer"].isin(list(layers))]
            if rows.empty:
                continue
            won = rows.loc[rows["decided"].astype(bool), "fastest"].value_counts()
            counted = [f"{FRAMEWORKS[backend]} in {count}" for backend, count in won.items()]
            open_ = len(rows) - int(won.sum())
            counted += [f"undecided in {open_}"] if open_ else []
            yield f"Fastest for {word}, of {len(rows)} cases: {', '.join(counted)}."

    def _common_ratios(self) -> pd.DataFrame:
        return self.ratios.dropna(subset=[f"{backend}_ratio" for backend in self.backends])


def choose_runs(everything: Results) -> dict[str, Results]:
    """By backend, the runs to set against each other, all of the machine of the newest run.

    Of each backend one environment: that of the newest campaign over several backends, with all campaigns
    over the same environments, else that of its newest run by itself. Empty where only one backend was
    measured.
    """
    runs = [run for run in everything.runs.to_dict("records") if run["environment"]["backend"] in FRAMEWORKS]
    runs = [run for run in runs if run["environment"]["host"] == runs[-1]["environment"]["host"]]
    #: By campaign, what it set against each other.
    measured: dict[str, dict[str, str]] = {}
    for run in runs:
        measured.setdefault(_campaign(run), {})[run["fingerprint"]] = run["environment"]["backend"]
    # Other campaigns compare other things.
    runs = [run for run in runs if not _campaign(run) or len(set(measured[_campaign(run)].values())) > 1]

    def of_what(run: Mapping[str, Any]) -> tuple[str, object]:
        return run["fingerprint"], _campaign(run) and measured[_campaign(run)]

    found = {}
    for backend in FRAMEWORKS:
        own = [run for run in runs if run["environment"]["backend"] == backend]
        if own:
            best = max(own, key=lambda run: (bool(_campaign(run)), run["run"]))
            found[backend] = everything.of_runs({run["run"] for run in own if of_what(run) == of_what(best)})
    return found if len(found) > 1 else {}


def _campaign(run: Mapping[str, Any]) -> str:
    """Its name; empty for a run by itself."""
    return run["turns_with"][0] if run["turns_with"] else ""


def compare_backends(everything: Results) -> Backends | None:
    """What :func:`chosen` says of each other; ``None`` where there is nothing to set against each other."""
    of_each = choose_runs(everything)
    if not of_each:
        return None
    tables = {backend: tabulate_pairs(results) for backend, results in of_each.items()}
    ratios, cases = _ratios(tables), _cases(of_each)
    if ratios.empty and cases.empty:
        return None
    return Backends(
        {backend: results.environment for backend, results in of_each.items()},
        ratios,
        cases,
        {backend: _ledger(everything, results) for backend, results in of_each.items()},
    )


def _ledger(everything: Results, some: Results) -> list[ClaimAnswer]:
    """Of the environment of ``some``: what ``python -m analysis claims`` says of it."""
    runs = everything.runs
    of_it = set(runs.loc[runs["fingerprint"] == some.environment["fingerprint"], "run"])
    own = everything.of_runs(of_it).by_themselves()
    return judge_claims(own, tabulate_pairs(own), choose_trainings(own))


def _ratios(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    by_pair = {
        backend: {row["pair"]: row for row in table.to_dict("records")} for backend, table in tables.items()
    }
    rows = []
    for pair in dict.fromkeys(pair for found in by_pair.values() for pair in found):
        there = {backend: found[pair] for backend, found in by_pair.items() if pair in found}
        if len(there) < 2:
            continue
        first = next(iter(there.values()))
        row = {"pair": pair, "name": first["name"], **{name: first[name] for name in _SETTINGS}}
        for backend in tables:
            one = there.get(backend)
            row |= {f"{backend}_{name}": one[name] if one else None for name in ("ratio", "low", "high")}
            row[f"{backend}_verdict"] = one["verdict"] if one else ""
        rows.append({**row, **_where({backend: one["verdict"] for backend, one in there.items()})})
    columns = [
        *("pair", "name", *_SETTINGS),
        *(f"{backend}_{name}" for backend in tables for name in ("ratio", "low", "high", "verdict")),
        *("slower", "slower_on"),
    ]
    table = pd.DataFrame(rows, columns=columns)
    numbers = [column for column in columns if column.endswith(("_ratio", "_low", "_high"))]
    return table.astype(dict.fromkeys(numbers, float))


def _where(verdict: Mapping[str, str]) -> dict[str, str]:
    slower = [backend for backend, word in verdict.items() if word == verdicts.SLOWER]
    others = [word for word in verdict.values() if word != verdicts.SLOWER]
    where = SOME
    if not slower:
        where = NOWHERE
    elif not others:
        where = EVERYWHERE
    elif len(slower) == 1 and verdicts.UNDECIDED not in others:
        where = ONE
    return {"slower": where, "slower_on": ", ".join(slower)}


def _cases(of_each: Mapping[str, Results]) -> pd.DataFrame:
    seconds = {
        backend: results.layers.groupby("id", sort=False)["seconds"].median().to_dict()
        for backend, results in of_each.items()
    }
    known = {
        row["id"]: row
        for results in of_each.values()
        for row in results.layers.drop_duplicates("id")[["id", "layer", "direction"]].to_dict("records")
    }

    @cache
    def between(slow: str, fast: str) -> dict[str, dict[str, Any]]:
        return find_changes(of_each[slow], of_each[fast])

    rows = []
    for case, row in known.items():
        taken = sorted((found[case], backend) for backend, found in seconds.items() if case in found)
        if len(taken) < 2:
            continue
        (_, fastest), (_, second), *_ = taken
        change = between(second, fastest)[case]
        rows.append(
            {
                **row,
                **{f"{backend}_seconds": seconds[backend].get(case) for backend in of_each},
                "fastest": fastest,
                "runner_up": second,
                "lead": change["ratio"],
                "lead_low": change["low"],
                "lead_high": change["high"],
                "decided": change["verdict"] == verdicts.FASTER,
            }
        )
    columns = [
        *("id", "layer", "direction"),
        *(f"{backend}_seconds" for backend in of_each),
        *("fastest", "runner_up", "lead", "lead_low", "lead_high", "decided"),
    ]
    return pd.DataFrame(rows, columns=columns)
