"""Environment: what was measured in, and the files that the report was made from."""

from __future__ import annotations

from analysis.figures.rendering import Renderer
from analysis.report.section import Section
from analysis.report.study import Study
from bench.contract.fingerprint import flatten


def build_section(study: Study, renderer: Renderer) -> Section:
    facts = [
        (name, "not readable here" if value is None else str(value))
        for name, value in flatten(study.results.environment)
    ]
    return Section(
        key="environment",
        title="Environment",
        template="environment.html.j2",
        content={"facts": facts, "runs": study.results.runs},
    )
