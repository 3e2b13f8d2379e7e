"""A reason why a layer takes the time it takes, as a value; and what reasons are found in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis import remedies, traces, verdicts
from analysis.wording import FRAMEWORKS, milliseconds, percent
from bench.cases import ConvCase

#: The code of slow kernels that nothing captured explains.
UNEXPLAINED = "unexplained"
#: What each code says, as a noun.
TITLES = {
    "generic_kernel": "a generic kernel",
    "outside_onednn": "kernels outside oneDNN",
    "more_bytes": "more bytes than Conv2D",
    "bandwidth_bound": "memory bandwidth",
    "empty_lanes": "empty vector lanes",
    "more_kernels": "more kernels than Conv2D",
    "dispatch_dominates": "time outside operations",
    "reorders": "reorders of weights",
    "transposes": "transposes",
    "space_to_batch": "copies for dilation",
    "elementwise": "bias and activation",
    "xla_group_loop": "XLA's loop over groups",
    "xla_masked_gradient": "XLA's masked dense gradient",
    "other_compiler": "another compiler",
    "overlapped": "operations side by side",
    UNEXPLAINED: "unexplained",
}
_OF_KERNELS = (
    *("operation", "role", "implementation", "seconds", "of_limit", "bound_by", "flops_per_second"),
    *("bytes_per_second", "running_seconds", "overlapped"),
)


@dataclass(frozen=True)
class Finding:
    """One reason. ``seconds`` of the step of ``layer`` are concerned, ``share`` of it."""

    code: str
    layer: str
    seconds: float
    share: float
    says: str
    advice: str
    #: Names of remedies (see ``remedies.table``) that apply the advice.
    remedies: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    #: The kernels that it explains: (operation, role).
    kernels: frozenset[tuple[str, str]] = frozenset()

    @property
    def title(self) -> str:
        return TITLES[self.code]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it; numbers that do not exist are null."""
        return {
            "code": self.code,
            "layer": self.layer,
            "seconds": self.seconds,
            "share": self.share,
            "says": self.says,
            "advice": self.advice,
            "remedies": list(self.remedies),
            "evidence": {key: plain(value) for key, value in self.evidence.items()},
        }


def keys(kernels: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """What identifies each of ``kernels`` in a step: (operation, role)."""
    return frozenset(zip(kernels["operation"], kernels["role"], strict=True))


@dataclass(frozen=True)
class Sight:
    """One traced layer, as the detectors see it.

    ``operations`` and ``counterpart`` are of ``explain.operations``, of this layer and of the other
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
        return self.operations[self.operations["operation"].isin(traces.KERNELS)]

    @property
    def counterpart_kernels(self) -> pd.DataFrame:
        """The convolutions of the other layer."""
        return self.counterpart[self.counterpart["operation"].isin(traces.KERNELS)]

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
            tried = (*tried, remedies.DENSE_INSTEAD)
        seconds, share = float(rows["seconds"].sum()), float(rows["share"].sum())
        kernels = rows[rows["operation"].isin(traces.KERNELS)]
        return Finding(
            code,
            self.case.layer,
            seconds,
            share,
            f"{says}: {milliseconds(seconds)} ms, {percent(share)} of the step",
            advice,
            tried,
            {**evidence, "kernels": kernels[list(_OF_KERNELS)].to_dict("records")},
            keys(kernels if explains is None else explains),
        )


def plain(value: Any) -> Any:
    """A value as JSON knows it: NumPy's numbers as Python's, what is missing as null."""
    if isinstance(value, list):
        return [{key: plain(part) for key, part in entry.items()} for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value
