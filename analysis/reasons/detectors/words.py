"""Kernels in words, as findings name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.wording import milliseconds, percent

#: A kernel that takes more than twice its least time is slow.
SLOW = 0.5

#: From this part of its time on, a kernel that ran beside others has no time of its own.
TOGETHER = 0.5


def name_kernel(row: Mapping[str, Any]) -> str:
    return f"{row['operation']} {row['role'].replace('_', ' ')}"


def name_kernels(rows: pd.DataFrame, *, implementations: bool = True) -> str:
    """Kernels with what ran them and how far they are from their limits.

    Of one that ran beside others only the time is told in which it ran, as none is its own.
    """
    return ", ".join(
        f"{name_kernel(row)} ("
        + (f"{row['implementation']}, " if implementations and row["implementation"] else "")
        + (
            f"running for {milliseconds(row['running_seconds'])} ms beside others)"
            if row["overlapped"] > TOGETHER
            else f"{percent(row['of_limit'])} of its limit)"
        )
        for row in rows.to_dict("records")
    )


def choose_verb(rows: pd.DataFrame, one: str, several: str) -> str:
    return one if len(rows) == 1 else several
