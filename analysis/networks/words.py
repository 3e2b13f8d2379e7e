"""Times and their changes in the words of the field: ``1.38x faster (1.33-1.43)``."""

from __future__ import annotations

from analysis.networks.network import MeasuredNetwork, MeasuredVariant, is_interval_known
from analysis.statistics import verdicts
from analysis.statistics.estimates import Estimate
from analysis.wording import format_milliseconds
from bench.contract.networks import RECOMMENDED


def format_times(ratio: float) -> str:
    """A time ratio above 0: ``1.38x faster``, ``1.20x slower``."""
    return f"{_format(ratio if ratio > 1 else 1 / ratio)}x {'slower' if ratio > 1 else 'faster'}"


def format_change(ratio: Estimate) -> str:
    """A time ratio with its interval, ends in rising order: ``1.38x faster (1.33-1.43)``."""
    if not is_interval_known(ratio):
        return f"{format_times(ratio.value)} (interval unknown)"
    slow = ratio.value > 1
    low, high = (ratio.low, ratio.high) if slow else (1 / ratio.high, 1 / ratio.low)
    return f"{format_times(ratio.value)} ({_format(low)}-{_format(high)})"


def format_step(seconds: Estimate) -> str:
    """Milliseconds with their interval: ``41.2 (40.9-41.6)``."""
    if not is_interval_known(seconds):
        return format_milliseconds(seconds.value)
    low, high = (format_milliseconds(float(end)) for end in (seconds.low, seconds.high))
    return f"{format_milliseconds(seconds.value)} ({low}-{high})"


def describe_change(variant: MeasuredVariant) -> str:
    """``1.38x faster (1.33-1.43)``, with the verdict where it does not say the same."""
    change = format_change(variant.ratio)
    if variant.verdict is None:
        return f"{change}, not measured in turns"
    if variant.verdict.word in verdicts.DIFFERENT:
        return change
    if variant.verdict.word == verdicts.SAME:
        return f"as fast as before, as far as these runs can tell: {change}"
    return f"perhaps {change} (undecided: {variant.verdict.reason})"


def describe_unproven(network: MeasuredNetwork, subject: str, names: str = "") -> str:
    """That changes are faster by themselves, what the network with them is instead, and what to do then.

    ``subject`` is what the network is called there; ``names`` are those of its changes, where they are told.
    """
    changes = len(network.changed)
    several, one = ("changes are faster by themselves", "all of them"), ("change is faster by itself", "it")
    are_faster, with_them = one if changes == 1 else several
    told = f" ({names})" if names else ""
    return f"{changes} {are_faster}{told}, but {subject} with {with_them} {_describe_failure(network)}"


def _describe_failure(network: MeasuredNetwork) -> str:
    variant = network.find_variant(RECOMMENDED)
    if variant is None:
        return "was not measured; measure it before you change it"
    change, word = format_change(variant.ratio), variant.verdict.word if variant.verdict else ""
    if word == verdicts.SLOWER:
        return f"is {change}: do not make {'it' if len(network.changed) == 1 else 'them'}"
    if word == verdicts.SAME:
        return f"is {describe_change(variant)}; nothing is gained"
    return (
        f"is not known to be: {change}, {word or 'not measured in turns'}; measure again before you change it"
    )


def write_cells(variant: MeasuredVariant) -> dict[str, str]:
    """A variant as the cells of its row, by column; empty where there is nothing to say."""
    changed, predicted = variant.converted, variant.predicted_ratio
    return {
        "variant": variant.variant,
        "layers": str(len(changed)),
        "step": format_step(variant.seconds),
        "change": format_change(variant.ratio) if changed else "",
        "verdict": variant.verdict.word if variant.verdict else "",
        "predicted": format_times(predicted) if changed and predicted is not None and predicted > 0 else "",
        "parameters": f"{variant.parameters:,}",
        "multiplications": format_millions(variant.multiplications),
    }


def format_millions(number: int) -> str:
    """``20,500.0`` for 20.5 thousand millions."""
    return f"{number / 1e6:,.1f}"


def count(number: int, noun: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def format_difference(seconds: float) -> str:
    """Milliseconds with their sign: ``+1.25``; without one where they round to none."""
    milliseconds = round(seconds * 1e3, 3)
    return f"{milliseconds:+.3g}" if milliseconds else "0"


def _format(times: float) -> str:
    """Both ends of an interval with as many digits as the value between them."""
    return f"{times:.2f}" if times < 10 else f"{times:.0f}"
