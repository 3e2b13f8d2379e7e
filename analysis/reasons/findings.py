"""A reason why a layer takes the time it takes, as a value; and what reasons are found in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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


@dataclass(frozen=True)
class Finding:
    """One reason. ``seconds`` of the step of ``layer`` are concerned, ``share`` of it."""

    code: str
    layer: str
    seconds: float
    share: float
    says: str
    advice: str
    #: Names of remedies (see ``tabulate_remedies``) that apply the advice.
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
            "evidence": {key: to_plain(value) for key, value in self.evidence.items()},
        }


def to_plain(value: Any) -> Any:
    """A value as JSON knows it: NumPy's numbers as Python's, what is missing as null."""
    if isinstance(value, list):
        return [{key: to_plain(part) for key, part in entry.items()} for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value
