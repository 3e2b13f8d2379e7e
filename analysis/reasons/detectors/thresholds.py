"""From where on something in a traced layer is worth a word."""

from __future__ import annotations

#: What is under this share of a step is no finding.
WORTH = 0.05

#: A kernel below this part of its limit is slow: it takes more than twice its least time.
SLOW = 0.5

#: From this part of its time on, a kernel that ran beside others has no time of its own.
TOGETHER = 0.5
