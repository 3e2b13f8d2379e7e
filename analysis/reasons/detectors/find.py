"""A traced layer -> the findings of all detectors, and what none of them explains."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from analysis.reasons.detectors.amount import find_more_bytes, find_more_kernels
from analysis.reasons.detectors.around import (
    find_dispatch,
    find_elementwise,
    find_reorders,
    find_space_to_batch,
    find_transposes,
)
from analysis.reasons.detectors.kernels import (
    find_bandwidth_bound,
    find_empty_lanes,
    find_generic_kernels,
    find_outside_onednn,
)
from analysis.reasons.detectors.tested import find_left, find_tested
from analysis.reasons.detectors.thresholds import SLOW, TOGETHER, WORTH
from analysis.reasons.detectors.words import describe_refusals, name_kernels
from analysis.reasons.detectors.xla import find_group_loops, find_masked_gradients, find_other_compiler
from analysis.reasons.findings import OVERLAPPED, UNEXPLAINED, Finding
from analysis.reasons.traced_layer import TracedLayer

#: Findings that take the same time come in this order.
DETECTORS: tuple[Callable[[TracedLayer], Iterator[Finding]], ...] = (
    find_more_bytes,
    find_tested,
    find_generic_kernels,
    find_outside_onednn,
    find_bandwidth_bound,
    find_empty_lanes,
    find_more_kernels,
    find_dispatch,
    find_reorders,
    find_transposes,
    find_space_to_batch,
    find_elementwise,
    find_group_loops,
    find_masked_gradients,
    find_other_compiler,
)


def find_reasons(layer: TracedLayer) -> tuple[Finding, ...]:
    """What explains the time of one layer, most important first; then what nothing explains."""
    found = [finding for detect in DETECTORS for finding in detect(layer) if finding.share >= WORTH]
    explained = {kernel for finding in found for kernel in finding.kernels}
    found += find_unexplained(layer, explained)
    found += find_left(layer)
    return tuple(sorted(found, key=lambda finding: -finding.seconds))


def find_unexplained(layer: TracedLayer, explained: set[tuple[str, str]]) -> Iterator[Finding]:
    """Slow kernels that were not tested and that no detector spoke of.

    ``explained`` are those that some detector spoke of: (operation, role).
    """
    rows = layer.untested_kernels
    identities = zip(rows["operation"], rows["role"], strict=True)
    is_unknown = np.array([kernel not in explained for kernel in identities], dtype=bool)
    rows = rows[(rows["of_limit"] < SLOW) & (rows["share"] >= WORTH) & is_unknown]
    together = rows["overlapped"] > TOGETHER
    beside_others, alone = rows[together], rows[~together]
    if len(beside_others):
        says = f"Beside other operations, so that no time is their own: {name_kernels(beside_others)}"
        yield layer.make_finding(OVERLAPPED, beside_others, says)
    if len(alone):
        says = f"Nothing captured explains why so slow: {name_kernels(alone)}{describe_refusals(alone)}"
        yield layer.make_finding(UNEXPLAINED, alone, says)
