"""A quick look at whether a kernel is slow, so that no time is spent on those that are not.

The limits that a reader sees are ``analysis``'s, from the run's own ceilings. These here come from the few
products and copies of the experiments, so a kernel is let go only where it is well above half of its limit.
"""

from __future__ import annotations

import math

from bench.contract.ceilings import MATRIX_PRODUCT
from bench.contract.cost import find_kernel
from bench.plan.ceilings import Ceiling
from bench.plan.experiments import PlannedKernel

#: A reader is told that a kernel is slow under half of its limit. In a slow hour quick limits are too high.
_SURELY_NOT_SLOW = 0.8


class QuickLimits:
    """The machine's rates, as far as they were measured: FLOPs, and bytes a second by working set."""

    def __init__(self) -> None:
        self._peak_flops = 0.0
        self._bandwidths: dict[int, float] = {}

    def add(self, ceiling: Ceiling, seconds: float) -> None:
        """Note that ``ceiling`` took ``seconds``."""
        if ceiling.kind == MATRIX_PRODUCT:
            self._peak_flops = ceiling.flops / seconds
        else:
            self._bandwidths[ceiling.working_set_bytes] = ceiling.bytes / seconds

    def may_be_slow(self, kernel: PlannedKernel, seconds: float) -> bool:
        """Whether ``kernel``, which took ``seconds``, may be under half of its limit."""
        is_known = self._peak_flops and self._bandwidths and kernel.case.dtype == "float32"
        cost = find_kernel(kernel.case, kernel.operation, kernel.role)
        if not is_known or cost is None or kernel.case.mode == "xla":
            return True
        least = max(cost.flops / self._peak_flops, cost.bytes / self._find_bandwidth(cost.bytes))
        return least / seconds < _SURELY_NOT_SLOW

    def _find_bandwidth(self, working_set_bytes: int) -> float:
        smaller = [size for size in self._bandwidths if size <= working_set_bytes]
        if not smaller:
            return math.inf  # a cache's, which was not measured here
        own = max(smaller)
        # A small set may by chance have been measured slower than a larger one.
        return max(rate for size, rate in self._bandwidths.items() if size >= own)
