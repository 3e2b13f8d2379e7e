"""Kernels in words, as findings name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.reasons.detectors.thresholds import TOGETHER
from analysis.reasons.refusals import KnownRefusal, quote_refusals
from analysis.wording import format_milliseconds, format_percent


def name_kernel(row: Mapping[str, Any]) -> str:
    """A row of ``tabulate_operations`` by operation and role: ``depthwise weight gradient``."""
    return f"{row['operation']} {row['role'].replace('_', ' ')}"


def name_kernels(rows: pd.DataFrame, *, implementations: bool = True) -> str:
    """Kernels, with what ran them where ``implementations``, and how far they are from their limits.

    Of a kernel that ran beside others no time is its own. So only the time in which it ran is told.
    """
    return ", ".join(
        f"{name_kernel(row)} ({', '.join(_describe_kernel(row, implementations))})"
        for row in rows.to_dict("records")
    )


def describe_refusals(rows: pd.DataFrame, first: KnownRefusal | None = None) -> str:
    """What oneDNN refused before these kernels ran, as the end of a sentence; empty where it says nothing.

    The one at the place of ``first`` comes first.
    """
    refusals = [dict(pair) for pair in {tuple(one.items()): None for row in rows["refusals"] for one in row}]
    return f"; oneDNN refused others, in its words {quote_refusals(refusals, first)}" if refusals else ""


def _describe_kernel(row: Mapping[str, Any], implementations: bool) -> list[str]:
    parts = []
    if implementations and row["implementation"]:
        parts.append(row["implementation"])
    if row["overlapped"] > TOGETHER:
        parts.append(f"running for {format_milliseconds(row['running_seconds'])} ms beside others")
    else:
        parts.append(f"{format_percent(row['of_limit'])} of its limit")
    return parts
