"""What to do: remedies, and what each gained here."""

from __future__ import annotations

import pandas as pd

from analysis import commands
from analysis.answers.sentences import write_remedies
from analysis.figures.rendering import Renderer
from analysis.report.section import Section
from analysis.report.study import Study


def build_section(study: Study, renderer: Renderer) -> Section:
    return Section(
        key="remedies",
        title="What to do",
        template="remedies.html.j2",
        content={"gains": study.gains.to_dict("records")},
        sentences=tuple(write_remedies(study.gains)),
        tables={"remedies": _flatten(study.gains)} if len(study.gains) else {},
        added_by=commands.REMEDIES,
        is_there=bool(len(study.gains)),
    )


def _flatten(gains: pd.DataFrame) -> pd.DataFrame:
    """Cases as ids, which a file can hold."""
    ids = gains["remedied"].map(lambda case: case.id)
    return gains.assign(remedied_id=ids).drop(columns=["case", "remedied"])
