"""Why one comparison has its ratio, as a value; and all that could be explained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.reasons.findings import Finding, make_plain
from analysis.reasons.stopwatches import Stopwatches
from analysis.traces.step import KERNELS
from analysis.wording import LAYER_NAMES, format_milliseconds, format_number, format_speed
from bench.contract.cases import ConvCase

#: By so much a step may differ between the process that traced and the timing without a caution.
_DRIFT = 0.15
#: How the reasons begin for which a command can help.
NO_TRACE, NO_CEILINGS = "no trace", "no ceilings were measured"
OPERATION_COLUMNS = (
    "layer",
    "operation",
    "role",
    "name",
    "implementation",
    "calls",
    "seconds",
    "share",
    "flops",
    "bytes",
    "flops_per_byte",
    "flops_per_second",
    "bytes_per_second",
    "limit_seconds",
    "bound_by",
    "of_limit",
    "traced_seconds",
    "logged_seconds",
    "running_seconds",
    "overlapped",
    "padded",
    "groups",
    "causes",
    "remainder_seconds",
    "remainder_interval",
    "tried",
    "refusals",
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
        """The measured ratio."""
        return self.flops * self.limit * self.kernels * self.outside


@dataclass(frozen=True)
class Explanation:
    """Why one pair has the ratio it has, in one direction.

    Mappings have an entry for each of the two layers. ``operations`` has :data:`OPERATION_COLUMNS` and
    both layers in one table; ``seconds`` there are the share in the trace times the layer's measured time.
    Where a kernel was tested, ``causes`` are a tuple of ``causes.parts.Cause``, and ``limit_seconds``, theirs
    and ``remainder_seconds`` add up to ``seconds``; elsewhere they are None and missing.
    """

    pair: str
    name: str
    dense: ConvCase
    separable: ConvCase
    #: A step of each layer, measured without tracing.
    seconds: Mapping[str, float]
    #: Separable over dense, with its 95 % interval.
    ratio: float
    low: float
    high: float
    verdict: str
    factors: Factors
    operations: pd.DataFrame
    #: The share of the traced step that has a name.
    accounted: Mapping[str, float]
    #: The same time over the untraced step.
    accounted_of_untraced: Mapping[str, float]
    #: The untraced step in the process that traced, over the measured time.
    drift: Mapping[str, float]
    #: The separable layer's first; of each layer the most important first.
    findings: tuple[Finding, ...]
    #: The folders of the traces.
    traces: Mapping[str, Path]

    @property
    def direction(self) -> str:
        return self.separable.direction

    @property
    def sentence(self) -> str:
        """The four factors in words."""
        factors = self.factors
        separable_name, dense_name = LAYER_NAMES[self.separable.layer], LAYER_NAMES[self.dense.layer]
        if factors.kernels >= 1:
            kernels = f"stay {format_number(factors.kernels)} times further from their limits than"
        else:
            kernels = f"come {format_number(1 / factors.kernels)} times closer to their limits than"
        outside_seconds = self.outside_seconds
        outside = format_milliseconds(outside_seconds[self.separable.layer])
        dense_outside = format_milliseconds(outside_seconds[self.dense.layer])
        return (
            f"{separable_name} is {format_speed(self.ratio, self.low, self.high)}. FLOPs promise that it is "
            f"{format_speed(factors.flops)}; by this machine's limits it would be "
            f"{format_speed(factors.flops * factors.limit)}. "
            f"Its kernels {kernels} {dense_name}'s; outside kernels it spends {outside} ms, {dense_name} "
            f"{dense_outside} ms. Verdict: {self.verdict}."
        )

    @property
    def remedies(self) -> list[str]:
        """Names of what the findings on the separable layer advise to try, each once."""
        own = [finding for finding in self.findings if finding.layer == self.separable.layer]
        return list(dict.fromkeys(name for finding in own for name in finding.remedies))

    @property
    def outside_seconds(self) -> dict[str, float]:
        """Of each layer's measured time, what is not in convolutions."""
        kernels = self.operations[self.operations["operation"].isin(KERNELS)]
        inside = kernels.groupby("layer")["seconds"].sum()
        return {layer: seconds - float(inside[layer]) for layer, seconds in self.seconds.items()}

    @property
    def cautions(self) -> list[str]:
        """Where the tracing process ran much faster or slower than what was timed."""
        return [
            f"{layer}: in the process that traced it, a step took {format_number(drift)} times as long as "
            "measured; take its operations' shares with care"
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
            "operations": [_describe_operation(row) for row in self.operations.to_dict("records")],
            "accounted": dict(self.accounted),
            "accounted_of_untraced": dict(self.accounted_of_untraced),
            "drift": dict(self.drift),
            "findings": [
                {**finding.as_dict(), "trace": str(self.traces[finding.layer])} for finding in self.findings
            ],
            "traces": {layer: str(folder) for layer, folder in self.traces.items()},
        }


def _describe_operation(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: without causes where none was tested, and then its remainder is null."""
    plain = make_plain(row)
    return {**plain, "causes": plain["causes"] or []}


def write_operations_as_text(operations: pd.DataFrame) -> pd.DataFrame:
    """``operations`` with JSON in the place of what is neither number nor text, as files of tables need."""
    names = [name for name in ("causes", "remainder_interval", "tried", "refusals") if name in operations]
    texts = {name: [_write_as_text(value) for value in operations[name]] for name in names}
    return operations.assign(**texts)


def _write_as_text(value: Any) -> str:
    """JSON; empty for what is missing."""
    plain = make_plain(value)
    return "" if plain is None else json.dumps(plain)


@dataclass(frozen=True)
class Explained:
    """All that could be explained, and what could not."""

    #: The slowest first.
    pairs: tuple[Explanation, ...]
    #: ``pair``, ``direction`` and the ``reason`` why there is no explanation.
    missing: pd.DataFrame
    stopwatches: Stopwatches
    #: A sentence for each file beside a trace that could not be read.
    problems: tuple[str, ...]
    #: Whether any layer was traced.
    traced: bool
    #: (claimed, tried): tests of kernels in which nothing was changed.
    controls: tuple[int, int] = (0, 0)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "pairs": [explanation.as_dict() for explanation in self.pairs],
            "not_explained": self.missing.to_dict("records"),
            "controls": dict(zip(("claimed", "tried"), self.controls, strict=True)),
        }
