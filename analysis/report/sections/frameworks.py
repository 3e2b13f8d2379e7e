"""Frameworks: the same cases on several Keras backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis import commands
from analysis.answers.claims import ClaimAnswer, judge_claims
from analysis.environments.backends import Backends, compare_backends
from analysis.figures.backends import choose_panels, draw_backends
from analysis.figures.rendering import Renderer
from analysis.mnist.trainings import keep_judged_trainings
from analysis.pairs.table import tabulate_pairs
from analysis.report.figure import ReportFigure
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.report.tables import NUMBER, VERDICT, Column, Table
from analysis.results.tables import Results
from analysis.statistics.verdicts import SLOWER
from analysis.wording import FRAMEWORK_NAMES, format_milliseconds, format_number

#: Of the section's sentences, those that the answer has too.
_IN_ANSWER = 2
_KEY, _TITLE, _TEMPLATE = "frameworks", "Frameworks", "frameworks.html.j2"


def build_section(study: Study, renderer: Renderer) -> Section:
    found = compare_backends(study.everything, study.results.environment)
    if found is None:
        return Section(
            key=_KEY, title=_TITLE, template=_TEMPLATE, added_by=commands.COMPARE_FRAMEWORKS, is_there=False
        )
    return Section(
        key=_KEY,
        title=_TITLE,
        template=_TEMPLATE,
        content={
            "names": _name_backends(found),
            "modes": _describe_modes(found),
            "sentences": found.sentences,
            "ratios": _list_ratios(found),
            "times": _list_times(found),
            "claims": _list_claims(found, study.everything),
        },
        sentences=tuple(found.sentences[:_IN_ANSWER]),
        figures=_render_figures(found, renderer),
        tables={"frameworks": found.ratios, "frameworks_times": found.cases},
    )


def _name_backends(found: Backends) -> dict[str, str]:
    """Backend -> what it is called, with its version."""
    return {
        backend: f"{FRAMEWORK_NAMES[backend]} {environment.get(backend, '')}".strip()
        for backend, environment in found.environments.items()
    }


def _describe_modes(found: Backends) -> dict[str, Mapping[str, str]]:
    """Framework -> what each mode is there."""
    return {
        FRAMEWORK_NAMES[backend]: environment["modes"]
        for backend, environment in found.environments.items()
        if "modes" in environment
    }


def _render_figures(found: Backends, renderer: Renderer) -> tuple[ReportFigure, ...]:
    panels = choose_panels(found.ratios, found.backends)
    if not panels:
        return ()
    figure = ReportFigure(
        key="frameworks_ratios",
        title=_TITLE,
        how_to_read="Each point is a comparison: time of SeparableConv2D over time of Conv2D with one "
        "framework and with another, with 95 % intervals. Above 1 it is the slower layer; on the dotted "
        "line the frameworks agree.",
        says=" ".join(found.sentences),
        rendered=renderer.render(draw_backends, panels, found.backends[0]),
    )
    return (figure,)


def _list_ratios(found: Backends) -> Table:
    """Each comparison with its ratio and verdict on every backend."""
    columns = [Column("comparison"), Column("name", shown=bool(found.ratios["name"].ne("").any()))]
    for backend in found.backends:
        columns += [Column(f"{FRAMEWORK_NAMES[backend]}: ratio", NUMBER), Column("verdict", VERDICT)]
    columns.append(Column("slower on"))
    rows = []
    for row in found.ratios.to_dict("records"):
        cells = [row["pair"], row["name"]]
        for backend in found.backends:
            cells += [_format_known(row[f"{backend}_ratio"], format_number), row[f"{backend}_verdict"]]
        slower = [
            FRAMEWORK_NAMES[backend] for backend in found.backends if row[f"{backend}_verdict"] == SLOWER
        ]
        rows.append([*cells, ", ".join(slower)])
    return Table(key="frameworks", title="Time ratios by framework", columns=tuple(columns), rows=rows)


def _list_times(found: Backends) -> Table:
    """Each case with its time on every backend, and which is fastest."""
    columns = (
        Column("case"),
        *(Column(f"{FRAMEWORK_NAMES[backend]}, ms", NUMBER) for backend in found.backends),
        Column("fastest"),
        Column("over the next", NUMBER),
        Column("95 % interval"),
    )
    rows = [
        [
            row["id"],
            *(_format_known(row[f"{backend}_seconds"], format_milliseconds) for backend in found.backends),
            FRAMEWORK_NAMES[row["fastest"]] if row["decided"] else "undecided",
            format_number(row["lead"]),
            f"{format_number(row['lead_low'])} to {format_number(row['lead_high'])}",
        ]
        for row in found.cases.to_dict("records")
    ]
    return Table(key="frameworks_times", title="Times by framework", columns=columns, rows=rows)


def _format_known(value: float, form: Callable[[float], str]) -> str:
    """A number in words; nothing where it is missing."""
    return "" if pd.isna(value) else form(value)


def _list_claims(found: Backends, everything: Results) -> list[tuple[ClaimAnswer, dict[str, str]]]:
    """Each claim and device that some backend has an answer to: an answer, and its word by backend."""
    answers: dict[tuple[str, str], dict[str, ClaimAnswer]] = {}
    for backend, environment in found.environments.items():
        for answer in _judge_claims_of(environment, everything):
            answers.setdefault((answer.claim.id, answer.device), {})[backend] = answer
    rows = []
    for by_backend in answers.values():
        several = list(by_backend.values())
        if any(answer.outcomes for answer in several):
            rows.append((several[0], {backend: answer.word for backend, answer in by_backend.items()}))
    return rows


def _judge_claims_of(environment: Mapping[str, Any], everything: Results) -> list[ClaimAnswer]:
    """What ``python -m analysis claims`` says of an environment."""
    own = {run.number for run in everything.runs if run.fingerprint == environment["fingerprint"]}
    chosen = everything.select_runs(own).leave_out_campaigns()
    return judge_claims(chosen, tabulate_pairs(chosen), keep_judged_trainings(chosen))
