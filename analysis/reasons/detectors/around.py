"""What is around the kernels: dispatch, copies, elementwise operations."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.reasons.detectors.advice import ADVICE
from analysis.reasons.findings import NO_ADVICE, Advice, Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.traces.naming import REORDER, SPACE_TO_BATCH, TRANSPOSE
from analysis.traces.overheads import OVERHEADS
from analysis.wording import format_milliseconds, format_percent
from bench.contract.remedies import CHANNELS_LAST, EAGER_COMPILERS, LARGER_BATCH

#: From this share on, what is around the operations is what matters.
_DOMINATES = 0.4
#: From this share on, elementwise operations of their own are worth a word.
_NOTICEABLE = 0.1


def find_dispatch(layer: TracedLayer) -> Iterator[Finding]:
    """Much of the step is in no operation."""
    rows = layer.select(*OVERHEADS)
    share = rows["share"].sum()
    if share >= _DOMINATES:
        parts = ", ".join(
            f"{row['operation']} {format_percent(row['share'])}" for row in rows.to_dict("records")
        )
        yield layer.make_finding(
            "dispatch_dominates",
            rows,
            f"{'Most' if share > 0.5 else 'Much'} of the step is not computing ({parts})",
            _advise_on_dispatch(layer),
        )


def _advise_on_dispatch(layer: TracedLayer) -> Advice:
    if layer.case.mode == "eager" and layer.backend in EAGER_COMPILERS:
        compiler = EAGER_COMPILERS[layer.backend]
        return Advice(f"put it into {compiler} and use larger batches", (compiler, LARGER_BATCH))
    return Advice("use larger batches", (LARGER_BATCH,))


def find_reorders(layer: TracedLayer) -> Iterator[Finding]:
    """oneDNN copies weights between plain order and its own."""
    rows = layer.select(REORDER)
    if len(rows):
        yield layer.make_finding(
            "reorders",
            rows,
            "oneDNN reorders weights into blocks and back at every step",
            ADVICE[LARGER_BATCH],
            evidence={"calls_a_step": float(rows["calls"].sum())},
        )


def find_space_to_batch(layer: TracedLayer) -> Iterator[Finding]:
    """TensorFlow computes a dilated convolution on rearranged images."""
    rows = layer.select(SPACE_TO_BATCH)
    if len(rows):
        yield layer.make_finding(
            "space_to_batch",
            rows,
            "For the dilation, TensorFlow copies images into batches of smaller ones and back",
            Advice("use strides or larger kernels instead of dilation"),
            evidence={"calls_a_step": float(rows["calls"].sum())},
        )


def find_transposes(layer: TracedLayer) -> Iterator[Finding]:
    """Tensors are copied from one order of their axes to another."""
    rows = layer.select(TRANSPOSE)
    if rows.empty:
        return
    advice = NO_ADVICE
    if layer.case.data_format == "channels_first":
        advice = ADVICE[CHANNELS_LAST]
    elif layer.compiled:
        advice = layer.without_xla
    yield layer.make_finding("transposes", rows, "Tensors are transposed between layouts", advice)


def find_elementwise(layer: TracedLayer) -> Iterator[Finding]:
    """Bias and activation are operations of their own, not part of a convolution."""
    rows = layer.select("bias", "activation")
    if rows["share"].sum() >= _NOTICEABLE:
        parts = ", ".join(
            f"{row['name']} {format_milliseconds(row['seconds'])} ms" for row in rows.to_dict("records")
        )
        has_bias = (rows["operation"] == "bias").any()
        without_bias = Advice("leave the bias out before a batch normalisation, which has one")
        yield layer.make_finding(
            "elementwise",
            rows,
            f"Bias and activation pass over memory on their own ({parts})",
            without_bias if has_bias else NO_ADVICE,
        )
