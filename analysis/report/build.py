"""Results -> a report in memory: its sentences, its page, and the figures and data beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.figures.rendering import Renderer
from analysis.report import summary
from analysis.report.figure import ReportFigure
from analysis.report.page import render_page
from analysis.report.section import Section
from analysis.report.sections import (
    answer,
    changes,
    claims,
    comparison_figures,
    comparisons,
    environment,
    frameworks,
    history,
    method,
    mnist,
    networks,
    not_measured,
    parts,
    remedies,
    why,
)
from analysis.report.study import Study, make_study
from analysis.results.tables import Results

#: The sections whose first sentences are the first of the answer: the reader's own network, is it, why, and
#: what to do.
_LEADING = ("networks", "answer", "why", "remedies")


@dataclass(frozen=True)
class Report:
    """A report in memory: its sentences, its page, and what lies beside it."""

    sentences: list[str]
    html: str
    figures: list[ReportFigure]
    tables: Mapping[str, pd.DataFrame]
    summary: Mapping[str, Any]
    markdown: str


def build_report(
    results: Results,
    folder: Path,
    everything: Results | None = None,
    tell: Callable[[str], None] = lambda doing: None,
    against: Results | None = None,
) -> Report:
    """The report on the runs of one environment; its links start from ``folder``.

    ``everything`` holds the runs of other environments, too. What changed is told since ``against``, or since
    the environment before. ``tell`` is given what is being done.
    """
    study = make_study(results, everything or results, against, folder, tell)
    with Renderer() as renderer:
        # Of what sections compute, this takes longest.
        tell("comparing environments")
        sections = build_sections(study, renderer)
        sentences = order_sentences(sections)
        figures = [figure for section in sections for figure in section.figures]
        tell("drawing")
        for figure in figures:
            figure.rendered.result()
    tell("writing the page")
    short = summary.summarize(sentences, study.cautions, study.comparisons, results.environment)
    for section in sections:
        short |= section.summary
    return Report(
        sentences=sentences,
        html=render_page(study, sections, sentences),
        figures=figures,
        tables=collect_tables(sections),
        summary=short,
        markdown=summary.write_markdown(short, study.comparisons),
    )


def build_sections(study: Study, renderer: Renderer) -> list[Section]:
    """All sections in the order of the page, with those that are not there."""
    # The first of these stands right below the answer. All begin to be rendered before the slow sections.
    figure_sections = comparison_figures.build_sections(study, renderer)
    of_networks = [networks.build_section(study, renderer)]
    first, later = ([], of_networks) if study.networks_elsewhere else (of_networks, [])
    return [
        answer.build_section(study, renderer),
        *first,
        *figure_sections[:1],
        why.build_section(study, renderer),
        remedies.build_section(study, renderer),
        *later,
        changes.build_section(study, renderer),
        mnist.build_section(study, renderer),
        *history.build_sections(study, renderer),
        frameworks.build_section(study, renderer),
        claims.build_section(study, renderer),
        *figure_sections[1:],
        parts.build_section(study, renderer),
        comparisons.build_section(study, renderer),
        not_measured.build_section(study, renderer),
        method.build_section(study, renderer),
        environment.build_section(study, renderer),
    ]


def order_sentences(sections: Sequence[Section]) -> list[str]:
    """The first sentences of the leading sections, in their order; then the rest, section by section."""
    by_key = {section.key: section for section in sections}
    first = [sentence for key in _LEADING if key in by_key for sentence in by_key[key].sentences[:1]]
    rest = [
        sentence
        for section in sections
        for sentence in section.sentences[1 if section.key in _LEADING else 0 :]
    ]
    return first + rest


def collect_tables(sections: Sequence[Section]) -> dict[str, pd.DataFrame]:
    """By name, what lies in ``data/``: the tables of all sections, and the numbers of their figures."""
    tables: dict[str, pd.DataFrame] = {}
    for section in sections:
        tables |= section.tables
        tables |= {figure.key: figure.data for figure in section.figures if figure.data is not None}
    return tables
