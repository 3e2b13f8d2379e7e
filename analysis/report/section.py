"""A section of the page: the one type that every module in ``analysis.report.sections`` makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.report.figure import ReportFigure


@dataclass(frozen=True)
class Section:
    """One section, and what it adds to the answer and to the files beside the page.

    The page writes its frame, its heading and its line in the contents. The template writes the rest; it sees
    the section as ``section`` and its ``content`` as ``content``.
    """

    #: Its anchor on the page.
    key: str
    title: str
    #: A file in ``templates/sections``.
    template: str
    content: Mapping[str, Any] = field(default_factory=dict)
    #: What it adds to the answer, most important first.
    sentences: tuple[str, ...] = ()
    figures: tuple[ReportFigure, ...] = ()
    #: By name, what lies in ``data/``: it does so whether or not the page shows the section.
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    #: What it adds to ``summary.json``, by name.
    summary: Mapping[str, Any] = field(default_factory=dict)
    #: The command that measures what it shows; empty where it is no gap to lack it.
    added_by: str = ""
    #: Whether there is anything to show.
    is_there: bool = True
