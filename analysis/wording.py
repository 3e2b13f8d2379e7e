"""Numbers in words, the same way in the report and on the terminal."""

from __future__ import annotations

import math

#: Keras's backends, as their makers write them.
FRAMEWORKS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def make_printable(text: str) -> str:
    """``text`` with a question mark for what a terminal would obey: names of files may hold anything."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


def number(value: float) -> str:
    """Two or three digits, as many as a ratio measured here deserves."""
    if value < 0.995:
        return f"{value:.2g}"
    if value < 2:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def speed(ratio: float, low: float | None = None, high: float | None = None) -> str:
    """A time ratio in words: ``2.2 times as fast (2.1 to 2.3)``, ``1.20 times as slow (...)``.

    An interval that says nothing (from 0, or without end) is said to be unknown.
    """
    slow = ratio >= 1
    text = f"{number(ratio if slow else 1 / ratio)} times as {'slow' if slow else 'fast'}"
    if low is None or high is None:
        return text
    if not (low > 0 and math.isfinite(high)):
        return f"{text} (interval unknown)"
    least, most = (low, high) if slow else (1 / high, 1 / low)
    return f"{text} ({number(least)} to {number(most)})"


def milliseconds(seconds: float) -> str:
    """Three significant digits, and never an exponent."""
    return f"{seconds * 1e3:.3g}" if seconds < 0.0995 else f"{seconds * 1e3:.0f}"


def giga(rate: float) -> str:
    """Billions a second."""
    return f"{rate / 1e9:.3g}"


def percent(share: float, missing: str = "–", digits: int = 0) -> str:
    """Per cents with ``digits`` after the point, one under one per cent; ``missing`` where unknown."""
    if math.isnan(share):
        return missing
    return f"{100 * share:.{digits}f} %" if share >= 0.00995 or share == 0 else f"{100 * share:.1g} %"


def size(count: int) -> str:
    """Bytes in KiB or MiB."""
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count // 2**10} KiB"
