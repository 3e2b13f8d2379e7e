"""Every measured ratio as a product of four factors, and what stands behind them.

With F the FLOPs of a layer, L its least time on this machine's roofline, K its time in kernels and W
its wall time, each factor is the separable layer's over the dense layer's:

    W_s / W_d  =  F_s / F_d  x  (L / F)_s / (L / F)_d  x  (K / L)_s / (K / L)_d  x  (W / K)_s / (W / K)_d
    measured      FLOPs         what hardware allows     how good kernels are      what is outside kernels

The ratio and W come from timing, where nothing is traced; the trace says what share K / W of a step is
in kernels, which drift of the machine between the two passes does not touch. The rest follows, so
that the product is the measured ratio, exactly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.limits import roofline
from analysis.limits.roofline import Ceilings
from analysis.reasons.detectors.find import find_reasons
from analysis.reasons.explanation import NO_CEILINGS, NO_TRACE, Explained, Explanation, Factors
from analysis.reasons.operations import compare_stopwatches, tabulate_operations
from analysis.reasons.traced_layer import TracedLayer
from analysis.results.tables import Results
from analysis.traces.formats.xplane import TraceError
from analysis.traces.step import Trace, read_trace
from bench.contract.cases import ConvCase


def explain_pairs(results: Results, comparisons: pd.DataFrame) -> Explained:
    """Explain every comparison (see ``tabulate_pairs``) whose two layers were traced."""
    devices = roofline.find_ceilings(results.ceilings)
    folders = _folders(results)
    read, problems, reasons = _read(comparisons, folders)
    compiled = {case: trace.compiled for case, trace in read.items()}
    found, missing = [], []
    for row in comparisons.to_dict("records"):
        dense, separable = row["dense_case"], row["separable_case"]
        reason = _why_not(row, devices, folders, reasons, read)
        if reason:
            missing.append({"pair": row["pair"], "direction": row["direction"], "reason": reason})
            continue
        tables = {
            case: tabulate_operations(case, read[case], row[f"{word}_seconds"], devices[case.device])
            for word, case in (("dense", dense), ("separable", separable))
        }
        sights = [
            TracedLayer(
                case,
                tables[case],
                tables[other],
                read[case].compiled,
                tuple(_otherwise_on(case, compiled)),
                read[case].logged,
                str(results.environment.get("onednn")),
                row["verdict"],
                results.environment["backend"],
            )
            for case, other in ((separable, dense), (dense, separable))
        ]
        both = {case.layer: case for case in (dense, separable)}
        found.append(
            Explanation(
                row["pair"],
                row["name"],
                dense,
                separable,
                {dense.layer: row["dense_seconds"], separable.layer: row["separable_seconds"]},
                row["ratio"],
                row["low"],
                row["high"],
                row["verdict"],
                compute_factors(row, read[dense].in_kernels, read[separable].in_kernels),
                pd.concat(tables.values(), ignore_index=True),
                {layer: read[case].accounted for layer, case in both.items()},
                {layer: read[case].accounted_of_untraced for layer, case in both.items()},
                {
                    case.layer: read[case].untraced_step_seconds / row[f"{word}_seconds"]
                    for word, case in (("dense", dense), ("separable", separable))
                },
                tuple(finding for sight in sights for finding in find_reasons(sight)),
                {layer: folders[case.id] for layer, case in both.items()},
            )
        )
    return Explained(
        tuple(sorted(found, key=lambda explanation: -explanation.ratio)),
        pd.DataFrame(missing, columns=["pair", "direction", "reason"]),
        compare_stopwatches([explanation.operations for explanation in found]),
        tuple(problems),
        bool(folders),
    )


def compute_factors(row: Mapping[str, Any], dense_in_kernels: float, separable_in_kernels: float) -> Factors:
    """The factors of a comparison (a row of ``tabulate_pairs``), given the shares of the steps in kernels."""
    flops = row["separable_flops"] / row["dense_flops"]
    limits = row["separable_limit_seconds"] / row["dense_limit_seconds"]
    in_kernels = separable_in_kernels / dense_in_kernels
    return Factors(flops, limits / flops, row["ratio"] * in_kernels / limits, 1 / in_kernels)


def _folders(results: Results) -> dict[str, Path]:
    """Case id -> its newest trace."""
    traced = results.layers[results.layers["trace"].notna()]
    return dict(zip(traced["id"], traced["trace"], strict=True))


def _read(
    comparisons: pd.DataFrame, folders: Mapping[str, Path]
) -> tuple[dict[ConvCase, Trace], list[str], dict[ConvCase, str]]:
    """The traces that can be read, problems with what lies beside them, and why others cannot."""
    read, problems, reasons = {}, [], {}
    for row in comparisons.to_dict("records"):
        for case in (row["dense_case"], row["separable_case"]):
            if case.id not in folders:
                continue
            try:
                read[case] = read_trace(folders[case.id], case)
                problems += read[case].problems
            except TraceError as error:
                reasons[case] = str(error)
    return read, problems, reasons


def _why_not(
    row: Mapping[str, Any],
    devices: Mapping[str, Ceilings],
    folders: Mapping[str, Path],
    reasons: Mapping[ConvCase, str],
    read: Mapping[ConvCase, Trace],
) -> str:
    cases = (row["dense_case"], row["separable_case"])
    untraced = [case.layer for case in cases if case.id not in folders]
    if untraced:
        return f"{NO_TRACE} of {' and '.join(untraced)}"
    for case in cases:
        if case in reasons:
            return reasons[case]
        if case.device not in devices or not devices[case.device].can_judge(case):
            return f"{NO_CEILINGS} for {case.dtype} on {case.device}"
        if not read[case].in_kernels:
            return f"the trace of {case.layer} shows no convolution"
    return ""


def _otherwise_on(case: ConvCase, compiled: Mapping[ConvCase, bool]) -> Iterator[str]:
    """Devices on which the same case met the other compiler."""
    for other, by_xla in compiled.items():
        elsewhere = other.device != case.device and dataclasses.replace(other, device=case.device) == case
        if elsewhere and by_xla != compiled[case]:
            yield other.device
