"""Kernels that are slow, and why: generic ones, empty lanes, memory bandwidth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from analysis.limits import vectors
from analysis.limits.cost import DEPTHWISE, WEIGHT_GRADIENT
from analysis.limits.roofline import BANDWIDTH
from analysis.reasons.detectors.words import SLOW, choose_verb, name_kernel, name_kernels
from analysis.reasons.findings import Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.traces import naming
from analysis.wording import number, percent
from bench.contract.cases import ConvCase

_HALF = ("float16", "bfloat16")


def find_generic_kernels(sight: TracedLayer) -> Iterator[Finding]:
    """Kernels that oneDNN wrote for any convolution, in the place of some written for these."""
    rows = sight.kernels
    rows = rows[(rows["of_limit"] < SLOW) & ~rows["implementation"].isin(["", naming.XLA])]
    reference = rows["implementation"].str.startswith(("ref", "gemm:ref"))
    generic = (rows["operation"] == DEPTHWISE) & ~rows["implementation"].str.contains("dw")
    rows = rows.assign(kind=np.where(reference, "reference", "generic"))[reference | generic]
    rows["cause"] = [_cause(row, sight.case) for row in rows.to_dict("records")]
    for (kind, cause), alike in rows.groupby(["kind", "cause"], sort=False):
        condition, advice, tried = _REMEDIES_OF_GENERIC[cause]
        yield sight.finding(
            "generic_kernel",
            alike,
            f"{choose_verb(alike, f'A {kind} kernel runs', f'{kind.capitalize()} kernels run')} "
            f"{name_kernels(alike)}{condition.format(case=sight.case)}",
            advice,
            *tried,
            conv2d_may_help=True,
            cause=cause,
        )


def _cause(row: Mapping[str, Any], case: ConvCase) -> str:
    """Why oneDNN had nothing better, as far as its sources and this case say."""
    if row["kind"] == "reference" and case.dtype in _HALF:
        return case.dtype
    if row["operation"] == DEPTHWISE and case.depth_multiplier > 1:
        return "depth_multiplier"
    if row["operation"] == DEPTHWISE and row["role"] == WEIGHT_GRADIENT and case.kernel_size[1] > 3:
        return "kernel_width"
    return "unknown"


#: cause -> (the condition, advice, names of remedies).
_REMEDIES_OF_GENERIC: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "float16": (", since oneDNN has no other for float16 here", "use bfloat16", ("bfloat16",)),
    "bfloat16": (", since oneDNN has no other for bfloat16 here", "use float32", ()),
    "depth_multiplier": (
        ", since the depth multiplier is {case.depth_multiplier}",
        "write it as several depthwise layers of depth multiplier 1",
        ("split depth multiplier",),
    ),
    "kernel_width": (
        ", since the kernel is {case.kernel_size[1]} wide, more than 3",
        "use 3x3 kernels, two of them for the same reach",
        ("3x3 kernel",),
    ),
    "unknown": ("", "", ()),
}


def find_outside_onednn(sight: TracedLayer) -> Iterator[Finding]:
    """On CPU, the framework's own kernel ran, and oneDNN's log does not know of it."""
    rows = sight.kernels
    rows = rows[rows["implementation"] == ""]
    if not sight.logged or rows.empty:
        return
    advice, cause = "", "unknown"
    if sight.onednn == "off":
        says, cause = "oneDNN is off", "onednn_off"
        advice = "unset TF_ENABLE_ONEDNN_OPTS" if sight.backend == "tensorflow" else ""
    elif sight.case.dtype in ("float64", "float16"):
        says, advice, cause = f"oneDNN did not run this in {sight.case.dtype}", "use float32", "dtype"
    else:
        says = "oneDNN's log shows none of it"
    yield sight.finding(
        "outside_onednn",
        rows,
        f"{says}, so {sight.framework}'s own kernels run {name_kernels(rows)}",
        advice,
        cause=cause,
    )


def find_bandwidth_bound(sight: TracedLayer) -> Iterator[Finding]:
    """Kernels that are good, and wait for memory."""
    rows = sight.kernels
    rows = rows[(rows["bound_by"] == BANDWIDTH) & (rows["of_limit"] >= SLOW)]
    if len(rows):
        parts = ", ".join(
            f"{name_kernel(row)} ({row['bytes_per_second'] / 1e9:.3g} GB/s, {percent(row['of_limit'])} of what "
            f"memory allows for {row['bytes'] / 2**20:.2g} MiB; {row['flops_per_byte']:.2g} FLOP a byte)"
            for row in rows.to_dict("records")
        )
        yield sight.finding(
            "bandwidth_bound",
            rows,
            f"Memory bandwidth bounds {parts}",
            "fewer FLOPs do not help here, only fewer bytes do",
        )


def find_empty_lanes(sight: TracedLayer) -> Iterator[Finding]:
    """Kernels work on channels in vectors, and oneDNN's log shows tensors padded to whole ones."""
    rows = sight.kernels
    rows = rows.assign(
        channels=[
            vectors.count_channels(row["operation"], row["role"], sight.case)
            for row in rows.to_dict("records")
        ],
        lanes=[vectors.count_lanes(row["implementation"], sight.case) for row in rows.to_dict("records")],
    )
    rows = rows[(rows["of_limit"] < SLOW) & (rows["channels"] < rows["lanes"]) & rows["padded"].astype(bool)]
    for (channels, lanes), alike in rows.groupby(["channels", "lanes"], sort=False):
        most = lanes / channels
        yield sight.finding(
            "empty_lanes",
            alike,
            f"{channels} channel{'s' * (channels > 1)} padded to {lanes} vector lanes, which costs up to a "
            f"factor of {number(most)}: {name_kernels(alike)}",
            "",
            conv2d_may_help=True,
            # A kernel further from its limit than that is slow for another reason too.
            explains=alike[alike["of_limit"] * most >= SLOW],
            channels=int(channels),
            lanes=int(lanes),
        )
