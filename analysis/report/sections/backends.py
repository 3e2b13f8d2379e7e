"""The section Frameworks: the same cases on several Keras backends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.answers.claims import ClaimAnswer
from analysis.environments.backends import Backends, compare_backends
from analysis.figures.backends import draw_backends
from analysis.figures.rendering import Renderer
from analysis.report.figure import ReportFigure
from analysis.report.tables import NUMBER, VERDICT, Column, Table
from analysis.results.tables import Results
from analysis.statistics.verdicts import SLOWER
from analysis.wording import FRAMEWORKS, milliseconds, number


@dataclass(frozen=True)
class Section:
    """What the page shows; ``claims`` has, for each claim and device, its answer by backend."""

    found: Backends
    picture: ReportFigure
    ratios: Table
    times: Table
    claims: list[tuple[ClaimAnswer, dict[str, str]]]

    @property
    def names(self) -> dict[str, str]:
        """Backend -> what it is called, with its version."""
        return {
            backend: f"{FRAMEWORKS[backend]} {environment.get(backend, '')}".strip()
            for backend, environment in self.found.environments.items()
        }

    @property
    def modes(self) -> dict[str, dict[str, str]]:
        """Backend -> what each mode is there."""
        return {
            FRAMEWORKS[backend]: environment["modes"]
            for backend, environment in self.found.environments.items()
            if "modes" in environment
        }


def build_section(everything: Results, drawings: Renderer) -> Section | None:
    """``None`` where only one backend was measured."""
    found = compare_backends(everything)
    if found is None:
        return None
    picture = ReportFigure(
        "frameworks_ratios",
        "Frameworks",
        "Each point is a comparison: time of SeparableConv2D over time of Conv2D with one framework and "
        "with another, with 95 % intervals. Above 1 it is the slower layer; on the dotted line the "
        "frameworks agree.",
        " ".join(found.sentences),
        found.ratios,
        drawings.draw(draw_backends, found.ratios, found.backends),
    )
    return Section(found, picture, _ratios(found), _times(found), _claims(found))


def list_tables(shown: Section | None) -> dict[str, pd.DataFrame]:
    """All ratios and all times."""
    if shown is None:
        return {}
    return {"frameworks": shown.found.ratios, "frameworks_times": shown.found.cases}


def _ratios(found: Backends) -> Table:
    columns = [Column("comparison"), Column("name", shown=bool(found.ratios["name"].ne("").any()))]
    for backend in found.backends:
        columns += [Column(f"{FRAMEWORKS[backend]}: ratio", NUMBER), Column("verdict", VERDICT)]
    columns.append(Column("slower on"))
    rows = [
        [
            row["pair"],
            row["name"],
            *(
                cell
                for backend in found.backends
                for cell in (_known(row[f"{backend}_ratio"], number), row[f"{backend}_verdict"])
            ),
            ", ".join(
                FRAMEWORKS[backend] for backend in found.backends if row[f"{backend}_verdict"] == SLOWER
            ),
        ]
        for row in found.ratios.to_dict("records")
    ]
    return Table("frameworks", "Time ratios by framework", tuple(columns), rows)


def _times(found: Backends) -> Table:
    columns = (
        Column("case"),
        *(Column(f"{FRAMEWORKS[backend]}, ms", NUMBER) for backend in found.backends),
        Column("fastest"),
        Column("over the next", NUMBER),
        Column("95 % interval"),
    )
    rows = [
        [
            row["id"],
            *(_known(row[f"{backend}_seconds"], milliseconds) for backend in found.backends),
            FRAMEWORKS[row["fastest"]] if row["decided"] else "undecided",
            number(row["lead"]),
            f"{number(row['lead_low'])} to {number(row['lead_high'])}",
        ]
        for row in found.cases.to_dict("records")
    ]
    return Table("frameworks_times", "Times by framework", columns, rows)


def _known(value: float, words: Callable[[float], str]) -> str:
    return "" if pd.isna(value) else words(value)


def _claims(found: Backends) -> list[tuple[ClaimAnswer, dict[str, str]]]:
    """Those that some framework has an answer to."""
    by_claim: dict[tuple[str, str], dict[str, Any]] = {}
    for backend, answers in found.claims.items():
        for answer in answers:
            by_claim.setdefault((answer.claim.id, answer.device), {})[backend] = answer
    return [
        (next(iter(answers.values())), {backend: answer.word for backend, answer in answers.items()})
        for answers in by_claim.values()
        if any(answer.outcomes for answer in answers.values())
    ]
