"""Changes of time in the words of the field: ``1.38x faster (1.33-1.43)``."""

from __future__ import annotations

from analysis.networks.network import is_interval_known
from analysis.statistics.estimates import Estimate
from analysis.wording import format_milliseconds


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
