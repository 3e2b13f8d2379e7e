"""Warnings to the person who measures: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.contract.thresholds import BUSY_SHARE

UNSETTLED, CONTAMINATED, FEW_ROUNDS = "unsettled", "contaminated", "few rounds"

#: With fewer rounds than this no interval of the median reaches 95 %.
ENOUGH_ROUNDS = 6

_OF_CASES = {
    UNSETTLED: "still got faster when timing began: their times may be too high; repeat them alone with -k",
    CONTAMINATED: "lost over 5 % of the processor to other guests of the host, or of the time to a GPU that "
    "heat or power held back: trust ratios, not times",
    FEW_ROUNDS: f"had fewer than {ENOUGH_ROUNDS} rounds: raise --benchmark-min-rounds to reach 95 %",
}


def warn_of_machine(environment: Mapping[str, Any]) -> list[str]:
    """What about this machine makes measuring hard."""
    found = []
    busy = environment["busy_at_start"]
    if busy > BUSY_SHARE:
        found.append(f"others use {busy:.0%} of the processor: stop other work and start again")
    if environment["frequency_governor"] in ("powersave", "conservative", "ondemand"):
        found.append(
            f"the CPU frequency governor is {environment['frequency_governor']!r}: "
            "set it to 'performance' (cpupower frequency-set -g performance)"
        )
    if environment["turbo"] == "on":
        found.append("turbo is on, clocks follow heat and load: switch it off to compare absolute times")
    if environment["throttled"]:
        found.append(
            "the CPU has throttled since it started: cool it, or expect slower times late in the run"
        )
    if environment["onednn"] == "unknown":
        found.append("oneDNN did not answer in a child process: its version and instruction set are missing")
    return found


def warn_of_cases(cases: Mapping[str, list[str]]) -> list[str]:
    """One sentence for each reason in ``cases``, which maps reasons to case ids."""
    return [
        f"{len(ids)} case{'s' * (len(ids) > 1)} {_OF_CASES[reason]} (such as {ids[0]})"
        for reason, ids in cases.items()
        if ids
    ]
