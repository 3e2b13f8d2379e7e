"""A figure as the page shows it: with a title, how to read it, and the data behind it."""

from __future__ import annotations

import base64
from concurrent.futures import Future
from dataclasses import dataclass

import pandas as pd

from analysis.figures.rendering import RenderedFigure


@dataclass(frozen=True)
class ReportFigure:
    """One figure of the report. ``how_to_read`` is its caption and, with ``says``, its text alternative."""

    key: str
    title: str
    how_to_read: str
    #: What the figure shows, for those who do not see it.
    says: str
    #: Waited for when it is looked at.
    rendered: Future[RenderedFigure]
    #: What lies in ``data/`` under ``key``; missing where the numbers are in a table of the section.
    data: pd.DataFrame | None = None

    @property
    def svg(self) -> bytes:
        return self.rendered.result().svg

    @property
    def png(self) -> bytes | None:
        return self.rendered.result().png

    @property
    def data_uri(self) -> str:
        """The figure as the address of an image, so that the page is one file."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode("ascii")
