"""Step by step, from one environment of a history to the next: how many cases changed, and which kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from analysis.environments.history import History
from analysis.environments.kernels import (
    KernelChange,
    group_kernel_changes,
    select_known,
    select_silent_changes,
)
from analysis.statistics import verdicts


@dataclass(frozen=True)
class Step:
    """What changed with the environment called ``label``, since the one before it."""

    label: str
    #: Cases by verdict.
    counts: Mapping[str, int]
    #: Cases whose kernels are known of both environments.
    known: int
    #: Of these: cases that another kernel ran, and those of them whose time is not known to differ.
    changed: int
    silent: int
    #: Of these: cases that became slower or faster though the same kernels ran.
    same_kernels: int
    kernels: tuple[KernelChange, ...]


def summarize_steps(history: History) -> list[Step]:
    """One for every environment but the first."""
    by_label = dict(list(history.steps.groupby("label", sort=False)))
    return [_summarize_step(label, by_label[label]) for label in history.labels[1:] if label in by_label]


def _summarize_step(label: str, cases: pd.DataFrame) -> Step:
    """``cases`` are the rows of ``History.steps`` of one environment."""
    known = select_known(cases)
    changed = known["kernel_changes"].ne("")
    stepped = known["verdict"].isin(verdicts.DIFFERENT)
    return Step(
        label=label,
        counts=Counter(verdict for verdict in cases["verdict"] if verdict),
        known=len(known),
        changed=int(changed.sum()),
        silent=len(select_silent_changes(known)),
        same_kernels=int((stepped & ~changed).sum()),
        kernels=tuple(group_kernel_changes(known)),
    )
