"""What to look for in a traced layer, and how to tell it.

A detector speaks only where the evidence is there: the operation in the trace, the implementation in
oneDNN's log, the instruction in XLA's program. Slow kernels that no detector speaks of are
*unexplained*, with their time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from analysis.reasons.detectors.amount import find_more_bytes, find_more_kernels
from analysis.reasons.detectors.around import (
    find_dispatch,
    find_elementwise,
    find_transposes,
    make_copy_detector,
)
from analysis.reasons.detectors.kernels import (
    find_bandwidth_bound,
    find_empty_lanes,
    find_generic_kernels,
    find_outside_onednn,
)
from analysis.reasons.detectors.words import SLOW, TOGETHER, name_kernels
from analysis.reasons.detectors.xla import find_group_loops, find_masked_gradients, find_other_compiler
from analysis.reasons.findings import UNEXPLAINED, Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.traces import naming

#: What is under this share of a step is no finding.
WORTH = 0.05


def find_reasons(sight: TracedLayer) -> tuple[Finding, ...]:
    """What explains the time of one layer, most important first."""
    found = [finding for detector in _DETECTORS for finding in detector(sight) if finding.share >= WORTH]
    explained = frozenset().union(*(finding.kernels for finding in found))
    found += find_unexplained(sight, explained)
    return tuple(sorted(found, key=lambda finding: -finding.seconds))


def find_unexplained(sight: TracedLayer, explained: frozenset[tuple[str, str]]) -> Iterator[Finding]:
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
            yield sight.finding(code, some, f"{says} {name_kernels(some)}", "")


_DETECTORS: tuple[Callable[[TracedLayer], Iterator[Finding]], ...] = (
    find_more_bytes,
    find_generic_kernels,
    find_outside_onednn,
    find_bandwidth_bound,
    find_empty_lanes,
    find_more_kernels,
    find_dispatch,
    make_copy_detector(
        "reorders",
        naming.REORDER,
        "oneDNN reorders weights into blocks and back at every step",
        "larger batches spread it over more images",
        "batch 8 times as large",
    ),
    find_transposes,
    make_copy_detector(
        "space_to_batch",
        naming.SPACE_TO_BATCH,
        "For the dilation, TensorFlow copies images into batches of smaller ones and back",
        "use strides or larger kernels instead of dilation",
    ),
    find_elementwise,
    find_group_loops,
    find_masked_gradients,
    find_other_compiler,
)
