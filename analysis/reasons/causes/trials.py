"""One trial a cause: which part of a kernel's time stays without it.

Every trial returns an :class:`Outcome`, or None where an arm is missing or its clock does not suffice. Only
ratios of arms in the same turns are used, so drift between processes does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.reasons.causes.arms import Arms
from analysis.reasons.causes.machine import Machine, name_working_set
from analysis.statistics.resampling import resample_median
from bench.contract.cost import find_kernel
from bench.contract.experiments import (
    ALONE,
    AVX2,
    BATCH_2,
    BATCH_4,
    FLOAT32,
    FRIENDLY,
    GRAPH_MODE,
    IN_STEP,
    LAST_CHANNELS,
    NO_ONEDNN,
    ONE_THREAD,
    ONE_THREAD_BATCH_4,
    SMALL_DATA,
    WHOLE_LANES,
    Arm,
)

#: A kernel this many times as near to its limit as friendly shapes shows that they are not.
_CLEARLY_NEARER = 1.25
#: Settings under which another implementation does exactly this work; under others its time is scaled.
_SAME_WORK = frozenset({FLOAT32, GRAPH_MODE, LAST_CHANNELS, NO_ONEDNN, AVX2})
#: Turns of friendly shapes may belong to no turns of the other arms.
_FRIENDLY_STREAM = 2
#: A kernel that would take longer without a cause has lost nothing to it, however much longer.
_MOST_STAYS = 10.0


@dataclass(frozen=True)
class Outcome:
    """What stays without a cause, as a part of what there was: a quantity (see ``statistics.resampling``)."""

    stays: np.ndarray
    evidence: Mapping[str, Any]
    #: Of how many alternatives it is the best: so many times it may have been chance.
    tries: int = 1


@dataclass(frozen=True)
class Trials:
    """A kernel, its arms, and what bounds it."""

    operation: str
    role: str
    arms: Arms
    machine: Machine
    #: Of the kernel as it is inside its step.
    bound_by: str
    bytes: int

    def try_cold_data(self) -> Outcome | None:
        """The kernel alone finds its data in the cache. Only oneDNN's clock sees it inside a step."""
        alone, inside = self.arms.find(ALONE), self.arms.find(IN_STEP)
        times = self.arms.time(alone, inside, only_onednn=True)
        if times is None or not _ran_the_same([alone, inside]):
            return None
        evidence = {
            "alone_seconds": _median(times[0]),
            "in_step_seconds": _median(times[1]),
            "roof": name_working_set(self.bytes),
        }
        return Outcome(resample_median(times[0] / times[1]), evidence)

    def try_fixed_cost(self) -> Outcome | None:
        """What does not grow with the images. A call from outside has costs that are not the kernel's.

        Where more images leave a cache, they cost more each, and what does not grow is told too low.
        """
        found = {images: self.arms.find(name) for images, name in ((1, ALONE), (2, BATCH_2), (4, BATCH_4))}
        arms = {images: arm for images, arm in found.items() if arm is not None}
        times = self.arms.time(*arms.values(), only_onednn=True)
        if 1 not in arms or len(arms) < 2 or times is None or not _ran_the_same(list(arms.values())):
            return None
        by_batch = {str(images): _median(row) for images, row in zip(arms, times, strict=True)}
        most = max(arms)
        growth = (resample_median(times[-1] / times[0]) - 1) / (most - 1)
        return Outcome(np.maximum(growth, 0.0), {"seconds_by_batch": by_batch})

    def try_threads(self) -> Outcome | None:
        """What the threads bring, against what they bring the machine's own ceiling.

        With four times the images, where one kernel runs both: there fixed costs weigh little.
        """
        several, one = self._choose_thread_arms()
        times = self.arms.time(several, one)
        if several is None or times is None or not _ran_the_same([several, one]):
            return None
        gain = self.machine.gain(self.bound_by, self.bytes)
        evidence = {
            "batch": several.case.batch,
            "one_thread_seconds": _median(times[1]),
            "all_threads_seconds": _median(times[0]),
            "threads": self.machine.experiments.threads,
            "ceiling_gain": float(1 / gain[0]),
        }
        stays = gain * resample_median(times[1] / times[0])
        return Outcome(np.clip(stays, 0.0, _MOST_STAYS), evidence)

    def _choose_thread_arms(self) -> tuple[Arm | None, Arm | None]:
        """The kernel with all threads and with one."""
        alone = self.arms.find(ALONE)
        several, one = self.arms.find(BATCH_4), self.arms.find(ONE_THREAD_BATCH_4)
        if several and one and alone and _ran_the_same([alone, several, one]):
            return several, one
        return alone, self.arms.find(ONE_THREAD)

    def try_large_data(self) -> Outcome | None:
        """As few and as small images as fit a core's cache, their time scaled by the work."""
        small = self.arms.find(SMALL_DATA)
        own = self._find_own(small)
        if small is None or own is None or not _ran_the_same([own, small]):
            return None
        return self._try_scaled(own, small, {"shape": small.case.shape})

    def try_empty_lanes(self) -> Outcome | None:
        """Channels rounded up to whole vectors, their time scaled by the work."""
        whole = self.arms.find(WHOLE_LANES)
        own = self._find_own(whole)
        if whole is None or own is None:
            return None
        channels = {
            "channels": own.case.in_channels,
            "lanes": whole.case.in_channels,
            "filters": own.case.filters,
            "filters_in_whole_lanes": whole.case.filters,
        }
        return self._try_scaled(own, whole, channels)

    def _try_scaled(self, own: Arm, arm: Arm, evidence: Mapping[str, Any]) -> Outcome | None:
        """What of the time of ``own`` stays in ``arm`` for the same work; None where it is not known."""
        times = self.arms.time(own, arm)
        scale = self._scale(own, arm)
        if times is None or scale is None:
            return None
        numbers = {
            "seconds": _median(times[0]),
            "other_seconds": _median(times[1]),
            "scaled_by": scale,
            "implementation": arm.implementation,
        }
        return Outcome(resample_median(times[1] / times[0]) * scale, {**evidence, **numbers})

    def _find_own(self, arm: Arm | None) -> Arm | None:
        """The kernel alone in the process of ``arm``."""
        alone = (self.arms.find(ONE_THREAD), self.arms.find(ALONE))
        return next((own for own in alone if own and arm and own.process == arm.process), None)

    def try_implementations(self) -> Outcome | None:
        """The fastest other implementation against the kernel alone (not against what is left of it)."""
        alone = self.arms.find(ALONE)
        found = []
        for arm, setting in self._list_alternatives(alone):
            times = self.arms.time(alone, arm)
            if times is None:
                # It may be too short for the clock outside.
                times = self.arms.time_at_most(alone, arm)
            scale = self._scale_alternative(alone, arm, setting) if alone else None
            if times is not None and scale is not None:
                evidence = {
                    "setting": setting,
                    "seconds": _median(times[1]) * scale,
                    "this_seconds": _median(times[0]),
                    "implementation": arm.implementation,
                }
                found.append((resample_median(times[1] / times[0]) * scale, evidence))
        if not found:
            return None
        takes, evidence = min(found, key=lambda pair: pair[0][0])
        return Outcome(takes, evidence, tries=len(found))

    def _list_alternatives(self, alone: Arm | None) -> Iterator[tuple[Arm, str]]:
        """Other implementations, each with what gives it; those that more images make oneDNN choose, too."""
        yield from ((arm, arm.setting) for arm in self.arms.others)
        for setting in (BATCH_2, BATCH_4):
            arm = self.arms.find(setting)
            if alone and arm and arm.implementation and arm.implementation != alone.implementation:
                yield arm, setting

    def _scale_alternative(self, alone: Arm, arm: Arm, setting: str) -> float | None:
        """The work of ``alone`` over that of ``arm``: what favours ``arm`` least; None where unknown."""
        if setting in _SAME_WORK:
            return 1.0
        if setting in (BATCH_2, BATCH_4):
            return alone.case.batch / arm.case.batch
        by_limit = self._scale(alone, arm)
        own = find_kernel(alone.case, self.operation, self.role)
        other = find_kernel(arm.case, self.operation, self.role)
        return max(by_limit, own.flops / other.flops) if by_limit and own and other else None

    def try_ceiling(self) -> Outcome | None:
        """The best share of its limit that a kernel of this kind reaches with a shape that suits it.

        Where the kernel itself comes clearly nearer, alone, those shapes suit it badly and say nothing.
        """
        found = [
            (share, arm.case.shape) for arm in self.arms.friendly if (share := self._reach(arm)) is not None
        ]
        if not found:
            return None
        reached, shape = max(found, key=lambda pair: pair[0][0])
        own = self.arms.find(ONE_THREAD) or self.arms.find(ALONE)
        own_share = self._reach(own) if own else None
        if own_share is not None and own_share[0] > _CLEARLY_NEARER * reached[0]:
            return None
        return Outcome(reached, {"of_limit": float(reached[0]), "shape": shape})

    def _reach(self, arm: Arm) -> np.ndarray | None:
        """The share of its limit, with as many threads as its process has, that ``arm`` reaches."""
        times = self.arms.time(arm)
        kernel = find_kernel(arm.case, self.operation, self.role)
        limit = self.machine.limit(arm.case, self.operation, self.role)
        if times is None or kernel is None or limit is None:
            return None
        gain = self.machine.gain_of_arm(arm, limit.bound_by, kernel.bytes)
        stream = _FRIENDLY_STREAM if arm.arm == FRIENDLY else 0
        return np.minimum(limit.seconds / gain * resample_median(1 / times[0], stream), 1.0)

    def _scale(self, own: Arm | None, other: Arm) -> float | None:
        """The least time of the work of ``own`` over that of ``other``."""
        least = self.machine.limit(own.case, self.operation, self.role) if own else None
        other_least = self.machine.limit(other.case, self.operation, self.role)
        return least.seconds / other_least.seconds if least and other_least else None


def _ran_the_same(arms: Sequence[Arm | None]) -> bool:
    """Whether one implementation ran all ``arms``: else they are not the same kernel."""
    return len({arm.implementation for arm in arms if arm is not None}) == 1


def _median(row: np.ndarray) -> float:
    return float(np.median(row))
