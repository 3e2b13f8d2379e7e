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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import cost, detectors, roofline, traces
from analysis.findings import Finding, Sight, plain
from analysis.results import Results
from analysis.roofline import Ceilings
from analysis.traces import Trace
from analysis.wording import milliseconds, number, speed
from analysis.xplane import TraceError
from bench.cases import ConvCase

#: What the process that traced may differ from the timing without a word.
_DRIFT = 0.15
#: A kernel must be this long for two stopwatches to be compared.
_LONG = 1e-3
#: How the reasons begin for which a command can help.
NO_TRACE, NO_CEILINGS = "no trace", "no ceilings were measured"
OPERATION_COLUMNS = (
    *("layer", "operation", "role", "name", "implementation", "calls", "seconds", "share", "flops", "bytes"),
    *("flops_per_byte", "flops_per_second", "bytes_per_second", "limit_seconds", "bound_by", "of_limit"),
    *("traced_seconds", "logged_seconds", "running_seconds", "overlapped", "padded", "groups"),
)


@dataclass(frozen=True)
class Factors:
    """Separable over dense; their product is the measured ratio."""

    flops: float
    limit: float
    kernels: float
    outside: float

    @property
    def product(self) -> float:
        return self.flops * self.limit * self.kernels * self.outside


@dataclass(frozen=True)
class Explanation:
    """Why one pair has the ratio it has, in one direction.

    Mappings have an entry for each of the two layers. ``operations`` has :data:`OPERATION_COLUMNS`, both
    layers in one table; ``seconds`` there are the layer's measured time times the share in the trace.
    """

    pair: str
    name: str
    dense: ConvCase
    separable: ConvCase
    seconds: Mapping[str, float]
    ratio: float
    low: float
    high: float
    verdict: str
    factors: Factors
    operations: pd.DataFrame
    #: The share of the traced step that has a name, and that time over the untraced step.
    accounted: Mapping[str, float]
    accounted_of_untraced: Mapping[str, float]
    #: The untraced step in the process that traced, over the measured time.
    drift: Mapping[str, float]
    findings: tuple[Finding, ...]
    traces: Mapping[str, Path]

    @property
    def direction(self) -> str:
        return self.separable.direction

    @property
    def sentence(self) -> str:
        """The four factors in words."""
        factors = self.factors
        if factors.kernels >= 1:
            kernels = f"stay {number(factors.kernels)} times further from their limits than"
        else:
            kernels = f"come {number(1 / factors.kernels)} times closer to their limits than"
        outside, dense_outside = (
            milliseconds(self.outside_seconds[case.layer]) for case in (self.separable, self.dense)
        )
        return (
            f"SeparableConv2D is {speed(self.ratio, self.low, self.high)}. FLOPs promise that it is "
            f"{speed(factors.flops)}; by this machine's limits it would be "
            f"{speed(factors.flops * factors.limit)}. "
            f"Its kernels {kernels} Conv2D's; outside kernels it spends {outside} ms, Conv2D "
            f"{dense_outside} ms. Verdict: {self.verdict}."
        )

    @property
    def remedies(self) -> list[str]:
        """Names of what the findings on the separable layer advise to try, each once."""
        own = (finding for finding in self.findings if finding.layer == self.separable.layer)
        return list(dict.fromkeys(name for finding in own for name in finding.remedies))

    @property
    def outside_seconds(self) -> dict[str, float]:
        """Of each layer's measured time, what is not in convolutions."""
        kernels = self.operations[self.operations["operation"].isin(traces.KERNELS)]
        inside = kernels.groupby("layer")["seconds"].sum()
        return {layer: seconds - float(inside[layer]) for layer, seconds in self.seconds.items()}

    @property
    def cautions(self) -> list[str]:
        """Where the tracing process ran much faster or slower than what was timed."""
        return [
            f"{layer}: in the process that traced it, a step took {number(drift)} times as long as measured; "
            "take its operations' shares with care"
            for layer, drift in self.drift.items()
            if not 1 / (1 + _DRIFT) <= drift <= 1 + _DRIFT
        ]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it; numbers that do not exist are null."""
        return {
            "pair": self.pair,
            "name": self.name,
            "direction": self.direction,
            "seconds": dict(self.seconds),
            "ratio": self.ratio,
            "interval": [self.low, self.high],
            "verdict": self.verdict,
            "factors": dataclasses.asdict(self.factors),
            "operations": [
                {key: plain(value) for key, value in row.items()}
                for row in self.operations.to_dict("records")
            ],
            "accounted": dict(self.accounted),
            "accounted_of_untraced": dict(self.accounted_of_untraced),
            "drift": dict(self.drift),
            "findings": [
                {**finding.as_dict(), "trace": str(self.traces[finding.layer])} for finding in self.findings
            ],
            "traces": {layer: str(folder) for layer, folder in self.traces.items()},
        }


@dataclass(frozen=True)
class Stopwatches:
    """How far the profiler and oneDNN's own log differ, over kernels longer than a millisecond."""

    kernels: int
    #: The median of |log of their ratio|, as a relative difference; missing without kernels.
    median_difference: float
    agree: bool


@dataclass(frozen=True)
class Explained:
    """All that could be explained, and for what could not, why: ``pair``, ``direction``, ``reason``."""

    pairs: tuple[Explanation, ...]
    missing: pd.DataFrame
    stopwatches: Stopwatches
    #: A sentence for each file beside a trace that could not be read.
    problems: tuple[str, ...]
    #: Whether any layer was traced.
    traced: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "pairs": [explanation.as_dict() for explanation in self.pairs],
            "not_explained": self.missing.to_dict("records"),
        }


def explain(results: Results, comparisons: pd.DataFrame) -> Explained:
    """Explain every comparison (see ``pairs.table``) whose two layers were traced."""
    devices = roofline.ceilings(results.ceilings)
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
            case: operations(case, read[case], row[f"{word}_seconds"], devices[case.device])
            for word, case in (("dense", dense), ("separable", separable))
        }
        sights = [
            Sight(
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
                factors(row, read[dense].in_kernels, read[separable].in_kernels),
                pd.concat(tables.values(), ignore_index=True),
                {layer: read[case].accounted for layer, case in both.items()},
                {layer: read[case].accounted_of_untraced for layer, case in both.items()},
                {
                    case.layer: read[case].untraced_step_seconds / row[f"{word}_seconds"]
                    for word, case in (("dense", dense), ("separable", separable))
                },
                tuple(finding for sight in sights for finding in detectors.find(sight)),
                {layer: folders[case.id] for layer, case in both.items()},
            )
        )
    return Explained(
        tuple(sorted(found, key=lambda explanation: -explanation.ratio)),
        pd.DataFrame(missing, columns=["pair", "direction", "reason"]),
        stopwatches([explanation.operations for explanation in found]),
        tuple(problems),
        bool(folders),
    )


def factors(row: Mapping[str, Any], dense_in_kernels: float, separable_in_kernels: float) -> Factors:
    """The factors of a comparison (a row of ``pairs.table``), given the shares of the steps in kernels."""
    flops = row["separable_flops"] / row["dense_flops"]
    limits = row["separable_limit_seconds"] / row["dense_limit_seconds"]
    in_kernels = separable_in_kernels / dense_in_kernels
    return Factors(flops, limits / flops, row["ratio"] * in_kernels / limits, 1 / in_kernels)


def operations(case: ConvCase, trace: Trace, seconds: float, ceilings: Ceilings) -> pd.DataFrame:
    """The step of one layer by operation, most expensive first: :data:`OPERATION_COLUMNS`.

    ``seconds`` is the layer's measured time. Costs and limits are those of ``cost`` and ``roofline``;
    they are missing for what is no convolution.
    """
    kernels = {(kernel.operation, kernel.role): kernel for kernel in cost.kernels(case)}
    grouped = trace.operations.groupby(["operation", "role"], sort=False)
    rows = [_operation(case, trace, rows, kernels.get(key), seconds, ceilings) for key, rows in grouped]
    table = pd.DataFrame(rows, columns=OPERATION_COLUMNS)
    return table.sort_values("seconds", ascending=False, kind="stable", ignore_index=True)


def _operation(
    case: ConvCase,
    trace: Trace,
    rows: pd.DataFrame,
    kernel: cost.Kernel | None,
    seconds: float,
    ceilings: Ceilings,
) -> dict[str, Any]:
    share = float(rows["share"].sum())
    taken = share * seconds
    row = {
        "layer": case.layer,
        "operation": rows.iloc[0]["operation"],
        "role": rows.iloc[0]["role"],
        "name": ", ".join(dict.fromkeys(rows["name"])),
        "implementation": ", ".join(dict.fromkeys(filter(None, rows["implementation"]))),
        "calls": float(rows["calls_a_step"].sum()),
        "seconds": taken,
        "share": share,
        "bound_by": "",
        "traced_seconds": float(rows["seconds_a_step"].sum()),
        "logged_seconds": float(rows["logged_seconds_a_step"].sum(min_count=1)),
        "running_seconds": float(rows["running_seconds_a_step"].sum()) * seconds / trace.step_seconds,
        "padded": bool(rows["padded"].any()),
        "overlapped": float(np.average(rows["overlapped"], weights=rows["share"] + 1e-12)),
        "groups": int(rows["groups"].max()),
    }
    if kernel:
        least, bound_by = roofline.kernel_limit(kernel, case.dtype, ceilings)
        row |= {
            "flops": kernel.flops,
            "bytes": kernel.bytes,
            "flops_per_byte": kernel.intensity,
            "flops_per_second": kernel.flops / taken,
            "bytes_per_second": kernel.bytes / taken,
            "limit_seconds": least,
            "bound_by": bound_by,
            "of_limit": least / taken,
        }
    return row


def stopwatches(tables: list[pd.DataFrame]) -> Stopwatches:
    """Compare, kernel by kernel, what the profiler and what oneDNN's log say it took."""
    every = pd.concat(tables) if tables else pd.DataFrame(columns=OPERATION_COLUMNS)
    both = every[every["operation"].isin(traces.KERNELS) & every["logged_seconds"].notna()]
    long = both[(both["traced_seconds"] > _LONG) & (both["logged_seconds"] > _LONG)]
    if long.empty:
        return Stopwatches(0, float("nan"), True)
    difference = np.abs(np.log(long["traced_seconds"].astype(float) / long["logged_seconds"].astype(float)))
    median = float(np.expm1(np.median(difference)))
    return Stopwatches(len(long), median, median <= 0.1)


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
                read[case] = traces.read(folders[case.id], case)
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
