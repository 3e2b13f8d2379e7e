"""A kernel's time in its step = its least time + causes + what is left.

Causes are taken off one after the other, from the outside to the inside: what surrounds the kernel, how it is
called and divided, its size, its shape, its code. Each takes its part of what those before it left. A cause
is claimed only where the 95 % interval of its part lies above :data:`MARGIN`; where it does not, the time
stays for what follows.
"""

from __future__ import annotations

import numpy as np

from analysis.limits.roofline import Ceilings, Limit
from analysis.reasons.causes.arms import Arms
from analysis.reasons.causes.machine import Machine
from analysis.reasons.causes.parts import (
    CAUSES,
    COLD_DATA,
    EMPTY_LANES,
    FIXED_COST,
    IMPLEMENTATION,
    KERNEL_CEILING,
    LARGE_DATA,
    THREADS,
    Cause,
    KernelSum,
)
from analysis.reasons.causes.trials import Outcome, Trials
from analysis.statistics.estimates import CONFIDENCE
from analysis.statistics.resampling import DRAWS, FEWEST_TURNS, find_interval
from bench.contract.cost import Kernel
from bench.contract.experiments import Experiments

#: A smaller part is never claimed. Of 1500 simulated kernels for which nothing makes a difference, with ten
#: turns and a noise of 3, 5, 10 and 20 % an arm and turn, at most 0, 0.2, 1.8 and 1.8 % of the tests of one
#: cause claimed it. Of kernels, 0.1, 0.8, 4.6 and 9.5 % had any cause claimed.
MARGIN = 0.03


def divide_kernel(
    kernel: Kernel, seconds: float, limit: Limit, experiments: Experiments, ceilings: Ceilings
) -> KernelSum:
    """The sum of a kernel that takes ``seconds`` of its step and could take ``limit`` at least.

    ``not_tested`` says why there is none.
    """
    found = [
        one for one in experiments.kernels if (one.operation, one.role) == (kernel.operation, kernel.role)
    ]
    if not found:
        return KernelSum(not_tested="no experiment was made on it")
    arms = Arms(found[0])
    if arms.turns < FEWEST_TURNS:
        return KernelSum(not_tested=f"its experiments took fewer than {FEWEST_TURNS} turns")
    if not seconds > limit.seconds:
        return KernelSum(not_tested="it takes no longer than its limit")
    machine = Machine(ceilings, experiments)
    outcomes = _run_trials(Trials(kernel.operation, kernel.role, arms, machine, limit.bound_by, kernel.bytes))
    if not outcomes:
        return KernelSum(not_tested="no clock could time its experiments")
    return _take_off(outcomes, seconds, limit.seconds)


def is_claimed(lost: np.ndarray, tries: int = 1) -> bool:
    """Whether a lost part, a quantity, is more than chance; the best of several ``tries`` needs more."""
    return find_interval(lost, 1 - (1 - CONFIDENCE) / tries)[0] > MARGIN


def _run_trials(trials: Trials) -> dict[str, Outcome]:
    """What could be tested, in the order of :data:`CAUSES`."""
    methods = {
        COLD_DATA: trials.try_cold_data,
        FIXED_COST: trials.try_fixed_cost,
        THREADS: trials.try_threads,
        LARGE_DATA: trials.try_large_data,
        EMPTY_LANES: trials.try_empty_lanes,
        IMPLEMENTATION: trials.try_implementations,
        KERNEL_CEILING: trials.try_ceiling,
    }
    outcomes = {cause: methods[cause]() for cause in CAUSES}
    return {cause: outcome for cause, outcome in outcomes.items() if outcome is not None}


def _take_off(outcomes: dict[str, Outcome], seconds: float, least: float) -> KernelSum:
    """Take what each cause costs off ``seconds``, never below ``least``."""
    left = np.full(1 + DRAWS, seconds)
    warm = left
    causes: list[Cause] = []
    tried: dict[str, tuple[float, float]] = {}
    for cause, outcome in outcomes.items():
        stays = _find_what_stays(cause, outcome, left, warm, least)
        lost = 1 - stays / left
        tried[cause] = find_interval(lost)
        stays = np.clip(stays, least, left)
        taken = left - stays
        if not (is_claimed(lost, outcome.tries) and taken[0] > 0):
            continue
        causes.append(Cause(cause, float(taken[0]), find_interval(taken), outcome.evidence))
        left = stays
        if cause == COLD_DATA:
            warm = left
    remainder = max(0.0, seconds - least - sum(cause.seconds for cause in causes))
    return KernelSum(
        causes=tuple(causes),
        remainder_seconds=remainder,
        remainder_interval=find_interval(np.append(remainder, left[1:] - least)),
        tried=tried,
    )


def _find_what_stays(
    cause: str, outcome: Outcome, left: np.ndarray, warm: np.ndarray, least: float
) -> np.ndarray:
    """Seconds that stay without ``cause`` of what is ``left``; ``warm`` is the kernel alone."""
    if cause == IMPLEMENTATION:
        # The whole kernel in another implementation, whatever of it the causes before took off.
        return warm * outcome.stays
    if cause == KERNEL_CEILING:
        return np.maximum(left - (least / outcome.stays - least), least)
    return left * outcome.stays
