"""The section Releases: what changed from one environment to the next."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.environments.releases import History, find_histories
from analysis.figures.releases import choose_drawn_steps, draw_history
from analysis.figures.rendering import Renderer
from analysis.report.figure import ReportFigure
from analysis.results.tables import Results


@dataclass(frozen=True)
class Section:
    """One campaign as the page shows it; ``rows`` are cases, each with a step an environment or ``None``."""

    key: str
    title: str
    history: History
    picture: ReportFigure
    rows: list[tuple[str, list[dict | None]]]


def build_sections(everything: Results, drawings: Renderer) -> list[Section]:
    """One for every campaign whose environments differ."""
    return [_section(place, history, drawings) for place, history in enumerate(find_histories(everything))]


def list_tables(shown: list[Section]) -> dict[str, pd.DataFrame]:
    """The steps of each campaign."""
    return {section.key: section.history.steps for section in shown}


def _section(place: int, history: History, drawings: Renderer) -> Section:
    word = "releases" if history.are_releases else "environments"
    key = word if not place else f"{word}_{place + 1}"
    steps = choose_drawn_steps(history)
    picture = ReportFigure(
        f"{key}_over_time",
        word.capitalize(),
        "Median time of a call, with 95 % intervals of the change since the first. A triangle marks a "
        "step that is no chance and beyond the noise: up slower, down faster than the one before.",
        " ".join(history.sentences),
        steps,
        drawings.draw(draw_history, steps, history.labels),
    )
    rows = []
    for case, of_case in history.steps.groupby("id", sort=False):
        by_place = {row["place"]: row for row in of_case.to_dict("records")}
        rows.append((case, [by_place.get(number) for number in range(len(history.labels))]))
    return Section(key, word.capitalize(), history, picture, rows)
