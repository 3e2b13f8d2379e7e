"""Sections -> the page, as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis import wording
from analysis.pairs.remedies import describe_gain
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.report.tables import load_library

#: Where templates are.
LOADER = PackageLoader("analysis.report")


def render_page(study: Study, sections: Sequence[Section], sentences: Sequence[str]) -> str:
    """The page with those of ``sections`` that are there; of the others it says what adds them."""
    results = study.results
    has_layers = len(results.layers) or results.networks.empty
    measured, runs = ("layers", results.layers) if has_layers else ("networks", results.networks)
    return (
        _make_environment()
        .get_template("report.html.j2")
        .render(
            environment=results.environment,
            measured=measured,
            replicates=runs["run"].nunique(),
            newest=results.newest_run,
            sentences=sentences,
            sections=[section for section in sections if section.is_there],
            lacking=[section for section in sections if not section.is_there and section.added_by],
            library=load_library(),
        )
    )


def _make_environment() -> Environment:
    environment = Environment(
        loader=LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "milliseconds": wording.format_milliseconds,
        "ratio": wording.format_number,
        "percent": wording.format_percent,
        "gain": describe_gain,
        "giga": wording.format_giga,
        "size": wording.format_size,
    }
    return environment
