"""Do the two parts of a separable layer, measured alone, add up to it?"""

from __future__ import annotations

import pandas as pd

from analysis.limits import roofline
from analysis.results.tables import Results
from bench.contract.cases import split_parts

_COLUMNS = (
    "pair",
    "shape",
    "direction",
    "mode",
    "separable_seconds",
    "depthwise_seconds",
    "depthwise_of_limit",
    "pointwise_seconds",
    "pointwise_of_limit",
    "parts_over_whole",
)


def tabulate_parts(results: Results) -> pd.DataFrame:
    """One row a SeparableConv2D whose parts were measured too, in the same run.

    ``separable_seconds``, ``depthwise_seconds``, ``pointwise_seconds`` are medians over the runs, the
    parts' ``_of_limit`` is theirs alone (see ``roofline.limit_layers``), and ``parts_over_whole`` is their
    sum over the whole: above 1, each part pays for a call of its own.
    """
    layers = roofline.limit_layers(results)
    measured = layers.groupby("id", sort=False)[["seconds", "of_limit"]].median()
    cases = results.layers.drop_duplicates("id").set_index("id")["case"]
    rows = []
    for id_, case in cases.items():
        if case.layer != "separable_conv2d":
            continue
        depthwise_case, pointwise_case = split_parts(case)
        depthwise, pointwise = depthwise_case.id, pointwise_case.id
        if depthwise in measured.index and pointwise in measured.index:
            seconds = measured["seconds"]
            rows.append(
                {
                    "pair": case.comparison,
                    "shape": case.shape,
                    "direction": case.direction,
                    "mode": case.mode,
                    "separable_seconds": seconds[id_],
                    "depthwise_seconds": seconds[depthwise],
                    "depthwise_of_limit": measured["of_limit"][depthwise],
                    "pointwise_seconds": seconds[pointwise],
                    "pointwise_of_limit": measured["of_limit"][pointwise],
                    "parts_over_whole": (seconds[depthwise] + seconds[pointwise]) / seconds[id_],
                }
            )
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.sort_values("parts_over_whole", ascending=False, kind="stable", ignore_index=True)
