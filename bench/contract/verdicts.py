"""The words for how long a layer takes against another: claims expect them, verdicts give them."""

from __future__ import annotations

SLOWER, FASTER = "slower", "faster"
