"""What has been claimed in public, with the cases that test it: needs nothing but the standard library."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from bench.contract.cases import SEPARABLE_OF, ConvCase
from bench.contract.verdicts import FASTER, SLOWER

NOT_FASTER = "not faster"
EXPECTATIONS = (SLOWER, FASTER, NOT_FASTER)


@dataclass(frozen=True)
class Trial:
    """``case`` shall turn out as ``expects``: a separable layer against its dense one, or any two.

    ``base`` is what it is measured against in lock-step; ``at_least`` is how many times as fast or slow.
    """

    case: ConvCase
    base: ConvCase
    expects: str
    at_least: float = 1.0

    @property
    def is_comparison(self) -> bool:
        """Whether it is a comparison of the two layers, as every grid has them."""
        return self.case.is_separable

    @property
    def id(self) -> str:
        return f"{self.case.id}-against-{self.base.id}"

    def on(self, device: str) -> Trial:
        """The same on another device."""
        return dataclasses.replace(
            self,
            case=dataclasses.replace(self.case, device=device),
            base=dataclasses.replace(self.base, device=device),
        )


@dataclass(frozen=True)
class Claim:
    """Somebody's statement. ``training`` names the question that only whole trainings answer, if there is."""

    id: str
    source: str
    statement: str
    made_on: str
    trials: tuple[Trial, ...]
    training: str | None = None


@cache
def load_claims() -> tuple[Claim, ...]:
    """The ledger, in its order."""
    content = json.loads(resources.files("bench.contract").joinpath("claims.json").read_text("utf-8"))
    return tuple(
        Claim(
            id=entry["id"],
            source=entry["source"],
            statement=entry["statement"],
            made_on=entry["made_on"],
            trials=tuple(_read_trial(trial) for trial in entry["trials"]),
            training=entry.get("training"),
        )
        for entry in content
    )


def list_contrasts(devices: tuple[str, ...]) -> Iterator[Trial]:
    """The trials that no comparison of the two layers answers, on each of ``devices``, each once."""
    yield from dict.fromkeys(
        trial.on(device)
        for device in devices
        for claim in load_claims()
        for trial in claim.trials
        if not trial.is_comparison
    )


def _read_trial(entry: dict) -> Trial:
    if "instead" in entry:
        base = ConvCase.from_dict(_add_filters(entry["case"]))
        case = ConvCase.from_dict(_add_filters({**entry["case"], **entry["instead"]}))
    else:
        base = ConvCase.from_dict({**entry["case"], "layer": "conv2d"})
        case = dataclasses.replace(base, layer=SEPARABLE_OF[base.layer])
    if entry["expects"] not in EXPECTATIONS:
        raise ValueError(f"a claim expects one of {', '.join(EXPECTATIONS)}, not {entry['expects']!r}")
    return Trial(case, base, entry["expects"], entry.get("at_least", 1.0))


def _add_filters(fields: dict) -> dict:
    """A depthwise layer has as many filters as channels, unless told."""
    default = ConvCase().in_channels
    if fields.get("layer") == "depthwise_conv2d":
        return {"filters": fields.get("in_channels", default), **fields}
    return fields
