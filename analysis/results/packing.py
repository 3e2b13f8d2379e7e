"""Many runs in one small file, to be kept or sent: what no command reads is left out.

Left out are every single round, the samples of turns that no other run shared, and pytest-benchmark's own
description of the machine. Samples of turns that others shared stay, with seven significant digits: the clock
counts nanoseconds, which is one digit less for a call of a millisecond. So do those of whole networks, whose
time has an interval. The ratios of these turns are left out, as they follow from them. All else stays as it
was measured.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any

from analysis.results.loading import SavedRun, keep_each_once

_DIGITS = 7
_KEPT_STATS = ("min", "q1", "median", "q3", "max", "mean", "stddev", "rounds", "iterations")


def pack_runs(runs: Iterable[SavedRun]) -> bytes:
    """The content of a ``.jsonl.gz`` file with ``runs``, a line each, in the order of their dates.

    The same runs give the same bytes. A run that is given twice is packed once, from the file that holds most
    of it.
    """
    kept, _ = keep_each_once(runs)
    in_order = sorted(kept, key=lambda run: (run.content["datetime"], run.identity))
    lines = [json.dumps(_shorten(run), separators=(",", ":"), allow_nan=False) for run in in_order]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def _shorten(run: SavedRun) -> dict[str, Any]:
    machine = run.content["machine_info"]
    refused = run.content.get("refused_networks")
    return {
        "machine_info": {
            # An older run is known by a digest of its samples, some of which are left out here.
            "identity": run.identity,
            "environment": machine["environment"],
            "run": machine.get("run", {}),
        },
        "datetime": run.content["datetime"],
        "benchmarks": [_shorten_row(row) for row in run.content["benchmarks"]],
        "not_measured": run.content.get("not_measured", []),
        # Runs without any are packed as ever.
        **({"refused_networks": refused} if refused else {}),
    }


def _shorten_row(row: Mapping[str, Any]) -> dict[str, Any]:
    info = dict(row["extra_info"])
    turns = info.get("turns") or {}
    if turns.get("together") or (turns and "network" in info):
        info["turns"] = {**turns, "seconds": [_round(value) for value in turns["seconds"]]}
        if info.get("paired"):
            info["paired"] = _without_ratios(info["paired"])
    else:
        info.pop("turns", None)
    if info.get("control"):
        info["control"] = _without_ratios(info["control"])
    return {
        "name": row["name"],
        "fullname": row["fullname"],
        "stats": {name: row["stats"][name] for name in _KEPT_STATS if name in row["stats"]},
        "extra_info": info,
    }


def _without_ratios(paired: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in paired.items() if name != "ratios"}


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
