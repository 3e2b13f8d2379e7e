"""Results -> a report in memory: its sentences, its page, and the figures and data beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis import commands, wording
from analysis.answers.claims import count_words, judge_claims
from analysis.answers.sentences import order_sentences, write_answer, write_reasons, write_remedies
from analysis.figures.rendering import Renderer
from analysis.limits import roofline
from analysis.mnist.article import load_published, recompute
from analysis.mnist.sentences import describe_trainings
from analysis.mnist.trainings import choose_trainings, tabulate_models
from analysis.pairs.parts_alone import tabulate_parts
from analysis.pairs.planes_and_arms import find_sweeps
from analysis.pairs.remedies import describe_gain, tabulate_remedies
from analysis.pairs.table import tabulate_pairs
from analysis.reasons.detectors.words import TOGETHER
from analysis.reasons.explaining import explain_pairs
from analysis.reasons.explanation import Explained
from analysis.report import summary
from analysis.report.figure import ReportFigure, list_comparison_figures
from analysis.report.sections import backends, comparisons, mnist, releases, why
from analysis.report.tables import load_library
from analysis.results.tables import Results
from bench.contract.cases import DIED, DISAGREES, UNSUPPORTED
from bench.contract.fingerprint import flatten

#: A run that begins with others using more than this is not to be trusted unwarned.
BUSY = 0.1


@dataclass(frozen=True)
class Report:
    """A report in memory: its sentences, its page, and what lies beside it."""

    sentences: list[str]
    html: str
    pictures: list[ReportFigure]
    tables: Mapping[str, pd.DataFrame]
    summary: Mapping[str, Any]
    markdown: str


def build_report(
    results: Results,
    folder: Path,
    everything: Results | None = None,
    tell: Callable[[str], None] = lambda doing: None,
) -> Report:
    """The report on the runs of one environment; its links start from ``folder``.

    ``everything`` holds the campaigns, which compare it with others; ``tell`` is given what is being done.
    """
    with Renderer() as drawings:
        return _build(results, folder, everything or results, tell, drawings)


def _build(
    results: Results, folder: Path, everything: Results, tell: Callable[[str], None], drawings: Renderer
) -> Report:
    tell("judging comparisons")
    table = tabulate_pairs(results)
    ceilings = roofline.find_ceilings(results.ceilings)
    found = find_sweeps(table)
    compared = list_comparison_figures(table, found, ceilings, drawings)
    tell("explaining traces")
    explained = explain_pairs(results, table)
    gains = tabulate_remedies(results, table)
    trained = choose_trainings(results)
    learned = describe_trainings(results, trained)
    told = why.show_explanations(explained, gains, folder, drawings)
    operations = why.list_figures(explained, ceilings, drawings)
    trainings_drawn = mnist.list_figures(trained, drawings)
    tell("comparing environments")
    changed = releases.build_sections(everything, drawings)
    compared_backends = backends.build_section(everything, drawings)
    sentences = [
        *order_sentences(write_answer(table, found), write_reasons(explained), write_remedies(gains)),
        *learned[:2],
        *(compared_backends.found.sentences[:2] if compared_backends else ()),
    ]
    ledger = judge_claims(results, table, trained)
    part_sums = tabulate_parts(results)
    cautions = _cautions(results)
    tell("drawing")
    compared, operations, trainings_drawn = (
        [picture for picture in some if picture.exists] for some in (compared, operations, trainings_drawn)
    )
    tables = {
        "comparisons": table.drop(columns=["dense_case", "separable_case"], errors="ignore"),
        "cases": roofline.limit_layers(results).drop(columns=["case", "ratios", "control_ratios", "turns"]),
        "ceilings": results.ceilings,
        "parts": part_sums,
        **why.list_tables(explained, gains),
        **mnist.list_tables(results, trained),
        **releases.list_tables(changed),
        **backends.list_tables(compared_backends),
        **{picture.key: picture.data for picture in compared + operations + trainings_drawn},
    }
    tell("writing the page")
    html = _template().render(
        sentences=sentences,
        pictures=compared,
        comparisons=comparisons.tabulate_comparisons(table, results, explained, told),
        parts=comparisons.tabulate_parts_alone(part_sums),
        library=load_library(),
        explained=explained,
        told=told,
        why=operations,
        not_told=len(explained.pairs) - len(told),
        gains=gains.to_dict("records"),
        untraced=why.count_untraced(explained),
        together=TOGETHER,
        mnist=learned,
        curves=trainings_drawn,
        changed=changed,
        frameworks=compared_backends,
        absent=_absent(explained, learned, changed, gains, compared_backends is not None),
        claims=ledger,
        claim_counts=count_words(ledger),
        models=tabulate_models(trained).to_dict("records"),
        published=load_published(),
        recomputed=recompute(),
        noise=_noise(table),
        controls=int(results.layers["control_ratio"].notna().sum()),
        replicates=results.layers["run"].nunique(),
        runs=results.runs.to_dict("records"),
        environment=[
            (name, "not readable here" if value is None else str(value))
            for name, value in flatten(results.environment)
        ],
        headline=results.environment,
        cautions=cautions,
        ceilings=ceilings,
        not_measured=_not_measured(results),
        measure_ceilings=_measure_ceilings(results),
        commands=commands,
    )
    beside = [
        section.picture for section in (*changed, compared_backends) if section and section.picture.exists
    ]
    drawn = [*compared, *operations, *trainings_drawn, *beside, *(one.waterfall for one in told)]
    short = summary.summarize(sentences, cautions, table, results.environment)
    return Report(sentences, html, drawn, tables, short, summary.write_markdown(short, table))


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
    return commands.write_ceilings(cases, results.runs.iloc[-1].to_dict()) if cases else ""


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
        "gain": describe_gain,
        "giga": wording.giga,
        "size": wording.size,
    }
    return environment.get_template("report.html.j2")
