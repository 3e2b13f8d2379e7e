"""Kernels that are slow, and why: generic ones, empty lanes, memory bandwidth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.limits.roofline import BANDWIDTH
from analysis.limits.vectors import count_channels, count_lanes
from analysis.reasons.detectors.advice import ADVICE
from analysis.reasons.detectors.thresholds import SLOW
from analysis.reasons.detectors.words import describe_refusals, name_kernel, name_kernels
from analysis.reasons.findings import NO_ADVICE, Advice, Finding
from analysis.reasons.refusals import KnownRefusal, find_known_refusal
from analysis.reasons.traced_layer import TracedLayer
from analysis.traces.naming import XLA
from analysis.wording import format_number, format_percent
from bench.contract.cases import ConvCase
from bench.contract.kernels import DEPTHWISE, WEIGHT_GRADIENT
from bench.contract.remedies import BFLOAT16, SMALLER_KERNEL, SPLIT_DEPTH_MULTIPLIER

#: Of these, oneDNN may have a reference kernel only.
_HALF_PRECISION = ("float16", "bfloat16")
#: oneDNN's special kernels for a depthwise weight gradient take no wider one.
_WIDEST = 3


#: What is known from reading sources, not from the log.
_FROM_SOURCES = ", as oneDNN's sources for x86 of that time say; its log gives no reasons"
#: Parts of the names of implementations for ARM, which those sources are not.
_ARM = ("acl", "asimd", "neon", "sve")


@dataclass(frozen=True)
class _Cause:
    """Why oneDNN had nothing better than a generic kernel: its name, the rest of a sentence, what to do."""

    name: str
    condition: str = ""
    advice: Advice = NO_ADVICE
    #: Where oneDNN's log says it.
    known: KnownRefusal | None = None


_UNKNOWN = _Cause("unknown")


def find_generic_kernels(layer: TracedLayer) -> Iterator[Finding]:
    """Kernels that oneDNN wrote for any convolution, in the place of some written for these."""
    rows = layer.kernels
    rows = rows[(rows["of_limit"] < SLOW) & ~rows["implementation"].isin(["", XLA])]
    is_reference = rows["implementation"].str.startswith(("ref", "gemm:ref"))
    is_generic = (rows["operation"] == DEPTHWISE) & ~rows["implementation"].str.contains("dw")
    rows = rows.assign(kind=np.where(is_reference, "reference", "generic"))[is_reference | is_generic]
    causes = [_find_cause(row, layer) for row in rows.to_dict("records")]
    rows["cause"] = [cause.name for cause in causes]
    causes_by_name = {cause.name: cause for cause in causes}
    for (kind, name), alike in rows.groupby(["kind", "cause"], sort=False):
        cause = causes_by_name[name]
        refused = describe_refusals(alike, cause.known)
        yield layer.make_finding(
            "generic_kernel",
            alike,
            f"{_begin_sentence(kind, len(alike))} {name_kernels(alike)}{cause.condition}{refused}",
            cause.advice,
            dense_may_help=True,
            evidence={"cause": name},
        )


def _begin_sentence(kind: str, count: int) -> str:
    return f"A {kind} kernel runs" if count == 1 else f"{kind.capitalize()} kernels run"


def _find_cause(row: Mapping[str, Any], layer: TracedLayer) -> _Cause:
    """Why oneDNN had nothing better, by its own log; where that has no refusals, by its sources."""
    if not layer.says_refusals:
        return _guess_cause(row, layer.case)
    known = find_known_refusal(row["refusals"], layer.onednn_version, layer.case)
    if known:
        advice = ADVICE.get(known.remedy, NO_ADVICE)
        return _Cause(known.parameter, f", since {known.condition}", advice, known)
    return _Cause("refused") if row["refusals"] else _UNKNOWN


def _guess_cause(row: Mapping[str, Any], case: ConvCase) -> _Cause:
    """Why oneDNN had nothing better, as far as its sources and this case say."""
    if row["kind"] == "reference" and case.dtype in _HALF_PRECISION:
        return _blame_dtype(case.dtype)
    if row["operation"] != DEPTHWISE or any(part in row["implementation"] for part in _ARM):
        return _UNKNOWN
    if case.depth_multiplier > 1:
        condition = f", since the depth multiplier is {case.depth_multiplier}{_FROM_SOURCES}"
        return _Cause("depth_multiplier", condition, ADVICE[SPLIT_DEPTH_MULTIPLIER])
    width = case.kernel_size[1]
    if row["role"] == WEIGHT_GRADIENT and width > _WIDEST:
        condition = f", since the kernel is {width} wide, more than {_WIDEST}{_FROM_SOURCES}"
        return _Cause("kernel_width", condition, ADVICE[SMALLER_KERNEL])
    return _UNKNOWN


def _blame_dtype(dtype: str) -> _Cause:
    condition = f", since oneDNN has no other for {dtype} here"
    if dtype == "float16":
        return _Cause(dtype, condition=condition, advice=Advice("use bfloat16", (BFLOAT16,)))
    return _Cause(dtype, condition=condition, advice=Advice("use float32"))


def find_outside_onednn(layer: TracedLayer) -> Iterator[Finding]:
    """On CPU, the framework's own kernel ran, and oneDNN's log does not know of it."""
    rows = layer.kernels
    rows = rows[rows["implementation"] == ""]
    if not layer.logged or rows.empty:
        return
    if layer.onednn == "off":
        says, cause = "oneDNN is off", "onednn_off"
        advice = Advice("unset TF_ENABLE_ONEDNN_OPTS") if layer.backend == "tensorflow" else NO_ADVICE
    elif layer.case.dtype in ("float64", "float16"):
        says, cause = f"oneDNN did not run this in {layer.case.dtype}", "dtype"
        advice = Advice("use float32")
    else:
        says, cause = "oneDNN's log shows none of it", "unknown"
        advice = NO_ADVICE
    yield layer.make_finding(
        "outside_onednn",
        rows,
        f"{says}, so {layer.framework_name}'s own kernels run {name_kernels(rows)}",
        advice,
        evidence={"cause": cause},
    )


def find_bandwidth_bound(layer: TracedLayer) -> Iterator[Finding]:
    """Kernels that are good, and wait for memory."""
    rows = layer.kernels
    rows = rows[(rows["bound_by"] == BANDWIDTH) & (rows["of_limit"] >= SLOW)]
    if len(rows):
        parts = ", ".join(_describe_traffic(row) for row in rows.to_dict("records"))
        yield layer.make_finding(
            "bandwidth_bound",
            rows,
            f"Memory bandwidth bounds {parts}",
            Advice("fewer FLOPs do not help here, only fewer bytes do"),
        )


def _describe_traffic(row: Mapping[str, Any]) -> str:
    rate = f"{row['bytes_per_second'] / 1e9:.3g} GB/s"
    amount = f"{row['bytes'] / 2**20:.2g} MiB"
    return (
        f"{name_kernel(row)} ({rate}, {format_percent(row['of_limit'])} of what memory allows for {amount}; "
        f"{row['flops_per_byte']:.2g} FLOP a byte)"
    )


def find_empty_lanes(layer: TracedLayer) -> Iterator[Finding]:
    """Kernels work on channels in vectors, and oneDNN's log shows tensors padded to whole ones."""
    rows = _add_lanes(layer.untested_kernels, layer.case)
    rows = rows[(rows["of_limit"] < SLOW) & (rows["channels"] < rows["lanes"]) & rows["padded"].astype(bool)]
    for (channels, lanes), alike in rows.groupby(["channels", "lanes"], sort=False):
        most = lanes / channels
        yield layer.make_finding(
            "empty_lanes",
            alike,
            f"{channels} channel{'s' * (channels > 1)} padded to {lanes} vector lanes, which costs up to a "
            f"factor of {format_number(most)}: {name_kernels(alike)}{describe_refusals(alike)}",
            dense_may_help=True,
            # A kernel further from its limit than that is slow for another reason too.
            explains=alike[alike["of_limit"] * most >= SLOW],
            evidence={"channels": int(channels), "lanes": int(lanes)},
        )


def _add_lanes(kernels: pd.DataFrame, case: ConvCase) -> pd.DataFrame:
    """``kernels`` with the ``channels`` that they work on, and the ``lanes`` of their vectors."""
    records = kernels.to_dict("records")
    return kernels.assign(
        channels=[count_channels(row["operation"], row["role"], case) for row in records],
        lanes=[count_lanes(row["implementation"], case) for row in records],
    )
