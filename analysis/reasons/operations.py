"""A layer's step by operation: its measured time, divided by the shares in its trace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.limits.cost import Kernel, list_kernels
from analysis.limits.roofline import Ceilings, compute_kernel_limit
from analysis.reasons.explanation import OPERATION_COLUMNS
from analysis.traces.step import Trace
from bench.contract.cases import ConvCase


def tabulate_operations(case: ConvCase, trace: Trace, seconds: float, ceilings: Ceilings) -> pd.DataFrame:
    """The step of one layer by operation, most expensive first: :data:`OPERATION_COLUMNS`.

    ``seconds`` is the layer's measured time. Costs and limits are those of ``cost`` and ``roofline``;
    they are missing for what is no convolution.
    """
    kernels = {(kernel.operation, kernel.role): kernel for kernel in list_kernels(case)}
    rows = []
    for (operation, role), traced in trace.operations.groupby(["operation", "role"], sort=False):
        row = {
            "layer": case.layer,
            "operation": operation,
            "role": role,
            **_sum_up(traced, seconds, trace.step_seconds),
        }
        kernel = kernels.get((operation, role))
        if kernel is not None:
            row |= _hold_against_limit(kernel, row["seconds"], case.dtype, ceilings)
        rows.append(row)
    table = pd.DataFrame(rows, columns=OPERATION_COLUMNS)
    return table.sort_values("seconds", ascending=False, kind="stable", ignore_index=True)


def _sum_up(traced: pd.DataFrame, seconds: float, step_seconds: float) -> dict[str, Any]:
    """The traced rows of one operation and role as one; ``seconds`` is the layer's measured time."""
    share = float(traced["share"].sum())
    return {
        "name": ", ".join(dict.fromkeys(traced["name"])),
        "implementation": ", ".join(dict.fromkeys(name for name in traced["implementation"] if name)),
        "calls": float(traced["calls_a_step"].sum()),
        "seconds": share * seconds,
        "share": share,
        "bound_by": "",
        "traced_seconds": float(traced["seconds_a_step"].sum()),
        "logged_seconds": float(traced["logged_seconds_a_step"].sum(min_count=1)),
        "running_seconds": float(traced["running_seconds_a_step"].sum()) * seconds / step_seconds,
        "padded": bool(traced["padded"].any()),
        # The small number keeps the average where no row has a share.
        "overlapped": float(np.average(traced["overlapped"], weights=traced["share"] + 1e-12)),
        "groups": int(traced["groups"].max()),
    }


def _hold_against_limit(kernel: Kernel, seconds: float, dtype: str, ceilings: Ceilings) -> dict[str, Any]:
    """What a kernel that took ``seconds`` costs, what it achieved, and how far that is from its limit."""
    limit = compute_kernel_limit(kernel, dtype, ceilings)
    return {
        "flops": kernel.flops,
        "bytes": kernel.bytes,
        "flops_per_byte": kernel.intensity,
        "flops_per_second": kernel.flops / seconds,
        "bytes_per_second": kernel.bytes / seconds,
        "limit_seconds": limit.seconds,
        "bound_by": limit.bound_by,
        "of_limit": limit.seconds / seconds,
    }
