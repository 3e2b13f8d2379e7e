"""Measures a comparison when its first test runs, and keeps the samples for its other tests.

Each layer of a comparison is a test of its own, so that ``-k``, failures and rows behave as
people expect; measuring them in lock-step needs them at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import advice
from bench.cases import ConvCase
from bench.environment import Noise, Reading
from bench.grids import Comparison
from bench.lockstep import Budget, Clock, PairedRatio, Samples, measure, paired_ratio
from bench.settling import Settling, settle
from bench.workloads import Workload

Prepare = Callable[[ConvCase], Workload]


@dataclass
class Outcome:
    """What came of one case: samples, or the error that its own test shall show."""

    workload: Workload | None = None
    error: Exception | None = None
    settling: Settling | None = None
    samples: Samples | None = None
    #: To the comparison's dense layer, or to what it is a remedy for; none where measured alone.
    paired: PairedRatio | None = None
    #: A second copy of this layer to this layer.
    control: PairedRatio | None = None
    noise: Noise | None = None

    def extra_info(self) -> dict[str, Any]:
        """The outcome's share of the data contract."""
        return {
            "paired": _paired_dict(self.paired),
            "control": _paired_dict(self.control),
            "first_call_seconds": self.workload.first_call_seconds,
            "warmup_calls": self.settling.calls,
            "settled": self.settling.settled,
            "noise": self.noise.as_dict() if self.noise else None,
        }

    def reasons_to_warn(self) -> list[str]:
        reasons = {
            advice.UNSETTLED: not self.settling.settled,
            advice.CONTAMINATED: bool(self.noise and self.noise.contaminated),
            advice.FEW_ROUNDS: bool(self.samples and len(self.samples.rounds) < advice.ENOUGH_ROUNDS),
        }
        return [reason for reason, holds in reasons.items() if holds]


@dataclass
class Measurements:
    """The comparison being measured. The workloads of the one before are let go."""

    prepare: Prepare
    budget: Budget
    clock: Clock
    warmup_calls: int = 0
    #: The cases whose tests will run; the others of a comparison are not measured.
    selected: set[ConvCase] = field(default_factory=set)
    _comparison: Comparison | None = None
    _outcomes: dict[ConvCase, Outcome] = field(default_factory=dict)

    def outcome(self, comparison: Comparison, case: ConvCase) -> Outcome:
        """The outcome of ``case``, measured now with all selected cases of its comparison.

        Raises what preparing this case raised; another case's error does not touch this one.
        """
        if comparison is not self._comparison or case not in self._outcomes:
            self._outcomes = {}
            self._comparison = comparison
            self._outcomes = self._measure(comparison)
        outcome = self._outcomes[case]
        if outcome.error:
            raise outcome.error
        return outcome

    def against(self, base: ConvCase, case: ConvCase) -> Outcome:
        """The outcome of ``case``, measured in lock-step with ``base``, which it is paired with.

        Raises what preparing either raised.
        """
        self._comparison, self._outcomes = None, {}  # their memory is needed, and their caches are not
        original, outcome = (self.settled(self.prepare(each)) for each in (base, case))
        start = Reading.now()
        samples = measure([original.workload.call, outcome.workload.call], self.budget, self.clock)
        outcome.noise = Noise.between(start, Reading.now())
        outcome.samples = samples[1]
        outcome.paired = paired_ratio(samples[1], samples[0])
        return outcome

    def settled(self, workload: Workload) -> Outcome:
        """``workload`` ready for being timed by other means: settled, without samples."""
        settling = settle(
            workload.call,
            self.clock,
            at_least_calls=self.warmup_calls,
            limit_seconds=max(2.0, self.budget.max_time),
        )
        return Outcome(workload=workload, settling=settling)

    def _measure(self, comparison: Comparison) -> dict[ConvCase, Outcome]:
        outcomes = {case: self._prepare(case) for case in comparison.cases if case in self.selected}
        ready = {case: outcome for case, outcome in outcomes.items() if outcome.error is None}
        dense = next((case for case in ready if case.is_dense), None)
        calls = [outcome.workload.call for outcome in ready.values()]
        if comparison.control and dense:
            copy = self._prepare(dense)
            calls += [copy.workload.call] if copy.error is None else []
        if not calls:
            return outcomes

        start = Reading.now()
        samples = measure(calls, self.budget, self.clock)
        noise = Noise.between(start, Reading.now())
        for outcome, taken in zip(ready.values(), samples, strict=False):
            outcome.samples, outcome.noise = taken, noise
        if dense:
            _relate(ready, dense, copies=samples[len(ready) :])
        return outcomes

    def _prepare(self, case: ConvCase) -> Outcome:
        try:
            return self.settled(self.prepare(case))
        except Exception as error:  # whatever it is, the case's own test raises it again
            return Outcome(error=error)


def _relate(outcomes: dict[ConvCase, Outcome], dense: ConvCase, copies: Sequence[Samples]) -> None:
    base = outcomes[dense].samples
    separable = [case for case in outcomes if case.is_separable]
    for case in [*separable, dense] if separable else []:
        outcomes[case].paired = paired_ratio(outcomes[case].samples, base)
    for copy in copies:
        outcomes[dense].control = paired_ratio(copy, base)


def _paired_dict(pair: PairedRatio | None) -> dict[str, Any] | None:
    if pair is None:
        return None
    return {
        "rounds": len(pair.ratios),
        "ratio": pair.ratio,
        "spread": list(pair.quartiles),
        "ratios": list(pair.ratios),
    }
