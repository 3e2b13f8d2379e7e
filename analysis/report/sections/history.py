"""History: each case's time from one environment to the next, of a campaign or of one machine's runs."""

from __future__ import annotations

from typing import Any

from analysis.answers.changes import list_differences
from analysis.environments.history import History, find_histories
from analysis.environments.series import ONE_BY_ONE
from analysis.environments.steps import summarize_steps
from analysis.figures.history import choose_shown_steps, draw_history
from analysis.figures.rendering import Renderer
from analysis.report.figure import ReportFigure
from analysis.report.section import Section
from analysis.report.study import Study
from bench.contract.fingerprint import are_one_machine


def build_sections(study: Study, renderer: Renderer) -> list[Section]:
    """One for every series of environments, but for the two that *What changed* tells of."""
    sections: list[Section] = []
    for history in find_histories(study.everything, _find_told(study)):
        sections.append(_build_section(_name_section(history, sections), history, study, renderer))
    return sections


def _find_told(study: Study) -> set[str]:
    """The fingerprints of the environments that *What changed* compares by runs that took turns."""
    if not study.upgrade or not study.upgrade.changes.took_turns:
        return set()
    changes = study.upgrade.changes
    return {changes.base["fingerprint"], changes.new["fingerprint"]}


def _name_section(history: History, before: list[Section]) -> str:
    """Its key: what the environments are, with a number from the second of a kind on."""
    if not history.series.is_campaign:
        return ONE_BY_ONE
    word = "releases" if history.are_releases else "environments"
    number = 1 + sum(section.key.partition("_")[0] == word for section in before)
    return word if number == 1 else f"{word}_{number}"


def _build_section(key: str, history: History, study: Study, renderer: Renderer) -> Section:
    another_machine = _name_other_machine(history, study)
    title = key.partition("_")[0].capitalize()
    if another_machine:
        title += f" on {another_machine}"
    return Section(
        key=key,
        title=title,
        template="history.html.j2",
        content={
            "history": history,
            "rows": _list_rows(history),
            "steps": summarize_steps(history),
            "differences": _list_differences(history),
            "another_machine": another_machine,
        },
        figures=_render_figures(key, title, history, renderer),
        tables={key: history.steps},
    )


def _name_other_machine(history: History, study: Study) -> str:
    """The machine of a history that is not the report's own; empty where it is."""
    newest = history.environments[-1]
    if are_one_machine(newest, study.results.environment):
        return ""
    return f"{newest['cores']} cores of {newest['cpu']}"


def _list_differences(history: History) -> dict[str, list[str]]:
    """By environment, what differs from the one before."""
    pairs = zip(history.environments, history.environments[1:], strict=False)
    told = [list_differences(base, new) for base, new in pairs]
    return dict(zip(history.labels[1:], told, strict=True))


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
