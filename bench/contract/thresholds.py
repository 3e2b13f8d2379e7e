"""Limits that are set once, for who measures and who reads: needs nothing but the standard library."""

from __future__ import annotations

#: A run is warned of where others use more than this share of the processor when it begins.
BUSY_SHARE = 0.1

#: How much a ratio of two times moves between runs of one environment, which a single run cannot see. Over
#: the three runs of reports/example its standard deviation was 2.1 % for the median comparison and under
#: 5.7 % for 95 % of them, so that with this margin and the interval on top a chance verdict is rare.
SINGLE_RUN_NOISE = 0.10

#: Fewer controls of one kind say little about the 95th percentile of what they show.
ENOUGH_CONTROLS = 5
