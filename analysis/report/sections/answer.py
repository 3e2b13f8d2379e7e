"""The answer: the sentences of all sections, what to beware of, and the contents of the page."""

from __future__ import annotations

from analysis.answers.sentences import write_answer
from analysis.figures.rendering import Renderer
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.results.repeating import write_ceilings


def build_section(study: Study, renderer: Renderer) -> Section:
    return Section(
        key="answer",
        title="The answer",
        template="answer.html.j2",
        content={"cautions": study.cautions, "measure_ceilings": _write_measure_ceilings(study)},
        sentences=_write_sentences(study),
    )


def _write_sentences(study: Study) -> tuple[str, ...]:
    """None where networks without a comparison were measured: what is said of them is the answer."""
    if study.networks and study.comparisons.empty:
        return ()
    return tuple(write_answer(study.comparisons, study.plane_and_arms))


def _write_measure_ceilings(study: Study) -> str:
    """The command that measures ceilings; empty where they are known, or where there is nothing to limit."""
    cases = list(study.results.layers["case"])
    if study.ceilings or not cases:
        return ""
    return write_ceilings(cases, study.results.newest_run)
