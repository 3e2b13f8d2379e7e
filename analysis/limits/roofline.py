"""Measured ceilings -> the least time that a case could take on this machine.

The cache-aware roofline: a kernel takes at least max(FLOPs / peak, bytes / bandwidth). The
bandwidth is one measured on a working set no larger than the kernel's own. Kernels are taken to run
one after another, each by itself, so their least times add up. Where they overlap or are fused, less
is possible. (Williams et al., CACM 52(4), 2009; Ilic et al., IEEE Computer Architecture Letters
13(1), 2014.)

Ceilings are the fastest calls measured, bytes are compulsory traffic, and FLOPs are those of the
direct algorithm. Only an algorithm with fewer FLOPs (Winograd) can take less than the limit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from analysis.results.tables import Results
from bench.contract import cost
from bench.contract.cases import TENSORFLOAT32, ConvCase
from bench.contract.ceilings import COPY, EMPTY_CALL, MATRIX_PRODUCT, TRIAD

COMPUTE, BANDWIDTH = "compute", "bandwidth"


@dataclass(frozen=True)
class Ceilings:
    """What one device can do."""

    #: FLOP/s of the fastest matrix product, by dtype.
    peak_flops: Mapping[str, float]
    #: (working set in bytes, bytes a second), by rising working set and falling rate.
    bandwidths: tuple[tuple[int, float], ...]
    #: Seconds that calling an empty compiled function takes, by mode.
    empty_call_seconds: Mapping[str, float]

    def find_bandwidth(self, working_set_bytes: float) -> float:
        """Bytes a second for this working set: the ceiling of the next smaller one measured."""
        sizes = [size for size, _ in self.bandwidths]
        index = bisect_right(sizes, working_set_bytes) - 1
        return self.bandwidths[max(index, 0)][1]

    def can_judge(self, case: ConvCase) -> bool:
        """Whether all that the limit of ``case`` needs was measured."""
        return case.dtype in self.peak_flops and bool(self.bandwidths)


@dataclass(frozen=True)
class Limit:
    """The least time of a case or a kernel, and what most of it is spent on."""

    seconds: float
    #: COMPUTE or BANDWIDTH.
    bound_by: str


def find_ceilings(table: pd.DataFrame) -> dict[str, Ceilings]:
    """The ceilings of each device in ``Results.ceilings``; over several runs, the best."""
    return {
        device: Ceilings(
            peak_flops=_find_peaks(rows[rows["kind"] == MATRIX_PRODUCT]),
            bandwidths=_find_bandwidths(rows[rows["kind"].isin((COPY, TRIAD))]),
            empty_call_seconds=_find_empty_calls(rows[rows["kind"] == EMPTY_CALL]),
        )
        for device, rows in table.groupby("device")
    }


def _find_peaks(products: pd.DataFrame) -> dict[str, float]:
    """FLOP/s of the fastest matrix product, by dtype."""
    rates = products["flops"] / products["seconds"]
    peaks = rates.groupby(products["dtype"]).max().to_dict()
    # A GPU may compute convolutions in float32 as TensorFloat32: then its peak is their limit.
    peaks["float32"] = max(peaks.get("float32", 0.0), peaks.get(TENSORFLOAT32, 0.0))
    return {dtype: peak for dtype, peak in peaks.items() if peak}


def _find_bandwidths(streams: pd.DataFrame) -> tuple[tuple[int, float], ...]:
    """(working set in bytes, bytes a second), by rising working set and falling rate."""
    rates = (streams["bytes"] / streams["seconds"]).groupby(streams["working_set_bytes"]).max()
    # A small set may by chance have been measured slower than a larger one. The bound must stay a
    # bound, so it never rises with the working set.
    rates = rates.sort_index(ascending=False).cummax().sort_index()
    return tuple(rates.items())


def _find_empty_calls(calls: pd.DataFrame) -> dict[str, float]:
    """Seconds of the fastest empty call, by mode."""
    return calls.groupby("mode")["seconds"].min().to_dict()


@lru_cache(maxsize=8)
def limit_layers(results: Results) -> pd.DataFrame:
    """``results.layers`` with their limits (see :func:`add_limits`).

    The table is computed once and handed to every caller, so no caller may change it.
    """
    return add_limits(results.layers, find_ceilings(results.ceilings))


def add_limits(layers: pd.DataFrame, devices: Mapping[str, Ceilings]) -> pd.DataFrame:
    """``Results.layers`` with what each case costs and how far it is from its device's limit.

    Adds ``parameters``, ``nominal_macs``, ``flops``, ``bytes``, ``flops_per_second``,
    ``bytes_per_second``, ``limit_seconds``, ``bound_by``, ``of_limit`` (least time over measured
    time) and ``call_share`` (an empty call's time over measured time). The last four are missing
    where no ceilings were measured for the case's device, dtype or mode.
    """
    added = pd.DataFrame(
        [_describe_limit(case, devices.get(case.device)) for case in layers["case"]],
        columns=["limit_seconds", "bound_by", "empty_call_seconds"],
        index=layers.index,
    )
    counts = {
        "parameters": cost.count_parameters,
        "nominal_macs": cost.count_nominal_macs,
        "flops": cost.count_flops,
        "bytes": cost.count_bytes,
    }
    for name, count in counts.items():
        added[name] = [count(case) for case in layers["case"]]
    for name in ("flops", "bytes"):
        added[f"{name}_per_second"] = added[name] / layers["seconds"]
    added["of_limit"] = added["limit_seconds"] / layers["seconds"]
    added["call_share"] = added.pop("empty_call_seconds") / layers["seconds"]
    return pd.concat([layers, added], axis=1)


def _describe_limit(case: ConvCase, ceilings: Ceilings | None) -> dict[str, float | str]:
    """The limit of ``case`` as columns; NaN and an empty string where it is not known."""
    row: dict[str, float | str] = {
        "limit_seconds": math.nan,
        "bound_by": "",
        "empty_call_seconds": math.nan,
    }
    if ceilings is None:
        return row
    row["empty_call_seconds"] = ceilings.empty_call_seconds.get(case.mode, math.nan)
    if ceilings.can_judge(case):
        limit = compute_limit(case, ceilings)
        row["limit_seconds"] = limit.seconds
        row["bound_by"] = limit.bound_by
    return row


def compute_limit(case: ConvCase, ceilings: Ceilings) -> Limit:
    """The least time for ``case``; ``KeyError`` where its dtype has no measured peak."""
    seconds = {COMPUTE: 0.0, BANDWIDTH: 0.0}
    for kernel in cost.list_kernels(case):
        limit = compute_kernel_limit(kernel, case.dtype, ceilings)
        seconds[limit.bound_by] += limit.seconds
    most = BANDWIDTH if seconds[BANDWIDTH] > seconds[COMPUTE] else COMPUTE
    return Limit(seconds=seconds[COMPUTE] + seconds[BANDWIDTH], bound_by=most)


def compute_kernel_limit(kernel: cost.Kernel, dtype: str, ceilings: Ceilings) -> Limit:
    """The least time of one kernel; ``KeyError`` where ``dtype`` has no measured peak."""
    compute = kernel.flops / ceilings.peak_flops[dtype]
    traffic = kernel.bytes / ceilings.find_bandwidth(kernel.bytes)
    if compute >= traffic:
        return Limit(seconds=compute, bound_by=COMPUTE)
    return Limit(seconds=traffic, bound_by=BANDWIDTH)
