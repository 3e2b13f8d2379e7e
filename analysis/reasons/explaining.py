"""Every measured ratio as a product of four factors, and what stands behind them.

With F the FLOPs of a layer, L its least time on this machine's roofline, K its time in kernels and W
its wall time, each factor is the separable layer's over the dense layer's:

    W_s / W_d  =  F_s / F_d  x  (L / F)_s / (L / F)_d  x  (K / L)_s / (K / L)_d  x  (W / K)_s / (W / K)_d
    measured      FLOPs         what hardware allows     how good kernels are      what is outside kernels

The ratio and W come from timing, where nothing is traced. The trace says what share K / W of a step is
in kernels; drift of the machine between the two passes does not touch a share. The rest follows, so
that the product is the measured ratio, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.limits.roofline import Ceilings, find_ceilings
from analysis.reasons.case_traces import CaseTraces, find_obstacle, read_traces
from analysis.reasons.causes.controls import count_controls
from analysis.reasons.detectors.find import find_reasons
from analysis.reasons.explanation import Explained, Explanation, Factors
from analysis.reasons.findings import Finding
from analysis.reasons.operations import tabulate_operations
from analysis.reasons.stopwatches import compare_stopwatches
from analysis.reasons.traced_layer import TracedLayer
from analysis.results.tables import Results
from bench.contract.cases import ConvCase


def explain_pairs(results: Results, comparisons: pd.DataFrame) -> Explained:
    """Explain every comparison (see ``tabulate_pairs``) whose two layers were traced, slowest first."""
    ceilings = find_ceilings(results.ceilings)
    traces = read_traces(results, comparisons)
    explanations, missing = [], []
    for row in comparisons.to_dict("records"):
        reason = find_obstacle(row, traces, ceilings)
        if reason:
            missing.append({"pair": row["pair"], "direction": row["direction"], "reason": reason})
        else:
            explanations.append(_explain_pair(row, traces, ceilings, results.environment))
    return Explained(
        pairs=tuple(sorted(explanations, key=lambda explanation: -explanation.ratio)),
        missing=pd.DataFrame(missing, columns=["pair", "direction", "reason"]),
        stopwatches=compare_stopwatches([explanation.operations for explanation in explanations]),
        problems=traces.problems,
        traced=bool(traces.folders),
        controls=count_controls(
            trace.experiments for trace in traces.by_case.values() if trace.experiments is not None
        ),
    )


def compute_factors(row: Mapping[str, Any], dense_in_kernels: float, separable_in_kernels: float) -> Factors:
    """The factors of a comparison (a row of ``tabulate_pairs``), given the shares of the steps in kernels."""
    flops = row["separable_flops"] / row["dense_flops"]
    limits = row["separable_limit_seconds"] / row["dense_limit_seconds"]
    in_kernels = separable_in_kernels / dense_in_kernels
    return Factors(
        flops=flops,
        limit=limits / flops,
        kernels=row["ratio"] * in_kernels / limits,
        outside=1 / in_kernels,
    )


def _explain_pair(
    row: Mapping[str, Any],
    traces: CaseTraces,
    ceilings: Mapping[str, Ceilings],
    environment: Mapping[str, Any],
) -> Explanation:
    """Explain one comparison (a row of ``tabulate_pairs``), which has no obstacle; ``ceilings`` by device."""
    dense, separable = row["dense_case"], row["separable_case"]
    seconds = {dense.layer: row["dense_seconds"], separable.layer: row["separable_seconds"]}
    by_layer = {case.layer: traces.by_case[case] for case in (dense, separable)}
    tables = {
        case.layer: tabulate_operations(
            case, by_layer[case.layer], seconds[case.layer], ceilings[case.device]
        )
        for case in (dense, separable)
    }
    return Explanation(
        pair=row["pair"],
        name=row["name"],
        dense=dense,
        separable=separable,
        seconds=seconds,
        ratio=row["ratio"],
        low=row["low"],
        high=row["high"],
        verdict=row["verdict"],
        factors=compute_factors(row, by_layer[dense.layer].in_kernels, by_layer[separable.layer].in_kernels),
        operations=pd.concat(tables.values(), ignore_index=True),
        accounted={layer: trace.accounted for layer, trace in by_layer.items()},
        accounted_of_untraced={layer: trace.accounted_of_untraced for layer, trace in by_layer.items()},
        drift={layer: trace.untraced_step_seconds / seconds[layer] for layer, trace in by_layer.items()},
        findings=(
            *_find_layer_reasons(separable, dense, tables, traces, row["verdict"], environment),
            *_find_layer_reasons(dense, separable, tables, traces, row["verdict"], environment),
        ),
        traces={case.layer: traces.folders[case.id] for case in (dense, separable)},
    )


def _find_layer_reasons(
    case: ConvCase,
    counterpart: ConvCase,
    tables: Mapping[str, pd.DataFrame],
    traces: CaseTraces,
    verdict: str,
    environment: Mapping[str, Any],
) -> tuple[Finding, ...]:
    """What explains the time of one layer of a pair; ``tables`` has the operations of both, by layer."""
    trace = traces.by_case[case]
    layer = TracedLayer(
        case=case,
        operations=tables[case.layer],
        counterpart=tables[counterpart.layer],
        compiled=trace.compiled,
        otherwise_on=traces.find_other_compiler(case),
        logged=trace.logged,
        onednn=str(environment.get("onednn")),
        verdict=verdict,
        backend=environment["backend"],
        onednn_version=_read_onednn_version(environment),
    )
    return find_reasons(layer)


def _read_onednn_version(environment: Mapping[str, Any]) -> str:
    """As oneDNN prints it; empty where the file does not know it."""
    details = environment.get("onednn_details")
    return str(details.get("version", "")) if isinstance(details, Mapping) else ""
