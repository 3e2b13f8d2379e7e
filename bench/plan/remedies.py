"""What could be done about a slow case: the same work, written or run in another way.

A remedy is measured in lock-step with what it replaces, so that advice comes with what it gains
here, or with the fact that it does not help.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.contract.cases import GROUPED, SPLIT, ConvCase, split_parts
from bench.plan.comparisons import Comparison


@dataclass(frozen=True)
class Remedy:
    """``remedied`` in the place of ``case``. ``name`` says what is done, in words."""

    name: str
    case: ConvCase
    remedied: ConvCase

    @property
    def id(self) -> str:
        return f"{self.name.replace(' ', '_')}-{self.case.id}"

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "case": self.case.as_dict(), "remedied": self.remedied.as_dict()}


#: What takes a case to graph mode, by backend, from mode xla and from eager. JAX's graph mode is XLA, and
#: PyTorch's is eager: where nothing changes, there is no remedy.
_TO_GRAPH = {
    "tensorflow": {"xla": "XLA off", "eager": "tf.function"},
    "jax": {"eager": "jax.jit"},
    "torch": {"xla": "torch.compile off"},
}


def list_remedies(comparisons: Iterable[Comparison], every: bool, backend: str) -> list[Remedy]:
    """The remedies of the telling comparisons, or of ``every`` one, on a backend; each once."""
    return list(
        dict.fromkeys(
            remedy
            for comparison in comparisons
            if every or comparison.telling
            for case in comparison.cases
            if case.layer == "separable_conv2d"
            for remedy in suggest_remedies(case, backend)
        )
    )


def suggest_remedies(case: ConvCase, backend: str) -> Iterator[Remedy]:
    """What can be tried in the place of a SeparableConv2D ``case``.

    Conv2D in its place is measured anyway: it is the other layer of the comparison. Larger batches and
    3x3 kernels compute something else; they say what the same layer gains where that is acceptable.
    """

    def instead(name: str, **changes: Any) -> Remedy:
        return Remedy(name, case, dataclasses.replace(case, **changes))

    to_graph = _TO_GRAPH.get(backend, {}).get(case.mode)
    if to_graph:
        yield instead(to_graph, mode="graph")
    if case.dtype == "float16":
        yield instead("bfloat16", dtype="bfloat16")
    if case.data_format == "channels_first":
        yield instead("channels last", data_format="channels_last")
    if case.batch < 8:
        yield instead("batch 8 times as large", batch=8 * case.batch)
    if case.depth_multiplier > 1:
        yield instead("split depth multiplier", layer=SPLIT)
    if max(case.kernel_size) > 3:
        yield instead("3x3 kernel", kernel_size=tuple(min(side, 3) for side in case.kernel_size))
    if case == _CENTRE:
        depthwise, _ = split_parts(case)
        grouped = dataclasses.replace(depthwise, layer=GROUPED)
        yield Remedy("DepthwiseConv2D for grouped Conv2D", grouped, depthwise)


#: The shape that every arm starts from, in training.
_CENTRE = ConvCase(layer="separable_conv2d", direction="train")
