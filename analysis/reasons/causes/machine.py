"""What this machine allows a kernel at most: with all threads, and what it gains from having them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.limits.roofline import COMPUTE, Ceilings, Limit, compute_kernel_limit
from analysis.statistics.resampling import DRAWS, resample_median
from bench.contract.cases import ConvCase
from bench.contract.cost import find_kernel
from bench.contract.experiments import PRODUCT, SINGLE_THREAD, STREAM, Arm, Experiments, ThreadScaling

#: Turns of the ceilings belong to no turns of kernels.
_STREAM_OF_DRAWS = 1


@dataclass(frozen=True)
class Machine:
    """The ceilings of a device, and of the process that ran the experiments."""

    ceilings: Ceilings
    experiments: Experiments

    def limit(self, case: ConvCase, operation: str, role: str) -> Limit | None:
        """The least time of the kernel of ``case``; None where it has none, or its dtype no ceiling."""
        kernel = find_kernel(case, operation, role)
        if kernel is None or not self.ceilings.can_judge(case):
            return None
        return compute_kernel_limit(kernel, case.dtype, self.ceilings)

    def gain(self, bound_by: str, working_set_bytes: int) -> np.ndarray:
        """The time with all threads over that with one, of what bounds a kernel: a quantity of at most 1.

        That is the matrix product's, or the copy's over the next smaller working set; where neither was
        measured, as many threads as there are are taken to be so many times as fast.
        """
        found = self._products if bound_by == COMPUTE else self._choose_copy(working_set_bytes)
        if not found or self.experiments.threads == 1:
            return np.full(1 + DRAWS, 1 / self.experiments.threads)
        ratios = np.array(found[0].seconds) / np.array(found[0].one_thread_seconds)
        return np.minimum(resample_median(ratios, _STREAM_OF_DRAWS), 1.0)

    def gain_of_arm(self, arm: Arm, bound_by: str, working_set_bytes: int) -> np.ndarray:
        """The same for the process that ran ``arm``: 1 where that had all threads."""
        if arm.process != SINGLE_THREAD:
            return np.ones(1 + DRAWS)
        return self.gain(bound_by, working_set_bytes)

    @cached_property
    def _products(self) -> list[ThreadScaling]:
        return [scaling for scaling in self.experiments.scalings if scaling.kind == PRODUCT]

    def _choose_copy(self, working_set_bytes: int) -> list[ThreadScaling]:
        """The copy over the largest set that is no larger; else the smallest; as a list of at most one."""
        copies = sorted(
            (scaling for scaling in self.experiments.scalings if scaling.kind == STREAM),
            key=lambda scaling: scaling.working_set_bytes,
        )
        smaller = [copy for copy in copies if copy.working_set_bytes <= working_set_bytes]
        return smaller[-1:] or copies[:1]


def name_working_set(working_set_bytes: int) -> str:
    """Which roof a kernel is held against, as evidence says it."""
    return f"the kernel's own working set, {working_set_bytes} bytes"
