"""Results -> a report in memory: its sentences, its page, and the figures and data beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis import (
    answer,
    claims,
    commands,
    detectors,
    pairs,
    parts,
    remedies,
    roofline,
    sweeps,
    trainings,
    wording,
)
from analysis.explain import Explained, explain
from analysis.report import frameworks, mnist, pictures, releases, rows, summary, why
from analysis.report.drawing import Drawings
from analysis.report.pictures import Picture
from analysis.report.tables import library
from analysis.results import Results
from bench.cases import DIED, DISAGREES, UNSUPPORTED
from bench.fingerprint import flat

#: A run that begins with others using more than this is not to be trusted unwarned.
BUSY = 0.1


@dataclass(frozen=True)
class Report:
    """A report in memory: its sentences, its page, and what lies beside it."""

    sentences: list[str]
    html: str
    pictures: list[Picture]
    tables: Mapping[str, pd.DataFrame]
    summary: Mapping[str, Any]
    markdown: str


def build(
    results: Results,
    folder: Path,
    everything: Results | None = None,
    tell: Callable[[str], None] = lambda doing: None,
) -> Report:
    """The report on the runs of one environment; its links start from ``folder``.

    ``everything`` holds the campaigns, which compare it with others; ``tell`` is given what is being done.
    """
    with Drawings() as drawings:
        return _build(results, folder, everything or results, tell, drawings)


def _build(
    results: Results, folder: Path, everything: Results, tell: Callable[[str], None], drawings: Drawings
) -> Report:
    tell("judging comparisons")
    table = pairs.table(results)
    ceilings = roofline.ceilings(results.ceilings)
    found = sweeps.find(table)
    compared = pictures.of_comparisons(table, found, ceilings, drawings)
    tell("explaining traces")
    explained = explain(results, table)
    gains = remedies.table(results, table)
    trained = trainings.chosen(results)
    learned = trainings.sentences(results, trained)
    told = why.told(explained, gains, folder, drawings)
    operations = why.pictures(explained, ceilings, drawings)
    trainings_drawn = mnist.pictures(trained, drawings)
    tell("comparing environments")
    changed = releases.sections(everything, drawings)
    backends = frameworks.section(everything, drawings)
    sentences = [
        *answer.in_order(answer.sentences(table, found), answer.why(explained), answer.what_to_do(gains)),
        *learned[:2],
        *(backends.found.sentences[:2] if backends else ()),
    ]
    ledger = claims.ledger(results, table, trained)
    part_sums = parts.table(results)
    cautions = _cautions(results)
    tell("drawing")
    compared, operations, trainings_drawn = (
        [picture for picture in some if picture.exists] for some in (compared, operations, trainings_drawn)
    )
    tables = {
        "comparisons": table.drop(columns=["dense_case", "separable_case"], errors="ignore"),
        "cases": roofline.limited(results).drop(columns=["case", "ratios", "control_ratios", "turns"]),
        "ceilings": results.ceilings,
        "parts": part_sums,
        **why.tables(explained, gains),
        **mnist.tables(results, trained),
        **releases.tables(changed),
        **frameworks.tables(backends),
        **{picture.key: picture.data for picture in compared + operations + trainings_drawn},
    }
    tell("writing the page")
    html = _template().render(
        sentences=sentences,
        pictures=compared,
        comparisons=rows.comparisons(table, results, explained, told),
        parts=rows.parts(part_sums),
        library=library(),
        explained=explained,
        told=told,
        why=operations,
        not_told=len(explained.pairs) - len(told),
        gains=gains.to_dict("records"),
        untraced=why.untraced(explained),
        together=detectors.TOGETHER,
        mnist=learned,
        curves=trainings_drawn,
        changed=changed,
        frameworks=backends,
        absent=_absent(explained, learned, changed, gains, backends is not None),
        claims=ledger,
        claim_counts=claims.counts(ledger),
        models=trainings.table(trained).to_dict("records"),
        published=trainings.published(),
        recomputed=trainings.recomputed(),
        noise=_noise(table),
        controls=int(results.layers["control_ratio"].notna().sum()),
        replicates=results.layers["run"].nunique(),
        runs=results.runs.to_dict("records"),
        environment=[
            (name, "not readable here" if value is None else str(value))
            for name, value in flat(results.environment)
        ],
        headline=results.environment,
        cautions=cautions,
        ceilings=ceilings,
        not_measured=_not_measured(results),
        measure_ceilings=_measure_ceilings(results),
        commands=commands,
    )
    beside = [section.picture for section in (*changed, backends) if section and section.picture.exists]
    drawn = [*compared, *operations, *trainings_drawn, *beside, *(one.waterfall for one in told)]
    short = summary.as_dict(sentences, cautions, table, results.environment)
    return Report(sentences, html, drawn, tables, short, summary.markdown(short, table))


def _cautions(results: Results) -> list[str]:
    """What a reader must know before believing any number."""
    busy = [environment.get("busy_at_start") or 0.0 for environment in results.runs["environment"]]
    disturbed = [share for share in busy if share > BUSY]
    found = list(results.notes)
    if disturbed:
        found.append(
            f"{len(disturbed)} of {len(busy)} runs began while others used up to {max(disturbed):.0%} of the "
            "processor: repeat them on an idle machine."
        )
    for column, words in (
        (~results.layers["settled"].astype(bool), "had not settled when timing began"),
        (
            results.layers["contaminated"].astype(bool),
            "lost processor time to other guests of the host, or were on a GPU that was held back",
        ),
    ):
        if column.any():
            found.append(f"{int(column.sum())} of {len(results.layers)} measurements {words}.")
    for reason, unchecked in results.layers.groupby("unchecked"):
        found.append(
            f"{len(unchecked)} of {len(results.layers)} measurements were not held against NumPy: {reason}."
        )
    return found


#: What cases that were not measured have in common, by the kind of reason.
_NOT_MEASURED = {
    UNSUPPORTED: "Combinations that the framework refuses, with its reason.",
    DISAGREES: "Here the framework computes something else than the layer means, so that no time was taken.",
    DIED: "Measuring these ended the process.",
}


def _not_measured(results: Results) -> list[tuple[str, list[dict[str, Any]]]]:
    """Each kind in words, and its cases."""
    rows = results.not_measured.drop_duplicates("id")
    kinds = ((words, rows[rows["kind"] == kind]) for kind, words in _NOT_MEASURED.items())
    return [(words, some.to_dict("records")) for words, some in kinds if len(some)]


def _measure_ceilings(results: Results) -> str:
    cases = list(results.layers["case"])
    return commands.ceilings(cases, results.runs.iloc[-1].to_dict()) if cases else ""


def _absent(
    explained: Explained, learned: list[str], changed: list, gains: pd.DataFrame, frameworks_there: bool
) -> dict[str, str]:
    """Sections that are not there for lack of data, and the command that would add each."""
    there = {
        "Why": explained.traced,
        "What to do": bool(len(gains)),
        "MNIST": bool(learned),
        "Releases": bool(changed),
        "Frameworks": frameworks_there,
    }
    return {title: _ADDED_BY[title] for title, has in there.items() if not has}


_ADDED_BY = {
    "Why": commands.TRACE_TELLING,
    "What to do": commands.REMEDIES,
    "MNIST": commands.TRAIN,
    "Releases": commands.RELEASES,
    "Frameworks": commands.FRAMEWORKS,
}


def _noise(table: pd.DataFrame) -> dict[int, tuple[float, float]]:
    """The least and the greatest noise that comparisons were judged by, by their number of runs."""
    if table.empty:
        return {}
    return {
        int(runs): (rows["noise"].min(), rows["noise"].max()) for runs, rows in table.groupby("replicates")
    }


def _template():
    environment = Environment(
        loader=PackageLoader("analysis.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "milliseconds": wording.milliseconds,
        "ratio": wording.number,
        "percent": wording.percent,
        "gain": remedies.in_words,
        "giga": wording.giga,
        "size": wording.size,
    }
    return environment.get_template("report.html.j2")
