"""What oneDNN refused, in words; and at some places of its sources, the condition that a test confirmed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from bench.contract.cases import ConvCase

#: A sentence quotes no more.
_MOST_QUOTED = 2


@dataclass(frozen=True)
class KnownRefusal:
    """A place of oneDNN's sources at which a convolution is refused, and why.

    One place can check several things. So it counts only where the case's own parameter is above ``above``.
    """

    #: oneDNN's, as it prints it.
    version: str
    #: File and line, with the folders that builds agree on: files of other processors have the same names.
    place: str
    #: ``kernel_width`` or ``depth_multiplier``.
    parameter: str
    above: int
    #: In plain English, as what follows "since".
    condition: str
    #: What does away with it (see ``bench.contract.remedies``).
    remedy: str
    #: What was changed, on what, to know it.
    confirmed: str

    def holds_for(self, case: ConvCase) -> bool:
        """Whether ``case`` has what is refused here."""
        return _read_parameters(case)[self.parameter] > self.above


@cache
def load_known_refusals() -> tuple[KnownRefusal, ...]:
    """The places that one changed parameter has confirmed; other versions of oneDNN have other lines."""
    text = resources.files("analysis.reasons").joinpath("refusals.json").read_text("utf-8")
    return tuple(KnownRefusal(**entry) for entry in json.loads(text))


def find_known_refusal(
    refusals: Iterable[Mapping[str, str]], version: str, case: ConvCase
) -> KnownRefusal | None:
    """The first of ``refusals`` (with ``reason`` and ``place``) whose condition is known and holds."""
    known = [each for each in load_known_refusals() if each.version == version and each.holds_for(case)]
    return next((each for refusal in refusals for each in known if _is_at(refusal, each)), None)


def quote_refusals(refusals: Sequence[Mapping[str, str]], first: KnownRefusal | None = None) -> str:
    """``refusals`` in oneDNN's own words with their places: a few of them, ``first`` before the others.

    The others are counted. Reason or place may be missing.
    """
    # What the processor lacks is refused anywhere, and says the least.
    ordered = sorted(
        refusals, key=lambda one: (not _is_at(one, first), one["reason"].startswith("unsupported isa"))
    )
    quoted = [_quote(refusal) for refusal in ordered[:_MOST_QUOTED]]
    more = len(ordered) - len(quoted)
    return ", ".join(quoted) + (f" and {more} more" if more else "")


def list_refusals(refusals: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """(reason, place) each, as JSON has them; each once."""
    return [{"reason": reason, "place": place} for reason, place in dict.fromkeys(refusals)]


def _read_parameters(case: ConvCase) -> dict[str, int]:
    return {"kernel_width": case.kernel_size[1], "depth_multiplier": case.depth_multiplier}


def _is_at(refusal: Mapping[str, str], known: KnownRefusal | None) -> bool:
    return known is not None and f"/{refusal['place']}".endswith(f"/{known.place}")


def _quote(refusal: Mapping[str, str]) -> str:
    says = f'"{refusal["reason"]}"' if refusal["reason"] else "no reason given"
    place = refusal["place"].rpartition("/")[2]
    return f"{says} ({place})" if place else says
