"""Method and limits: how numbers came about, and what they cannot say."""

from __future__ import annotations

import pandas as pd

from analysis.figures.rendering import Renderer
from analysis.reasons.detectors import thresholds
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.statistics import verdicts


def build_section(study: Study, renderer: Renderer) -> Section:
    return Section(
        key="method",
        title="Method and limits",
        template="method.html.j2",
        content={
            "noise": _find_noise(study.comparisons),
            "controls": int(study.results.layers["control_ratio"].notna().sum()),
            "ceilings": study.ceilings,
            "false_discoveries": verdicts.FALSE_DISCOVERIES,
            "same_within": verdicts.SAME_WITHIN,
            "same_within_of_one_run": verdicts.compute_same_margin(1),
            "slow": thresholds.SLOW,
            "worth": thresholds.WORTH,
        },
        tables={"ceilings": study.results.ceilings},
    )


def _find_noise(comparisons: pd.DataFrame) -> dict[int, tuple[float, float]]:
    """The least and the greatest noise that comparisons were judged by, by their number of runs."""
    if comparisons.empty:
        return {}
    by_runs = comparisons.groupby("replicates")["noise"]
    return {int(runs): (noise.min(), noise.max()) for runs, noise in by_runs}
