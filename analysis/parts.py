"""Do the two parts of a separable layer, measured alone, add up to it?"""

from __future__ import annotations

import pandas as pd

from analysis.results import Results
from bench.cases import parts_of


def table(results: Results) -> pd.DataFrame:
    """One row a SeparableConv2D whose parts were measured too.

    ``separable_seconds``, ``depthwise_seconds``, ``pointwise_seconds`` are medians over the runs,
    ``parts_over_whole`` is their sum over the whole: above 1, each part pays for a call of its own.
    """
    seconds = results.layers.groupby("id", sort=False)["seconds"].median()
    cases = results.layers.drop_duplicates("id").set_index("id")["case"]
    rows = []
    for id_, case in cases.items():
        if case.layer != "separable_conv2d":
            continue
        depthwise, pointwise = (part.id for part in parts_of(case))
        if depthwise in seconds.index and pointwise in seconds.index:
            rows.append(
                {
                    "pair": case.comparison,
                    "shape": case.shape,
                    "direction": case.direction,
                    "mode": case.mode,
                    "separable_seconds": seconds[id_],
                    "depthwise_seconds": seconds[depthwise],
                    "pointwise_seconds": seconds[pointwise],
                    "parts_over_whole": (seconds[depthwise] + seconds[pointwise]) / seconds[id_],
                }
            )
    columns = ("pair", "shape", "direction", "mode", "separable_seconds", "depthwise_seconds")
    table = pd.DataFrame(rows, columns=[*columns, "pointwise_seconds", "parts_over_whole"])
    return table.sort_values("parts_over_whole", ascending=False, kind="stable", ignore_index=True)
