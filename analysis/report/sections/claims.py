"""Claims: what has been claimed in public, and whether it holds here."""

from __future__ import annotations

from analysis.answers.claims import count_words, judge_claims
from analysis.figures.rendering import Renderer
from analysis.report.section import Section
from analysis.report.study import Study


def build_section(study: Study, renderer: Renderer) -> Section:
    answers = judge_claims(study.results, study.comparisons, study.trainings)
    return Section(
        key="claims",
        title="Claims",
        template="claims.html.j2",
        content={"answers": answers, "counts": count_words(answers)},
    )
