"""Which explanations the page shows, and how."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.pairs.remedies import describe_gains, tabulate_remedies
from analysis.pairs.table import tabulate_pairs
from analysis.reasons.causes.parts import select_tested
from analysis.reasons.explaining import explain_pairs
from analysis.reasons.explanation import Explained, Explanation
from analysis.results.selection import describe_place
from analysis.results.tables import Results

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


@dataclass(frozen=True)
class ExplanationsElsewhere:
    """Explanations of another environment, whose kernels were tested there, and what that is."""

    place: str
    explained: Explained
    shown: tuple[ShownExplanation, ...]


def find_tested_elsewhere(
    explained: Explained, results: Results, everything: Results, folder: Path
) -> ExplanationsElsewhere | None:
    """The newest explanations by experiments, where there are none among those of ``results``.

    A cause that was tested elsewhere is no answer here, but better than none for who knows that.
    """
    if _has_tested(explained):
        return None
    others = {
        run.fingerprint: run for run in everything.runs if run.fingerprint != results.newest_run.fingerprint
    }
    for fingerprint, run in sorted(others.items(), key=lambda item: -item[1].number):
        elsewhere = everything.select_environment(fingerprint)
        if not elsewhere.layers["trace"].notna().any():
            continue
        comparisons = tabulate_pairs(elsewhere)
        found = explain_pairs(elsewhere, comparisons)
        if _has_tested(found):
            gains = tabulate_remedies(elsewhere, comparisons)
            shown = choose_explanations(found, gains, folder, prefix="elsewhere")
            return ExplanationsElsewhere(describe_place(run.environment), found, shown)
    return None


def _has_tested(explained: Explained) -> bool:
    return any(len(select_tested(one.operations)) for one in explained.pairs)


def choose_explanations(
    explained: Explained, gains: pd.DataFrame, folder: Path, prefix: str = "why"
) -> tuple[ShownExplanation, ...]:
    """As many as a reader will look at, the slowest first; of each foremost reason the first is unfolded.

    ``gains`` is of ``tabulate_remedies``; links start from ``folder``; anchors begin with ``prefix``.
    """
    shown = []
    foremost: set[str] = set()
    for place, explanation in enumerate(explained.pairs[:_SHOWN]):
        reason = explanation.findings[0].code if explanation.findings else ""
        shown.append(
            ShownExplanation(
                explanation=explanation,
                anchor=f"{prefix}_{place + 1:02}",
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
