"""Results that were traced -> their traces, each read once, and why some comparisons cannot be explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.limits.roofline import Ceilings
from analysis.reasons.explanation import NO_CEILINGS, NO_TRACE
from analysis.results.tables import Results
from analysis.traces.line import TraceError
from analysis.traces.step import Trace, read_trace
from bench.contract.cases import ConvCase


@dataclass(frozen=True)
class CaseTraces:
    """The traces behind some comparisons."""

    #: Case id -> the folder of its newest trace.
    folders: Mapping[str, Path]
    #: The traces that could be read.
    by_case: Mapping[ConvCase, Trace]
    #: Why the others could not be read.
    unreadable: Mapping[ConvCase, str]
    #: A sentence for each file beside a trace that could not be read.
    problems: tuple[str, ...]

    def find_other_compiler(self, case: ConvCase) -> tuple[str, ...]:
        """Devices on which XLA compiled the same case if it did not here, or did not if it did here."""
        compiled = self.by_case[case].compiled
        return tuple(
            other.device
            for other, trace in self.by_case.items()
            if other.device != case.device
            and dataclasses.replace(other, device=case.device) == case
            and trace.compiled != compiled
        )


def read_traces(results: Results, comparisons: pd.DataFrame) -> CaseTraces:
    """Read the traces of both layers of every comparison (see ``tabulate_pairs``)."""
    traced = results.layers[results.layers["trace"].notna()]
    folders = dict(zip(traced["id"], traced["trace"], strict=True))
    by_case: dict[ConvCase, Trace] = {}
    unreadable: dict[ConvCase, str] = {}
    problems: list[str] = []
    for row in comparisons.to_dict("records"):
        for case in (row["dense_case"], row["separable_case"]):
            if case.id not in folders:
                continue
            try:
                by_case[case] = read_trace(folders[case.id], case)
                problems += by_case[case].problems
            except TraceError as error:
                unreadable[case] = str(error)
    return CaseTraces(folders=folders, by_case=by_case, unreadable=unreadable, problems=tuple(problems))


def find_obstacle(row: Mapping[str, Any], traces: CaseTraces, ceilings: Mapping[str, Ceilings]) -> str:
    """Why a comparison (a row of ``tabulate_pairs``) cannot be explained; empty where it can.

    ``ceilings`` are by device.
    """
    cases = (row["dense_case"], row["separable_case"])
    untraced = [case.layer for case in cases if case.id not in traces.folders]
    if untraced:
        return f"{NO_TRACE} of {' and '.join(untraced)}"
    for case in cases:
        if case in traces.unreadable:
            return traces.unreadable[case]
        if case.device not in ceilings or not ceilings[case.device].can_judge(case):
            return f"{NO_CEILINGS} for {case.dtype} on {case.device}"
        if not traces.by_case[case].in_kernels:
            return f"the trace of {case.layer} shows no convolution"
    return ""
