"""More work than the dense layer has: more kernels, more bytes."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.limits.roofline import BANDWIDTH
from analysis.reasons.findings import Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.wording import LAYER_NAMES, format_milliseconds, format_number
from bench.contract.kernels import INPUT_GRADIENT, POINTWISE

#: Ceilings are no truer than this.
_CEILING_NOISE = 0.1


def find_more_bytes(layer: TracedLayer) -> Iterator[Finding]:
    """As two separate kernels, even perfect ones, it would be the slower layer, as it moves more bytes."""
    own, dense = layer.kernels, layer.counterpart_kernels
    least, dense_least = own["limit_seconds"].sum(), dense["limit_seconds"].sum()
    must_be_slower = least > (1 + _CEILING_NOISE) * dense_least > 0
    waiting = own.loc[own["bound_by"] == BANDWIDTH, "limit_seconds"].sum()
    if not layer.case.is_separable or not must_be_slower or waiting < least / 2:
        return
    moved, dense_moved = own["bytes"].sum(), dense["bytes"].sum()
    yield layer.make_finding(
        "more_bytes",
        own,
        f"Perfect kernels, each by itself, would still take {format_number(least / dense_least)} times as "
        f"long as {layer.dense_name}'s ({format_milliseconds(least)} against "
        f"{format_milliseconds(dense_least)} ms at least), since they move "
        f"{format_number(moved / dense_moved)} times the bytes ({moved / 1e6:.3g} against "
        f"{dense_moved / 1e6:.3g} MB); its kernels take",
        dense_may_help=True,
        # That it must be slower does not say why a kernel is slower still.
        explains=own.iloc[:0],
        evidence={
            "bytes": float(moved),
            "dense_bytes": float(dense_moved),
            "limit_seconds": float(least),
            "dense_limit_seconds": float(dense_least),
        },
    )


def find_more_kernels(layer: TracedLayer) -> Iterator[Finding]:
    """A first layer trains with 2 kernels when dense and with 5 when separable."""
    if not layer.case.is_separable or layer.case.input_gradient:
        return
    own, dense = layer.kernels, layer.counterpart_kernels
    extra = own[(own["operation"] == POINTWISE) & (own["role"] == INPUT_GRADIENT)]
    if len(own) > 2 * len(dense) and len(extra):
        yield layer.make_finding(
            "more_kernels",
            extra,
            f"A first layer needs no input gradient, so {layer.dense_name} runs {len(dense)} "
            f"kernel{'s' * (len(dense) > 1)} and {LAYER_NAMES[layer.case.layer]} {len(own)}: the depthwise "
            "weights lie behind the pointwise input gradient",
            dense_may_help=True,
            evidence={"kernels_run": len(own), "dense_kernels_run": len(dense)},
        )
