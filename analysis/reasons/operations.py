"""A layer's step by operation: its measured time divided by the shares in its trace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.limits import cost, roofline
from analysis.limits.roofline import Ceilings
from analysis.reasons.explanation import OPERATION_COLUMNS, Stopwatches
from analysis.traces.step import KERNELS, Trace
from bench.contract.cases import ConvCase

#: A kernel must be this long for two stopwatches to be compared.
_LONG = 1e-3


def tabulate_operations(case: ConvCase, trace: Trace, seconds: float, ceilings: Ceilings) -> pd.DataFrame:
    """The step of one layer by operation, most expensive first: :data:`OPERATION_COLUMNS`.

    ``seconds`` is the layer's measured time. Costs and limits are those of ``cost`` and ``roofline``;
    they are missing for what is no convolution.
    """
    kernels = {(kernel.operation, kernel.role): kernel for kernel in cost.list_kernels(case)}
    grouped = trace.operations.groupby(["operation", "role"], sort=False)
    rows = [_operation(case, trace, rows, kernels.get(key), seconds, ceilings) for key, rows in grouped]
    table = pd.DataFrame(rows, columns=OPERATION_COLUMNS)
    return table.sort_values("seconds", ascending=False, kind="stable", ignore_index=True)


def _operation(
    case: ConvCase,
    trace: Trace,
    rows: pd.DataFrame,
    kernel: cost.Kernel | None,
    seconds: float,
    ceilings: Ceilings,
) -> dict[str, Any]:
    share = float(rows["share"].sum())
    taken = share * seconds
    row = {
        "layer": case.layer,
        "operation": rows.iloc[0]["operation"],
        "role": rows.iloc[0]["role"],
        "name": ", ".join(dict.fromkeys(rows["name"])),
        "implementation": ", ".join(dict.fromkeys(filter(None, rows["implementation"]))),
        "calls": float(rows["calls_a_step"].sum()),
        "seconds": taken,
        "share": share,
        "bound_by": "",
        "traced_seconds": float(rows["seconds_a_step"].sum()),
        "logged_seconds": float(rows["logged_seconds_a_step"].sum(min_count=1)),
        "running_seconds": float(rows["running_seconds_a_step"].sum()) * seconds / trace.step_seconds,
        "padded": bool(rows["padded"].any()),
        "overlapped": float(np.average(rows["overlapped"], weights=rows["share"] + 1e-12)),
        "groups": int(rows["groups"].max()),
    }
    if kernel:
        least, bound_by = roofline.compute_kernel_limit(kernel, case.dtype, ceilings)
        row |= {
            "flops": kernel.flops,
            "bytes": kernel.bytes,
            "flops_per_byte": kernel.intensity,
            "flops_per_second": kernel.flops / taken,
            "bytes_per_second": kernel.bytes / taken,
            "limit_seconds": least,
            "bound_by": bound_by,
            "of_limit": least / taken,
        }
    return row


def compare_stopwatches(tables: list[pd.DataFrame]) -> Stopwatches:
    """Compare, kernel by kernel, what the profiler and what oneDNN's log say it took."""
    every = pd.concat(tables) if tables else pd.DataFrame(columns=OPERATION_COLUMNS)
    both = every[every["operation"].isin(KERNELS) & every["logged_seconds"].notna()]
    long = both[(both["traced_seconds"] > _LONG) & (both["logged_seconds"] > _LONG)]
    if long.empty:
        return Stopwatches(0, float("nan"), True)
    difference = np.abs(np.log(long["traced_seconds"].astype(float) / long["logged_seconds"].astype(float)))
    median = float(np.expm1(np.median(difference)))
    return Stopwatches(len(long), median, median <= 0.1)
