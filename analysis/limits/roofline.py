"""Measured ceilings -> the least time that a case could take on this machine.

The cache-aware roofline: a kernel takes at least max(FLOPs / peak, bytes / bandwidth), with the
bandwidth measured on a working set no larger than the kernel's own. Kernels are taken to run one
after another, each by itself, so their least times add up; where they overlap or are fused, less
is possible. (Williams et al., CACM 52(4), 2009; Ilic et al., IEEE Computer Architecture Letters
13(1), 2014.)

Ceilings are the fastest calls measured, bytes are compulsory traffic, and FLOPs are those of the
direct algorithm: a time below the limit is possible only for an algorithm with fewer (Winograd).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from analysis.limits import cost
from analysis.results.tables import Results
from bench.contract.cases import TENSORFLOAT32, ConvCase

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

    def bandwidth(self, working_set_bytes: float) -> float:
        """Bytes a second for this working set: the ceiling of the next smaller one measured."""
        index = bisect_right([size for size, _ in self.bandwidths], working_set_bytes) - 1
        return self.bandwidths[max(index, 0)][1]

    def can_judge(self, case: ConvCase) -> bool:
        return case.dtype in self.peak_flops and bool(self.bandwidths)


@dataclass(frozen=True)
class Limit:
    """The least time of a case, and what most of it is spent on."""

    seconds: float
    bound_by: str


def find_ceilings(table: pd.DataFrame) -> dict[str, Ceilings]:
    """The ceilings of each device in ``Results.ceilings``; over several runs, the best."""
    found = {}
    for device, rows in table.groupby("device"):
        products = rows[rows["kind"] == "matrix_product"]
        streams = rows[rows["kind"].isin(("copy", "triad"))]
        calls = rows[rows["kind"] == "empty_call"]
        rates = (streams["bytes"] / streams["seconds"]).groupby(streams["working_set_bytes"]).max()
        # A small set may by chance have been measured slower than a larger one; the bound must
        # stay a bound, so it never rises with the working set.
        rates = rates.sort_index(ascending=False).cummax().sort_index()
        peaks = (products["flops"] / products["seconds"]).groupby(products["dtype"]).max().to_dict()
        # Where convolutions in float32 may be computed so, that is their limit.
        peaks["float32"] = max(peaks.get("float32", 0.0), peaks.get(TENSORFLOAT32, 0.0))
        found[device] = Ceilings(
            {dtype: peak for dtype, peak in peaks.items() if peak},
            tuple(rates.items()),
            calls.groupby("mode")["seconds"].min().to_dict(),
        )
    return found


@lru_cache(maxsize=8)
def limit_layers(results: Results) -> pd.DataFrame:
    """``results.layers`` with their limits (see :func:`with_limits`), computed once; not to be changed."""
    return add_limits(results.layers, find_ceilings(results.ceilings))


def add_limits(layers: pd.DataFrame, devices: Mapping[str, Ceilings]) -> pd.DataFrame:
    """``Results.layers`` with what each case costs and how far it is from its device's limit.

    Adds ``parameters``, ``nominal_macs``, ``flops``, ``bytes``, ``flops_per_second``,
    ``bytes_per_second``, ``limit_seconds``, ``bound_by``, ``of_limit`` (least time over measured
    time) and ``call_share`` (an empty call's time over measured time). The last four are missing
    where the ceilings of the case's device, dtype or mode are.
    """
    added = pd.DataFrame(
        [_judged(case, devices.get(case.device)) for case in layers["case"]],
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


def _judged(case: ConvCase, ceilings: Ceilings | None) -> tuple[float, str, float]:
    missing = Limit(float("nan"), "")
    least = compute_limit(case, ceilings) if ceilings and ceilings.can_judge(case) else missing
    call = ceilings.empty_call_seconds.get(case.mode, float("nan")) if ceilings else float("nan")
    return least.seconds, least.bound_by, call


def compute_limit(case: ConvCase, ceilings: Ceilings) -> Limit:
    """The least time for ``case``; ``KeyError`` where its dtype has no measured peak."""
    by_bound = {COMPUTE: 0.0, BANDWIDTH: 0.0}
    for kernel in cost.list_kernels(case):
        seconds, bound_by = compute_kernel_limit(kernel, case.dtype, ceilings)
        by_bound[bound_by] += seconds
    return Limit(sum(by_bound.values()), max(by_bound, key=by_bound.get))


def compute_kernel_limit(kernel: cost.Kernel, dtype: str, ceilings: Ceilings) -> tuple[float, str]:
    """The least seconds of one kernel, and what bounds it."""
    compute = kernel.flops / ceilings.peak_flops[dtype]
    traffic = kernel.bytes / ceilings.bandwidth(kernel.bytes)
    return (compute, COMPUTE) if compute >= traffic else (traffic, BANDWIDTH)
