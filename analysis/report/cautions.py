"""What a reader must know before believing any number."""

from __future__ import annotations

from analysis.results.tables import Results
from bench.contract.thresholds import BUSY_SHARE


def list_cautions(results: Results) -> list[str]:
    """A sentence for each reason to doubt what was measured; none where all went well."""
    return [*results.notes, *_list_busy_runs(results), *_list_doubtful(results), *_list_unchecked(results)]


def _list_busy_runs(results: Results) -> list[str]:
    busy = [run.environment.get("busy_at_start") or 0.0 for run in results.runs]
    disturbed = [share for share in busy if share > BUSY_SHARE]
    if not disturbed:
        return []
    return [
        f"{len(disturbed)} of {len(busy)} runs began while others used up to {max(disturbed):.0%} of the "
        "processor: repeat them on an idle machine."
    ]


def _list_doubtful(results: Results) -> list[str]:
    """Measurements that did not settle or were disturbed, with their numbers."""
    layers = results.layers
    doubtful = {
        "had not settled when timing began": ~layers["settled"].astype(bool),
        "lost processor time to other guests of the host, or were on a GPU that was held back": layers[
            "contaminated"
        ].astype(bool),
    }
    return [
        f"{int(are_so.sum())} of {len(layers)} measurements {words}."
        for words, are_so in doubtful.items()
        if are_so.any()
    ]


def _list_unchecked(results: Results) -> list[str]:
    return [
        f"{len(unchecked)} of {len(results.layers)} measurements were not held against NumPy: {reason}."
        for reason, unchecked in results.layers.groupby("unchecked")
    ]
