"""Releases: what changed from one environment of a campaign to the next."""

from __future__ import annotations

from typing import Any

from analysis import commands
from analysis.environments.releases import History, find_histories
from analysis.figures.releases import choose_shown_steps, draw_history
from analysis.figures.rendering import Renderer
from analysis.report.figure import ReportFigure
from analysis.report.section import Section
from analysis.report.study import Study

_TEMPLATE = "releases.html.j2"


def build_sections(study: Study, renderer: Renderer) -> list[Section]:
    """One for every campaign whose environments differ; without any, one that is not there."""
    histories = find_histories(study.everything)
    if not histories:
        return [
            Section(
                key="releases",
                title="Releases",
                template=_TEMPLATE,
                added_by=commands.RELEASES,
                is_there=False,
            )
        ]
    return [_build_section(number, history, renderer) for number, history in enumerate(histories, start=1)]


def _build_section(number: int, history: History, renderer: Renderer) -> Section:
    word = "releases" if history.are_releases else "environments"
    key = word if number == 1 else f"{word}_{number}"
    return Section(
        key=key,
        title=word.capitalize(),
        template=_TEMPLATE,
        content={"history": history, "rows": _list_rows(history)},
        figures=_render_figures(key, word.capitalize(), history, renderer),
        tables={key: history.steps},
    )


def _render_figures(key: str, title: str, history: History, renderer: Renderer) -> tuple[ReportFigure, ...]:
    steps = choose_shown_steps(history)
    if steps.empty:
        return ()
    figure = ReportFigure(
        key=f"{key}_over_time",
        title=title,
        how_to_read="Median time of a call, with 95 % intervals of the change since the first. A triangle "
        "marks a step that is no chance and beyond the noise: up slower, down faster than the one before.",
        says=" ".join(history.sentences),
        rendered=renderer.render(draw_history, steps, history.labels),
    )
    return (figure,)


def _list_rows(history: History) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Each case with its step in every environment, ``None`` where it was not measured there."""
    rows = []
    for case, steps in history.steps.groupby("id", sort=False):
        by_place = {step["place"]: step for step in steps.to_dict("records")}
        rows.append((case, [by_place.get(place) for place in range(len(history.labels))]))
    return rows
