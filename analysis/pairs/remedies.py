"""What was tried against slowness, and what it gained here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.pairs.judging import ControlNoise, Rows, judge_ratios
from analysis.results.tables import Results
from analysis.statistics import verdicts
from analysis.statistics.estimates import Estimate
from analysis.wording import format_number
from bench.contract.cases import ConvCase
from bench.contract.remedies import DENSE_INSTEAD

HELPS, HARMS, NO_HELP, UNDECIDED = "helps", "makes it slower", "does not help", "undecided"
_VERDICTS = {
    verdicts.FASTER: HELPS,
    verdicts.SLOWER: HARMS,
    verdicts.SAME: NO_HELP,
    verdicts.UNDECIDED: UNDECIDED,
}
_COLUMNS = ("name", "case_id", "case", "remedied", "gain", "low", "high", "replicates", "verdict")


def tabulate_remedies(results: Results, comparisons: pd.DataFrame) -> pd.DataFrame:
    """One row a remedy: how many times as fast an image is processed with it.

    ``name``, ``case_id`` of what is slow, ``case`` and ``remedied`` (ConvCases), ``gain`` with ``low``
    and ``high`` of its 95 % interval, ``replicates`` and ``verdict`` (helps, does not help, makes it
    slower, undecided; by the rules of ``verdicts``). Conv2D in the place of a SeparableConv2D that is
    slower is a remedy too: its gain is the ratio in ``comparisons`` (see ``tabulate_pairs``).
    """
    groups = [
        group.to_dict("records")
        for _, group in results.remedies.groupby(
            ["name", results.remedies["case"].map(lambda case: case.id)], sort=False
        )
    ]
    noise = ControlNoise(results.layers)
    noises = [noise.estimate(group[-1]["case"], len(group)) for group in groups]
    scales = [group[-1]["case"].batch / group[-1]["remedied"].batch for group in groups]
    judged = judge_ratios(groups, noises, scales)
    rows = [
        _build_row(group, ratio, verdict.word) for group, (ratio, verdict) in zip(groups, judged, strict=True)
    ]
    rows += [
        _build_dense_instead_row(row)
        for row in comparisons.to_dict("records")
        if row["verdict"] == verdicts.SLOWER
    ]
    found = pd.DataFrame(rows, columns=_COLUMNS)
    return found.sort_values("gain", ascending=False, kind="stable", ignore_index=True)


def describe_gains(names: Iterable[str], case: ConvCase, gains: pd.DataFrame) -> list[str]:
    """What the remedies called ``names`` gained for this very ``case``, as far as ``gains`` has them."""
    wanted = list(names)
    of_case = gains[(gains["case_id"] == case.id) & gains["name"].isin(wanted)]
    return [f"{row['name']} {describe_gain(row)}" for row in of_case.to_dict("records")]


def describe_gain(row: Mapping[str, Any]) -> str:
    """A row of :func:`tabulate_remedies`: ``helps: 3.2 times as fast (3.0 to 3.4) for each image``."""
    gain, low, high = (format_number(row[key]) for key in ("gain", "low", "high"))
    per_image = " for each image" if row["case"].batch != row["remedied"].batch else ""
    return f"{row['verdict']}: {gain} times as fast ({low} to {high}){per_image}"


def _build_row(group: Rows, ratio: Estimate, word: str) -> dict[str, object]:
    newest = group[-1]
    return {
        "name": newest["name"],
        "case_id": newest["case"].id,
        "case": newest["case"],
        "remedied": newest["remedied"],
        "gain": 1 / ratio.value,
        "low": 1 / ratio.high,
        "high": 1 / ratio.low,
        "replicates": len(group),
        "verdict": _VERDICTS[word],
    }


def _build_dense_instead_row(row: dict) -> dict[str, object]:
    return {
        "name": DENSE_INSTEAD,
        "case_id": row["separable_case"].id,
        "case": row["separable_case"],
        "remedied": row["dense_case"],
        "gain": row["ratio"],
        "low": row["low"],
        "high": row["high"],
        "replicates": row["replicates"],
        "verdict": HELPS,
    }
