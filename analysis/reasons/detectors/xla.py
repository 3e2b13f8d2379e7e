"""What XLA makes of a separable layer."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.limits.cost import DEPTHWISE, WEIGHT_GRADIENT
from analysis.reasons.detectors.words import SLOW, name_kernels
from analysis.reasons.findings import Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.traces import naming


def find_group_loops(sight: TracedLayer) -> Iterator[Finding]:
    rows = sight.kernels
    rows = rows[(rows["groups"] > 1) & (rows["of_limit"] < SLOW)]
    if len(rows):
        groups = int(rows["groups"].max())
        yield sight.finding(
            "xla_group_loop",
            rows,
            f"XLA runs {name_kernels(rows, implementations=False)} as grouped convolutions of {groups} groups, "
            "one after the other",
            *sight.without_xla,
            conv2d_may_help=True,
            groups=groups,
            instructions=", ".join(rows["name"]),
        )


def find_masked_gradients(sight: TracedLayer) -> Iterator[Finding]:
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


def find_other_compiler(sight: TracedLayer) -> Iterator[Finding]:
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
