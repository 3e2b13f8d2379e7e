"""Which cases ``--profile`` captures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from bench.contract.cases import ConvCase

ALL, SLOW, TELLING = "all", "slow", "telling"
#: So many of the slowest comparisons are captured as telling, though the grid does not mark them.
_SLOWEST = 3


def parse_choice(text: str | None) -> str | int | None:
    """``--profile``: "all", "slow", "telling" or a number; ``ValueError`` for anything else."""
    if text in (None, ALL, SLOW, TELLING):
        return text
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise ValueError(f"--profile must be {ALL}, {SLOW}, {TELLING} or a number of comparisons, not {text!r}")


def choose_cases(
    choice: str | int, ratios: Mapping[str, float], telling: Set[str], cases: Sequence[ConvCase]
) -> list[ConvCase]:
    """The cases to capture: all, or the two layers of the comparisons that ``choice`` names.

    ``ratios`` maps comparisons to their time ratio; ``telling`` are those that the grid marks.
    """
    if choice == ALL:
        return list(cases)
    slowest_first = sorted(ratios, key=ratios.get, reverse=True)
    if choice == SLOW:
        chosen = {comparison for comparison in slowest_first if ratios[comparison] > 1}
    elif choice == TELLING:
        chosen = set(telling).union(slowest_first[:_SLOWEST])
    else:
        chosen = set(slowest_first[:choice])
    layers = [case for case in cases if case.is_separable or case.is_dense]
    return [case for case in layers if case.comparison in chosen]
