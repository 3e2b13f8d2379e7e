"""One traced layer, as the detectors see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.reasons.causes.parts import select_tested
from analysis.reasons.findings import NO_ADVICE, Advice, Finding
from analysis.statistics import verdicts
from analysis.traces.step import KERNELS
from analysis.wording import FRAMEWORK_NAMES, LAYER_NAMES, format_milliseconds, format_percent
from bench.contract.cases import DENSE_OF, ConvCase
from bench.contract.remedies import DENSE_INSTEAD, XLA_OFF

#: What every finding holds as evidence of its kernels.
_KERNEL_COLUMNS = [
    "operation",
    "role",
    "implementation",
    "seconds",
    "of_limit",
    "bound_by",
    "flops_per_second",
    "bytes_per_second",
    "running_seconds",
    "overlapped",
    "refusals",
]


@dataclass(frozen=True)
class TracedLayer:
    """One traced layer, as the detectors see it.

    ``operations`` and ``counterpart`` are of ``tabulate_operations``, of this layer and of the other
    one of the pair.
    """

    case: ConvCase
    operations: pd.DataFrame
    counterpart: pd.DataFrame
    #: Whether XLA compiled it, and the devices on which the same case was compiled otherwise.
    compiled: bool
    otherwise_on: tuple[str, ...]
    #: Whether oneDNN's log was read, and what the environment says of oneDNN.
    logged: bool
    onednn: str
    #: Of the pair: slower, faster, same or undecided.
    verdict: str
    #: Keras's.
    backend: str = "tensorflow"
    #: As oneDNN prints it; empty where it is not known.
    onednn_version: str = ""

    @property
    def framework_name(self) -> str:
        """As its makers write it."""
        return FRAMEWORK_NAMES.get(self.backend, self.backend)

    @property
    def dense_name(self) -> str:
        """What Keras calls the dense layer of the pair."""
        return LAYER_NAMES[DENSE_OF.get(self.case.layer, self.case.layer)]

    @property
    def without_xla(self) -> Advice:
        """Advice to do without XLA; none for JAX, which has nothing else."""
        if self.backend == "jax":
            return NO_ADVICE
        return Advice("leave XLA off on CPU", (XLA_OFF,))

    @property
    def kernels(self) -> pd.DataFrame:
        """The convolutions themselves."""
        return self.operations[self.operations["operation"].isin(KERNELS)]

    @property
    def tested_kernels(self) -> pd.DataFrame:
        """The convolutions whose time experiments divide into causes."""
        return select_tested(self.kernels)

    @property
    def untested_kernels(self) -> pd.DataFrame:
        """The other convolutions."""
        return self.kernels.drop(self.tested_kernels.index)

    @property
    def counterpart_kernels(self) -> pd.DataFrame:
        """The convolutions of the other layer."""
        return self.counterpart[self.counterpart["operation"].isin(KERNELS)]

    @property
    def says_refusals(self) -> bool:
        """Whether oneDNN's log says what was refused before any of the kernels ran."""
        return any(len(refusals) for refusals in self.kernels["refusals"])

    def select(self, *operations: str) -> pd.DataFrame:
        """The rows of these operations."""
        return self.operations[self.operations["operation"].isin(operations)]

    def make_finding(
        self,
        code: str,
        rows: pd.DataFrame,
        says: str,
        advice: Advice = NO_ADVICE,
        *,
        dense_may_help: bool = False,
        explains: pd.DataFrame | None = None,
        evidence: Mapping[str, Any] | None = None,
        part_seconds: float | None = None,
    ) -> Finding:
        """A finding on ``rows``: ``says`` and their time; their kernels are added to the ``evidence``.

        ``explains`` are the kernels among ``rows`` whose slowness it explains, if not all. Where only
        ``part_seconds`` of their time are meant, these are told. Where
        ``dense_may_help``, and the separable layer is slower, to use the dense layer is advice too.
        """
        if dense_may_help and self.case.is_separable and self.verdict == verdicts.SLOWER:
            advice = _add_dense_instead(advice, self.dense_name)
        seconds, share = float(rows["seconds"].sum()), float(rows["share"].sum())
        if part_seconds is not None:
            seconds, share = part_seconds, share * part_seconds / seconds
        kernels = rows[rows["operation"].isin(KERNELS)]
        explained = kernels if explains is None else explains
        return Finding(
            code=code,
            layer=self.case.layer,
            seconds=seconds,
            share=share,
            says=f"{says}: {format_milliseconds(seconds)} ms, {format_percent(share)} of the step",
            advice=advice.says,
            remedies=advice.remedies,
            evidence={**(evidence or {}), "kernels": kernels[_KERNEL_COLUMNS].to_dict("records")},
            kernels=frozenset(zip(explained["operation"], explained["role"], strict=True)),
        )


def _add_dense_instead(advice: Advice, dense_name: str) -> Advice:
    says = f"{advice.says}, or use {dense_name} here" if advice.says else f"use {dense_name} here"
    return Advice(says, (*advice.remedies, DENSE_INSTEAD))
