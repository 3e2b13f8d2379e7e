"""How right the verdicts are on a machine: where nothing changed, and where a known change was made.

``bench.campaign`` measures equal environments for the first, and one whose cases burn a known share of extra
time (``bench.faults``) for the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import verdicts
from analysis.compare import Compared

#: So many times the smallest detectable change is what must be found.
_TIMES = 2


def same(comparisons: Sequence[Compared]) -> pd.DataFrame:
    """One row a comparison of equal environments.

    ``cases``, each verdict's count, ``false`` (the share that is called slower or faster) and ``detectable``
    (the median smallest change that would have been called one).
    """
    rows = []
    for compared in comparisons:
        counts = compared.counts()
        false = counts[verdicts.SLOWER] + counts[verdicts.FASTER]
        rows.append(
            {
                "cases": len(compared.cases),
                **counts,
                "false": false / len(compared.cases),
                "detectable": float(compared.cases["detectable"].median()),
            }
        )
    return pd.DataFrame(rows)


def faults(compared: Compared, parts: int) -> list[dict[str, Mapping[str, Any]]]:
    """Slowdowns to inject, as ``bench.faults`` reads them: each part of the cases in a file of its own.

    Each case is slowed down by twice what was detectable for it where nothing changed.
    """
    cases = compared.cases.sort_values("id").reset_index(drop=True)
    return [
        {row["id"]: {"slowdown": _TIMES * row["detectable"]} for row in cases[part::parts].to_dict("records")}
        for part in range(parts)
    ]


def slowed(comparisons: Sequence[tuple[Compared, Mapping[str, Mapping[str, Any]]]]) -> pd.DataFrame:
    """One row a comparison with a slowed environment: ``slowed`` cases and those ``found`` to be slower; the
    ``others``, and those among them that are called slower or faster: ``false``.
    """
    rows = []
    for compared, injected in comparisons:
        cases = compared.cases
        is_slowed = cases["id"].isin(list(injected))
        called = cases["verdict"].isin([verdicts.SLOWER, verdicts.FASTER])
        rows.append(
            {
                "slowed": int(is_slowed.sum()),
                "found": int((is_slowed & (cases["verdict"] == verdicts.SLOWER)).sum()),
                "others": int((~is_slowed).sum()),
                "false": int((~is_slowed & called).sum()),
            }
        )
    return pd.DataFrame(rows)
