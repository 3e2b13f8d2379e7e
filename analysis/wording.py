"""Numbers and names in words, the same way in the report and on the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Keras's backends, as their makers write them.
FRAMEWORK_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
#: Keras's layers, as it calls them.
LAYER_NAMES = {
    "conv2d": "Conv2D",
    "separable_conv2d": "SeparableConv2D",
    "conv1d": "Conv1D",
    "separable_conv1d": "SeparableConv1D",
}


def format_number(value: float) -> str:
    """Two or three digits, as many as a ratio measured here deserves."""
    if value < 0.995:
        return f"{value:.2g}"
    if value < 2:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def format_speed(ratio: float, low: float | None = None, high: float | None = None) -> str:
    """A time ratio in words: ``2.2 times as fast (2.1 to 2.3)``, ``1.20 times as slow (...)``.

    An interval that says nothing (from 0, or without end) is said to be unknown.
    """
    slow = ratio >= 1
    text = f"{format_number(ratio if slow else 1 / ratio)} times as {'slow' if slow else 'fast'}"
    if low is None or high is None:
        return text
    if not (low > 0 and math.isfinite(high)):
        return f"{text} (interval unknown)"
    least, most = (low, high) if slow else (1 / high, 1 / low)
    return f"{text} ({format_number(least)} to {format_number(most)})"


def format_milliseconds(seconds: float) -> str:
    """Three significant digits, and never an exponent."""
    return f"{seconds * 1e3:.3g}" if seconds < 0.0995 else f"{seconds * 1e3:.0f}"


def format_giga(rate: float) -> str:
    """Billions a second."""
    return f"{rate / 1e9:.3g}"


def format_percent(share: float, missing: str = "–", digits: int = 0) -> str:
    """Per cents with ``digits`` after the point, one under one per cent; ``missing`` where unknown."""
    if math.isnan(share):
        return missing
    return f"{100 * share:.{digits}f} %" if share >= 0.00995 or share == 0 else f"{100 * share:.1g} %"


def format_size(count: int) -> str:
    """Bytes in KiB or MiB."""
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count // 2**10} KiB"


def join_words(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
