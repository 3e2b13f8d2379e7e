"""More work than Conv2D has: more kernels, more bytes."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.limits.cost import INPUT_GRADIENT, POINTWISE
from analysis.limits.roofline import BANDWIDTH
from analysis.reasons.findings import Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.wording import milliseconds, number

#: Ceilings are no truer than this.
_CEILING_NOISE = 0.1


def find_more_bytes(sight: TracedLayer) -> Iterator[Finding]:
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


def find_more_kernels(sight: TracedLayer) -> Iterator[Finding]:
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
