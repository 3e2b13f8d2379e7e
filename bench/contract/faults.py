"""What a file of faults and an environment with faults say: needs nothing but the standard library.

``bench.workloads.faults`` makes chosen cases slow; ``analysis`` asks whether that is found.
"""

from __future__ import annotations

#: The fact of an environment that says with which faults it was measured: the digest of their file.
FAULTS = "faults"
#: The fault that makes calls take so much longer, as a share of their own time.
SLOWDOWN = "slowdown"
