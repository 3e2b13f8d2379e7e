"""What XLA makes of a layer."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.reasons.detectors.thresholds import SLOW
from analysis.reasons.detectors.words import name_kernels
from analysis.reasons.findings import Advice, Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.traces.naming import MASK
from bench.contract.kernels import DEPTHWISE, WEIGHT_GRADIENT
from bench.contract.remedies import XLA_OFF


def find_group_loops(layer: TracedLayer) -> Iterator[Finding]:
    """A depthwise convolution is compiled as one of many groups, which run one after the other."""
    rows = layer.kernels
    rows = rows[(rows["groups"] > 1) & (rows["of_limit"] < SLOW)]
    if len(rows):
        groups = int(rows["groups"].max())
        yield layer.make_finding(
            "xla_group_loop",
            rows,
            f"XLA runs {name_kernels(rows, implementations=False)} as grouped convolutions of {groups} "
            "groups, one after the other",
            layer.without_xla,
            dense_may_help=True,
            evidence={"groups": groups, "instructions": ", ".join(rows["name"])},
        )


def find_masked_gradients(layer: TracedLayer) -> Iterator[Finding]:
    """A depthwise weight gradient is computed as a dense one, of which only a diagonal is kept."""
    masks = layer.select(MASK)
    rows = layer.kernels
    rows = rows[(rows["operation"] == DEPTHWISE) & (rows["role"] == WEIGHT_GRADIENT) & (rows["groups"] == 1)]
    if len(masks) and len(rows):
        channels = layer.case.in_channels
        yield layer.make_finding(
            "xla_masked_gradient",
            rows,
            f"XLA computes the depthwise weight gradient as a full one of {channels} x {channels} channels "
            f"and sets all but its diagonal to zero, {channels} times the multiplications",
            layer.without_xla,
            evidence={"instruction": rows.iloc[0]["name"], "mask": masks.iloc[0]["name"]},
        )


def find_other_compiler(layer: TracedLayer) -> Iterator[Finding]:
    """XLA compiles it although nobody asked, or compiles it on one device and not on another."""
    unasked = layer.compiled and layer.case.mode != "xla" and layer.backend != "jax"
    if not unasked and not layer.otherwise_on:
        return
    here = "XLA compiles it" if layer.compiled else "XLA does not compile it"
    where = f", unlike on {', '.join(layer.otherwise_on)}" if layer.otherwise_on else ", though nobody asked"
    yield layer.make_finding(
        "other_compiler",
        layer.operations,
        f"{here}{where}",
        Advice(
            "set jit_compile yourself before comparing devices: Keras's default follows the device",
            (XLA_OFF,),
        ),
        evidence={"compiled": layer.compiled},
    )
