"""What could be done about a slow case: the same work, written or run in another way.

A remedy is measured in lock-step with what it replaces. Advice then comes with what it gains here, or
with the fact that it does not help.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.contract.cases import GROUPED, SPLIT, ConvCase, split_parts
from bench.contract.remedies import (
    BFLOAT16,
    CHANNELS_LAST,
    DEPTHWISE_FOR_GROUPED,
    EAGER_COMPILERS,
    LARGER_BATCH,
    SMALLER_KERNEL,
    SPLIT_DEPTH_MULTIPLIER,
    TORCH_COMPILE_OFF,
    XLA_OFF,
)
from bench.plan.comparisons import Comparison


@dataclass(frozen=True)
class Remedy:
    """``remedied`` in the place of ``case``. ``name`` is one of those in :mod:`bench.contract.remedies`."""

    name: str
    case: ConvCase
    remedied: ConvCase

    @property
    def id(self) -> str:
        return f"{self.name.replace(' ', '_')}-{self.case.id}"

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "case": self.case.as_dict(), "remedied": self.remedied.as_dict()}


#: What takes a case to graph mode, by the mode that it leaves and by backend. JAX's graph mode is XLA, and
#: PyTorch's is eager: where nothing would change, there is no remedy.
_TO_GRAPH = {
    "xla": {"tensorflow": XLA_OFF, "torch": TORCH_COMPILE_OFF},
    "eager": EAGER_COMPILERS,
}
#: The shape that every arm starts from, in training.
_CENTRE = ConvCase(layer="separable_conv2d", direction="train")


def list_remedies(comparisons: Iterable[Comparison], every: bool, backend: str) -> list[Remedy]:
    """The remedies for the telling comparisons on ``backend``, each once; for all if ``every`` is true."""
    found: dict[Remedy, None] = {}
    for comparison in comparisons:
        if not (every or comparison.telling):
            continue
        for case in comparison.cases:
            if case.layer == "separable_conv2d":
                found.update(dict.fromkeys(suggest_remedies(case, backend)))
    return list(found)


def suggest_remedies(case: ConvCase, backend: str) -> Iterator[Remedy]:
    """What can be tried in the place of a SeparableConv2D ``case``.

    Conv2D in its place is measured anyway: it is the other layer of the comparison.
    """

    def change(name: str, **changes: Any) -> Remedy:
        return Remedy(name, case, dataclasses.replace(case, **changes))

    to_graph = _TO_GRAPH.get(case.mode, {}).get(backend)
    if to_graph:
        yield change(to_graph, mode="graph")
    if case.dtype == "float16":
        yield change(BFLOAT16, dtype="bfloat16")
    if case.data_format == "channels_first":
        yield change(CHANNELS_LAST, data_format="channels_last")
    if case.batch < 8:
        yield change(LARGER_BATCH, batch=8 * case.batch)
    if case.depth_multiplier > 1:
        yield change(SPLIT_DEPTH_MULTIPLIER, layer=SPLIT)
    if max(case.kernel_size) > 3:
        yield change(SMALLER_KERNEL, kernel_size=tuple(min(side, 3) for side in case.kernel_size))
    if case == _CENTRE:
        depthwise, _ = split_parts(case)
        grouped = dataclasses.replace(depthwise, layer=GROUPED)
        yield Remedy(DEPTHWISE_FOR_GROUPED, grouped, depthwise)
