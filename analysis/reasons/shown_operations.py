"""What a reader is shown of a step's operations: which of them, and what is said of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.reasons.detectors.thresholds import TOGETHER
from analysis.traces.naming import XLA

#: An operation needs this share of its step for a row of its own. The terminal has less room than the page.
LEAST_SHARE_ON_PAGE, LEAST_SHARE_ON_TERMINAL = 0.005, 0.01


def choose_shown_operations(operations: pd.DataFrame, least_share: float) -> pd.DataFrame:
    """The rows of ``operations`` (see ``tabulate_operations``) that are worth a row of their own."""
    return operations[operations["share"] >= least_share]


def name_instruction(row: Mapping[str, Any]) -> str:
    """The instruction of XLA's program that a convolution became; empty for any other operation."""
    return row["name"] if row["implementation"] == XLA and row["bound_by"] else ""


def ran_beside_others(row: Mapping[str, Any]) -> bool:
    """Whether a convolution ran beside others for so long that no time is its own."""
    return bool(row["bound_by"]) and row["overlapped"] > TOGETHER
