"""Explanations of a traced comparison, some of whose kernels were tested, with known sums."""

import dataclasses

import pandas as pd

from analysis.pairs.table import tabulate_pairs
from analysis.reasons.causes.parts import (
    COLD_DATA,
    EMPTY_LANES,
    FIXED_COST,
    IMPLEMENTATION,
    KERNEL_CEILING,
    LARGE_DATA,
    THREADS,
    Cause,
)
from analysis.reasons.explaining import explain_pairs
from analysis.reasons.explanation import Explained
from analysis.results.loading import load_results
from analysis.results.tables import Results

#: (layer, operation, role) -> what part of what it takes above its least time is lost to which cause.
TESTED = {
    ("conv2d", "dense", "weight_gradient"): {FIXED_COST: 0.3, KERNEL_CEILING: 0.6},
    ("separable_conv2d", "depthwise", "forward"): {THREADS: 0.25, KERNEL_CEILING: 0.5},
    ("separable_conv2d", "depthwise", "weight_gradient"): {
        COLD_DATA: 0.1,
        FIXED_COST: 0.2,
        THREADS: 0.1,
        LARGE_DATA: 0.02,
        EMPTY_LANES: 0.18,
        IMPLEMENTATION: 0.3,
        KERNEL_CEILING: 0.05,
    },
    ("separable_conv2d", "pointwise", "forward"): {},
}
#: Of its time, the least that a tested kernel could take.
LEAST = 0.2


def explain(results: Results, tested=TESTED, controls=(1, 24)) -> Explained:
    """What is explained of ``results``, as if the kernels in ``tested`` had been tested."""
    found = explain_pairs(results, tabulate_pairs(results))
    pairs = tuple(_add_sums(one, tested) for one in found.pairs)
    return dataclasses.replace(found, pairs=pairs, controls=controls)


def explain_file(file, tested=TESTED, controls=(1, 24)) -> Explained:
    return explain(load_results([file]), tested, controls)


def _add_sums(explanation, tested):
    rows = [_add_sum(row, tested) for row in explanation.operations.to_dict("records")]
    return dataclasses.replace(explanation, operations=pd.DataFrame(rows))


def _add_sum(row, tested):
    parts = tested.get((row["layer"], row["operation"], row["role"]))
    if parts is None:
        return row
    gap = (1 - LEAST) * row["seconds"]
    causes = tuple(
        Cause(code, part * gap, (0.8 * part * gap, 1.1 * part * gap), {"tried": 1})
        for code, part in parts.items()
    )
    left = gap - sum(cause.seconds for cause in causes)
    return {
        **row,
        "limit_seconds": LEAST * row["seconds"],
        "of_limit": LEAST,
        "causes": causes,
        "remainder_seconds": left,
        "remainder_interval": (0.5 * left, 1.5 * left),
        "tried": {},
    }
