"""A reason why a layer takes the time it takes, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.reasons.causes.parts import (
    COLD_DATA,
    EMPTY_LANES,
    FIXED_COST,
    IMPLEMENTATION,
    KERNEL_CEILING,
    LARGE_DATA,
    THREADS,
)
from analysis.wording import LAYER_NAMES
from bench.contract.cases import DENSE_OF

#: The code of slow kernels that nothing captured explains.
UNEXPLAINED = "unexplained"
#: The code of slow kernels that ran beside others, so that no time is their own.
OVERLAPPED = "overlapped"
#: What each code says, as a noun; ``{dense}`` is the dense layer's name.
TITLES = {
    "generic_kernel": "a generic kernel",
    "outside_onednn": "kernels outside oneDNN",
    "more_bytes": "more bytes than {dense}",
    "bandwidth_bound": "memory bandwidth",
    LARGE_DATA: "data larger than the cache",
    EMPTY_LANES: "empty vector lanes",
    COLD_DATA: "data that are not in the cache",
    FIXED_COST: "fixed cost of a call",
    THREADS: "work shared among threads",
    IMPLEMENTATION: "a faster implementation that was not chosen",
    KERNEL_CEILING: "kernels of which none gets nearer to its limit",
    "more_kernels": "more kernels than {dense}",
    "dispatch_dominates": "time outside operations",
    "reorders": "reorders of weights",
    "transposes": "transposes",
    "space_to_batch": "copies for dilation",
    "elementwise": "bias and activation",
    "xla_group_loop": "XLA's loop over groups",
    "xla_masked_gradient": "XLA's masked dense gradient",
    "other_compiler": "another compiler",
    OVERLAPPED: "operations side by side",
    UNEXPLAINED: "unexplained",
}


@dataclass(frozen=True)
class Advice:
    """What to do about a reason, in words; both fields are empty where nothing is known to help."""

    says: str = ""
    #: Names of remedies (see ``bench.contract.remedies``) that do it.
    remedies: tuple[str, ...] = ()


NO_ADVICE = Advice()


@dataclass(frozen=True)
class Finding:
    """One reason: ``seconds`` of the step of ``layer``, ``share`` of it, are spent for it."""

    code: str
    layer: str
    seconds: float
    share: float
    #: The reason as a sentence, without a full stop.
    says: str
    #: Empty where nothing is known to help.
    advice: str
    #: Names of remedies (see ``bench.contract.remedies``) that do what is advised.
    remedies: tuple[str, ...]
    #: What was seen, by name.
    evidence: Mapping[str, Any]
    #: The kernels whose slowness it explains: (operation, role).
    kernels: frozenset[tuple[str, str]]

    @property
    def title(self) -> str:
        """The reason as a noun."""
        return TITLES[self.code].format(dense=LAYER_NAMES[DENSE_OF.get(self.layer, self.layer)])

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
            "evidence": {key: make_plain(value) for key, value in self.evidence.items()},
        }


def make_plain(value: Any) -> Any:
    """A value as JSON knows it: NumPy's numbers as Python's, what is missing as null; so too inside lists.

    Tuples become lists. What can say itself ``as_dict`` does.
    """
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    if isinstance(value, Mapping):
        return {key: make_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value
