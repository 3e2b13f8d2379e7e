"""The arms of one kernel, by the clock that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.contract.experiments import ALONE, EMPTY, FRIENDLY, OTHER, Arm, KernelExperiment


@dataclass(frozen=True)
class Arms:
    """What was run of one kernel."""

    experiment: KernelExperiment

    def find(self, name: str) -> Arm | None:
        """The arm of this name; None where it was not run. Of several the first."""
        return next((arm for arm in self.experiment.arms if arm.arm == name), None)

    @property
    def others(self) -> list[Arm]:
        """Every other implementation."""
        return [arm for arm in self.experiment.arms if arm.arm == OTHER]

    @property
    def friendly(self) -> list[Arm]:
        """Every shape that suits such kernels."""
        return [arm for arm in self.experiment.arms if arm.arm == FRIENDLY]

    @property
    def turns(self) -> int:
        """How many turns the arms took."""
        alone = self.find(ALONE)
        return len(alone.wall_seconds) if alone else 0

    def time(self, *arms: Arm | None, only_onednn: bool = False) -> np.ndarray | None:
        """Seconds of ``arms`` in every turn, (arms, turns), all by one clock; None where none suffices.

        That is oneDNN's, or else the clock outside, less what a call that does nothing takes in the same
        process and turn, unless ``only_onednn``. A kernel too short for the clock outside has no time.
        """
        present = [arm for arm in arms if arm is not None]
        if len(present) < len(arms):
            return None
        if all(arm.seconds for arm in present):
            return np.array([arm.seconds for arm in present])
        if only_onednn:
            return None
        rows = [self._subtract_call(arm) for arm in present]
        known = [row for row in rows if row is not None and (row > 0).all()]
        return np.array(known) if len(known) == len(rows) else None

    def time_at_most(self, alone: Arm | None, other: Arm) -> np.ndarray | None:
        """Seconds of both from outside, of ``other`` with the call: no more than that is its own time.

        None where ``alone`` has no time of its own.
        """
        outside = None if alone is None else self._subtract_call(alone)
        if outside is None or not (outside > 0).all():
            return None
        return np.array([outside, other.wall_seconds])

    def _subtract_call(self, arm: Arm) -> np.ndarray | None:
        """Seconds from outside without those of a call; None where no empty call took the same turns."""
        if arm.arm == FRIENDLY:  # is written without them
            return np.array(arm.wall_seconds)
        empty = [
            one
            for one in self.experiment.arms
            if one.arm == EMPTY
            and one.process == arm.process
            and len(one.wall_seconds) == len(arm.wall_seconds)
        ]
        if not empty:
            return None
        # Of the same mode where there is one: calls of two modes differ by little.
        nearest = next((one for one in empty if one.case.mode == arm.case.mode), empty[0])
        return np.array(arm.wall_seconds) - np.array(nearest.wall_seconds)
