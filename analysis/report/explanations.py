"""Which explanations the page shows, and how."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.pairs.remedies import describe_gains
from analysis.reasons.explanation import Explained, Explanation

#: Explanations on the page; the tables in ``data/`` hold all.
_SHOWN = 40
#: Of these, unfolded from the start.
_OPEN = 4


@dataclass(frozen=True)
class ShownExplanation:
    """One explanation as the page shows it."""

    explanation: Explanation
    #: Its id on the page, and that of its figure.
    anchor: str
    #: Sentences on what the findings advise, as far as it was measured for this case.
    measured: tuple[str, ...]
    #: Layer -> its trace's folder, as a link from the page.
    links: Mapping[str, str]
    #: Whether the page shows it unfolded.
    is_open: bool


def choose_explanations(
    explained: Explained, gains: pd.DataFrame, folder: Path
) -> tuple[ShownExplanation, ...]:
    """As many as a reader will look at, the slowest first; of each foremost reason the first is unfolded.

    ``gains`` is of ``tabulate_remedies``; links start from ``folder``.
    """
    shown = []
    foremost: set[str] = set()
    for place, explanation in enumerate(explained.pairs[:_SHOWN]):
        reason = explanation.findings[0].code if explanation.findings else ""
        shown.append(
            ShownExplanation(
                explanation=explanation,
                anchor=f"why_{place + 1:02}",
                measured=tuple(describe_gains(explanation.remedies, explanation.separable, gains)),
                links={
                    layer: Path(os.path.relpath(trace, folder)).as_posix()
                    for layer, trace in explanation.traces.items()
                },
                is_open=reason not in foremost and len(foremost) < _OPEN,
            )
        )
        foremost.add(reason)
    return tuple(shown)
