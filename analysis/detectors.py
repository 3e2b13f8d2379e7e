"""What to look for in a traced layer, and how to tell it.

A detector speaks only where the evidence is there: the operation in the trace, the implementation in
oneDNN's log, the instruction in XLA's program. Slow kernels that no detector speaks of are
*unexplained*, with their time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis import naming, traces, vectors
from analysis.cost import DEPTHWISE, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT
from analysis.findings import UNEXPLAINED, Finding, Sight
from analysis.roofline import BANDWIDTH
from analysis.wording import milliseconds, number, percent
from bench.cases import ConvCase

#: A kernel that takes more than twice its least time is slow.
SLOW = 0.5
#: What is under this share of a step is no finding.
WORTH = 0.05
#: From this share on, what is around the operations is what matters.
DOMINATES = 0.4
#: From this share on, elementwise operations of their own are worth a word.
_NOTICEABLE = 0.1

#: From this part of its time on, a kernel that ran beside others has no time of its own.
TOGETHER = 0.5
#: Ceilings are no truer than this.
_CEILING_NOISE = 0.1
_HALF = ("float16", "bfloat16")


def find(sight: Sight) -> tuple[Finding, ...]:
    """What explains the time of one layer, most important first."""
    found = [finding for detector in _DETECTORS for finding in detector(sight) if finding.share >= WORTH]
    explained = frozenset().union(*(finding.kernels for finding in found))
    found += _unexplained(sight, explained)
    return tuple(sorted(found, key=lambda finding: -finding.seconds))


def _in_words(row: Mapping[str, Any]) -> str:
    return f"{row['operation']} {row['role'].replace('_', ' ')}"


def _listed(rows: pd.DataFrame, *, implementations: bool = True) -> str:
    """Kernels with what ran them and how far they are from their limits.

    Of one that ran beside others only the time is told in which it ran, as none is its own.
    """
    return ", ".join(
        f"{_in_words(row)} ("
        + (f"{row['implementation']}, " if implementations and row["implementation"] else "")
        + (
            f"running for {milliseconds(row['running_seconds'])} ms beside others)"
            if row["overlapped"] > TOGETHER
            else f"{percent(row['of_limit'])} of its limit)"
        )
        for row in rows.to_dict("records")
    )


def _verb(rows: pd.DataFrame, one: str, several: str) -> str:
    return one if len(rows) == 1 else several


def _generic_kernel(sight: Sight) -> Iterator[Finding]:
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
            f"{_verb(alike, f'A {kind} kernel runs', f'{kind.capitalize()} kernels run')} "
            f"{_listed(alike)}{condition.format(case=sight.case)}",
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


def _more_bytes(sight: Sight) -> Iterator[Finding]:
    """As two separate kernels, even perfect ones, it would be the slower one."""
    own, dense = sight.kernels, sight.counterpart_kernels
    least, least_dense = own["limit_seconds"].sum(), dense["limit_seconds"].sum()
    waiting = own.loc[own["bound_by"] == BANDWIDTH, "limit_seconds"].sum()
    lost = sight.case.is_separable and least > (1 + _CEILING_NOISE) * least_dense > 0
    if not lost or waiting < least / 2:
        return
    moved, moved_dense = own["bytes"].sum(), dense["bytes"].sum()
    yield sight.finding(
        "more_bytes",
        own,
        f"Perfect kernels, each by itself, would still take {number(least / least_dense)} times as long as "
        f"Conv2D's ({milliseconds(least)} against {milliseconds(least_dense)} ms at least), since they move "
        f"{number(moved / moved_dense)} times the bytes ({moved / 1e6:.3g} against "
        f"{moved_dense / 1e6:.3g} MB); its kernels take",
        "",
        conv2d_may_help=True,
        # That it must be slower does not say why a kernel is slower still.
        explains=own.iloc[:0],
        bytes=float(moved),
        dense_bytes=float(moved_dense),
        limit_seconds=float(least),
        dense_limit_seconds=float(least_dense),
    )


def _outside_onednn(sight: Sight) -> Iterator[Finding]:
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
        f"{says}, so {sight.framework}'s own kernels run {_listed(rows)}",
        advice,
        cause=cause,
    )


def _bound_by_bandwidth(sight: Sight) -> Iterator[Finding]:
    """Kernels that are good, and wait for memory."""
    rows = sight.kernels
    rows = rows[(rows["bound_by"] == BANDWIDTH) & (rows["of_limit"] >= SLOW)]
    if len(rows):
        parts = ", ".join(
            f"{_in_words(row)} ({row['bytes_per_second'] / 1e9:.3g} GB/s, {percent(row['of_limit'])} of what "
            f"memory allows for {row['bytes'] / 2**20:.2g} MiB; {row['flops_per_byte']:.2g} FLOP a byte)"
            for row in rows.to_dict("records")
        )
        yield sight.finding(
            "bandwidth_bound",
            rows,
            f"Memory bandwidth bounds {parts}",
            "fewer FLOPs do not help here, only fewer bytes do",
        )


def _empty_lanes(sight: Sight) -> Iterator[Finding]:
    """Kernels work on channels in vectors, and oneDNN's log shows tensors padded to whole ones."""
    rows = sight.kernels
    rows = rows.assign(
        channels=[
            vectors.channels(row["operation"], row["role"], sight.case) for row in rows.to_dict("records")
        ],
        lanes=[vectors.lanes(row["implementation"], sight.case) for row in rows.to_dict("records")],
    )
    rows = rows[(rows["of_limit"] < SLOW) & (rows["channels"] < rows["lanes"]) & rows["padded"].astype(bool)]
    for (channels, lanes), alike in rows.groupby(["channels", "lanes"], sort=False):
        most = lanes / channels
        yield sight.finding(
            "empty_lanes",
            alike,
            f"{channels} channel{'s' * (channels > 1)} padded to {lanes} vector lanes, which costs up to a "
            f"factor of {number(most)}: {_listed(alike)}",
            "",
            conv2d_may_help=True,
            # A kernel further from its limit than that is slow for another reason too.
            explains=alike[alike["of_limit"] * most >= SLOW],
            channels=int(channels),
            lanes=int(lanes),
        )


def _more_kernels(sight: Sight) -> Iterator[Finding]:
    """A first layer trains with 2 kernels when dense and with 5 when separable."""
    case = sight.case
    if not case.is_separable or case.input_gradient:
        return
    own, dense = sight.kernels, sight.counterpart_kernels
    extra = own[(own["operation"] == POINTWISE) & (own["role"] == INPUT_GRADIENT)]
    if len(own) > 2 * len(dense) and len(extra):
        yield sight.finding(
            "more_kernels",
            extra,
            f"A first layer needs no input gradient, so Conv2D runs {len(dense)} "
            f"kernel{'s' * (len(dense) > 1)} and SeparableConv2D {len(own)}: the depthwise weights lie "
            "behind the pointwise input gradient",
            "",
            conv2d_may_help=True,
            kernels_run=len(own),
            dense_kernels_run=len(dense),
        )


#: What turns eager calls into one: a remedy's name too (``bench.remedies``). PyTorch has none short of
#: torch.compile, which is a mode of its own.
_COMPILERS = {"tensorflow": "tf.function", "jax": "jax.jit"}


def _dispatch_dominates(sight: Sight) -> Iterator[Finding]:
    rows = sight.of(*traces.OVERHEADS)
    if rows["share"].sum() >= DOMINATES:
        parts = ", ".join(f"{row['operation']} {percent(row['share'])}" for row in rows.to_dict("records"))
        compiler = _COMPILERS.get(sight.backend, "") if sight.case.mode == "eager" else ""
        yield sight.finding(
            "dispatch_dominates",
            rows,
            f"{'Most' if rows['share'].sum() > 0.5 else 'Much'} of the step is not computing ({parts})",
            f"put it into {compiler} and use larger batches" if compiler else "use larger batches",
            *((compiler,) if compiler else ()),
            "batch 8 times as large",
        )


def _moved(
    code: str, operation: str, words: str, advice: str, *tried: str
) -> Callable[[Sight], Iterator[Finding]]:
    """A detector of operations that move data and compute nothing."""

    def detect(sight: Sight) -> Iterator[Finding]:
        rows = sight.of(operation)
        if len(rows):
            yield sight.finding(code, rows, words, advice, *tried, calls_a_step=float(rows["calls"].sum()))

    return detect


def _transposes(sight: Sight) -> Iterator[Finding]:
    rows = sight.of(naming.TRANSPOSE)
    if rows.empty:
        return
    advice, tried = "", ()
    if sight.case.data_format == "channels_first":
        advice, tried = "use channels_last", ("channels last",)
    elif sight.compiled:
        advice, *tried = sight.without_xla
    yield sight.finding("transposes", rows, "Tensors are transposed between layouts", advice, *tried)


def _elementwise(sight: Sight) -> Iterator[Finding]:
    rows = sight.of("bias", "activation")
    if rows["share"].sum() >= _NOTICEABLE:
        parts = ", ".join(
            f"{row['name']} {milliseconds(row['seconds'])} ms" for row in rows.to_dict("records")
        )
        has_bias = (rows["operation"] == "bias").any()
        yield sight.finding(
            "elementwise",
            rows,
            f"Bias and activation pass over memory on their own ({parts})",
            "leave the bias out before a batch normalisation, which has one" if has_bias else "",
        )


def _xla_loops_over_groups(sight: Sight) -> Iterator[Finding]:
    rows = sight.kernels
    rows = rows[(rows["groups"] > 1) & (rows["of_limit"] < SLOW)]
    if len(rows):
        groups = int(rows["groups"].max())
        yield sight.finding(
            "xla_group_loop",
            rows,
            f"XLA runs {_listed(rows, implementations=False)} as grouped convolutions of {groups} groups, "
            "one after the other",
            *sight.without_xla,
            conv2d_may_help=True,
            groups=groups,
            instructions=", ".join(rows["name"]),
        )


def _xla_masks_dense_gradient(sight: Sight) -> Iterator[Finding]:
    masks = sight.of(naming.MASK)
    rows = sight.kernels
    rows = rows[(rows["operation"] == DEPTHWISE) & (rows["role"] == WEIGHT_GRADIENT) & (rows["groups"] == 1)]
    if len(masks) and len(rows):
        channels = sight.case.in_channels
        yield sight.finding(
            "xla_masked_gradient",
            rows,
            f"XLA computes the depthwise weight gradient as a full one of {channels} x {channels} channels "
            f"and sets all but its diagonal to zero, {channels} times the multiplications",
            *sight.without_xla,
            instruction=rows.iloc[0]["name"],
            mask=masks.iloc[0]["name"],
        )


def _other_compiler(sight: Sight) -> Iterator[Finding]:
    unasked = sight.compiled and sight.case.mode != "xla" and sight.backend != "jax"
    if not unasked and not sight.otherwise_on:
        return
    here = "XLA compiles it" if sight.compiled else "XLA does not compile it"
    where = f", unlike on {', '.join(sight.otherwise_on)}" if sight.otherwise_on else ", though nobody asked"
    yield sight.finding(
        "other_compiler",
        sight.operations,
        f"{here}{where}",
        "set jit_compile yourself before comparing devices: Keras's default follows the device",
        "XLA off",
        compiled=sight.compiled,
    )


def _unexplained(sight: Sight, explained: frozenset[tuple[str, str]]) -> Iterator[Finding]:
    """Slow kernels that no detector spoke of."""
    rows = sight.kernels
    known = [pair in explained for pair in zip(rows["operation"], rows["role"], strict=True)]
    rows = rows[(rows["of_limit"] < SLOW) & (rows["share"] >= WORTH) & ~np.array(known, dtype=bool)]
    together = rows["overlapped"] > TOGETHER
    for code, some, says in (
        ("overlapped", rows[together], "Beside other operations, so that no time is their own:"),
        (UNEXPLAINED, rows[~together], "Nothing captured explains why so slow:"),
    ):
        if len(some):
            yield sight.finding(code, some, f"{says} {_listed(some)}", "")


_DETECTORS: tuple[Callable[[Sight], Iterator[Finding]], ...] = (
    _more_bytes,
    _generic_kernel,
    _outside_onednn,
    _bound_by_bandwidth,
    _empty_lanes,
    _more_kernels,
    _dispatch_dominates,
    _moved(
        "reorders",
        naming.REORDER,
        "oneDNN reorders weights into blocks and back at every step",
        "larger batches spread it over more images",
        "batch 8 times as large",
    ),
    _transposes,
    _moved(
        "space_to_batch",
        naming.SPACE_TO_BATCH,
        "For the dilation, TensorFlow copies images into batches of smaller ones and back",
        "use strides or larger kernels instead of dilation",
    ),
    _elementwise,
    _xla_loops_over_groups,
    _xla_masks_dense_gradient,
    _other_compiler,
)
