"""What is around the kernels: dispatch, copies, elementwise operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.reasons.findings import Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.traces import naming
from analysis.traces.attribution import OVERHEADS
from analysis.wording import milliseconds, percent

#: From this share on, what is around the operations is what matters.
DOMINATES = 0.4
#: From this share on, elementwise operations of their own are worth a word.
_NOTICEABLE = 0.1


#: What turns eager calls into one: a remedy's name too (``bench.plan.remedies``). PyTorch has none short of
#: torch.compile, which is a mode of its own.
_COMPILERS = {"tensorflow": "tf.function", "jax": "jax.jit"}


def find_dispatch(sight: TracedLayer) -> Iterator[Finding]:
    rows = sight.of(*OVERHEADS)
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


def make_copy_detector(
    code: str, operation: str, words: str, advice: str, *tried: str
) -> Callable[[TracedLayer], Iterator[Finding]]:
    """A detector of operations that move data and compute nothing."""

    def detect(sight: TracedLayer) -> Iterator[Finding]:
        rows = sight.of(operation)
        if len(rows):
            yield sight.finding(code, rows, words, advice, *tried, calls_a_step=float(rows["calls"].sum()))

    return detect


def find_transposes(sight: TracedLayer) -> Iterator[Finding]:
    rows = sight.of(naming.TRANSPOSE)
    if rows.empty:
        return
    advice, tried = "", ()
    if sight.case.data_format == "channels_first":
        advice, tried = "use channels_last", ("channels last",)
    elif sight.compiled:
        advice, *tried = sight.without_xla
    yield sight.finding("transposes", rows, "Tensors are transposed between layouts", advice, *tried)


def find_elementwise(sight: TracedLayer) -> Iterator[Finding]:
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
