"""One traced layer, as the detectors see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.pairs.remedies import DENSE_INSTEAD
from analysis.reasons.findings import Finding
from analysis.statistics import verdicts
from analysis.traces.step import KERNELS
from analysis.wording import FRAMEWORKS, milliseconds, percent
from bench.contract.cases import ConvCase

_OF_KERNELS = (
    *("operation", "role", "implementation", "seconds", "of_limit", "bound_by", "flops_per_second"),
    *("bytes_per_second", "running_seconds", "overlapped"),
)


def identify_kernels(kernels: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """What identifies each of ``kernels`` in a step: (operation, role)."""
    return frozenset(zip(kernels["operation"], kernels["role"], strict=True))


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

    @property
    def framework(self) -> str:
        """As its makers write it."""
        return FRAMEWORKS.get(self.backend, self.backend)

    @property
    def without_xla(self) -> tuple[str, ...]:
        """Advice to do without it, and the remedy's name; JAX has nothing else."""
        return ("leave XLA off on CPU", "XLA off") if self.backend != "jax" else ("",)

    @property
    def kernels(self) -> pd.DataFrame:
        """The convolutions themselves."""
        return self.operations[self.operations["operation"].isin(KERNELS)]

    @property
    def counterpart_kernels(self) -> pd.DataFrame:
        """The convolutions of the other layer."""
        return self.counterpart[self.counterpart["operation"].isin(KERNELS)]

    def of(self, *names: str) -> pd.DataFrame:
        """The rows of these operations."""
        return self.operations[self.operations["operation"].isin(names)]

    def finding(
        self,
        code: str,
        rows: pd.DataFrame,
        says: str,
        advice: str,
        *tried: str,
        conv2d_may_help: bool = False,
        explains: pd.DataFrame | None = None,
        **evidence: Any,
    ) -> Finding:
        """A finding on ``rows``, whose time ``says`` ends with; their numbers are evidence too.

        ``explains``: the kernels among ``rows`` whose slowness it explains, if not all.
        Where ``conv2d_may_help``, and the separable layer is slower, to use Conv2D is advice too.
        """
        if conv2d_may_help and self.case.is_separable and self.verdict == verdicts.SLOWER:
            advice = f"{advice}, or use Conv2D here" if advice else "use Conv2D here"
            tried = (*tried, DENSE_INSTEAD)
        seconds, share = float(rows["seconds"].sum()), float(rows["share"].sum())
        kernels = rows[rows["operation"].isin(KERNELS)]
        return Finding(
            code,
            self.case.layer,
            seconds,
            share,
            f"{says}: {milliseconds(seconds)} ms, {percent(share)} of the step",
            advice,
            tried,
            {**evidence, "kernels": kernels[list(_OF_KERNELS)].to_dict("records")},
            identify_kernels(kernels if explains is None else explains),
        )
