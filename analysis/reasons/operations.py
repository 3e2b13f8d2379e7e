"""A layer's step by operation: its measured time, divided by the shares in its trace and by experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.limits.roofline import Ceilings, compute_kernel_limit
from analysis.reasons.causes.dividing import divide_kernel
from analysis.reasons.causes.parts import KernelSum
from analysis.reasons.detectors.thresholds import SLOW, TOGETHER, WORTH
from analysis.reasons.explanation import OPERATION_COLUMNS
from analysis.reasons.refusals import list_refusals
from analysis.traces.step import Trace
from bench.contract.cases import ConvCase
from bench.contract.cost import Kernel, list_kernels


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
            **_describe_sum(KernelSum(not_tested="it is no convolution")),
        }
        kernel = kernels.get((operation, role))
        if kernel is not None:
            row |= _hold_against_limit(kernel, row["seconds"], case.dtype, ceilings)
            row |= _describe_sum(_divide(kernel, row, case.dtype, trace, ceilings))
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
        "refusals": list_refusals(refusal for refusals in traced["refusals"] for refusal in refusals),
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


def _divide(
    kernel: Kernel, row: Mapping[str, Any], dtype: str, trace: Trace, ceilings: Ceilings
) -> KernelSum:
    """Where the time of a slow kernel goes, as far as experiments say."""
    if trace.experiments is None:
        return KernelSum(not_tested="no experiments were made")
    if row["of_limit"] >= SLOW or row["share"] < WORTH:
        return KernelSum(not_tested="it is not slow, or takes too little of the step to matter")
    if row["overlapped"] > TOGETHER:
        return KernelSum(not_tested="it ran beside others, so that no time is its own")
    limit = compute_kernel_limit(kernel, dtype, ceilings)
    return divide_kernel(kernel, row["seconds"], limit, trace.experiments, ceilings)


def _describe_sum(found: KernelSum) -> dict[str, Any]:
    """A sum as columns; ``causes`` are None where there is none."""
    is_tested = not found.not_tested
    return {
        "causes": found.causes if is_tested else None,
        "remainder_seconds": found.remainder_seconds,
        "remainder_interval": found.remainder_interval if is_tested else None,
        "tried": dict(found.tried) if is_tested else None,
    }
