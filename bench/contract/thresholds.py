"""Limits that are set once, for who measures and who reads: needs nothing but the standard library."""

from __future__ import annotations

#: A run is warned of where others use more than this share of the processor when it begins.
BUSY_SHARE = 0.1
