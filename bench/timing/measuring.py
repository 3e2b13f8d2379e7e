"""Measures a comparison when its first test runs, and keeps the samples for its other tests.

Each layer of a comparison is a test of its own, so that ``-k``, failures and rows behave as
people expect. But lock-step needs all layers of a comparison at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.contract.cases import ConvCase
from bench.machine.disturbance import Disturbance, Reading
from bench.plan.comparisons import Comparison
from bench.processes.journal import Journal, JournalError
from bench.processes.turns import Turns
from bench.timing.lockstep import (
    Budget,
    Clock,
    Samples,
    compute_paired_ratio,
    measure_in_lockstep,
    stop_when_enough,
)
from bench.timing.outcome import Died, Outcome, name_lasting_error
from bench.timing.settling import settle
from bench.workloads.preparing import Workload

Prepare = Callable[[ConvCase], Workload]


@dataclass
class Measurements:
    """Measures whatever a test asks for, or takes it up from the journal.

    It holds the outcomes of one comparison at a time: the workloads of the one before are let go, for their
    memory is needed.
    """

    prepare: Prepare
    budget: Budget
    clock: Clock
    warmup_calls: int = 0
    #: The cases whose tests will run; the others of a comparison are not measured.
    selected: set[ConvCase] = field(default_factory=set)
    #: Keeps what was measured, and knows what an earlier process kept.
    journal: Journal | None = None
    #: Taking turns with the same run in other environments.
    turns: Turns | None = None
    #: Where each comparison stands in the order of measuring, by its id: what turns are taken by.
    places: Mapping[str, int] = field(default_factory=dict)
    _comparison: Comparison | None = None
    _outcomes: dict[ConvCase, Outcome] = field(default_factory=dict)

    def measure_case(self, comparison: Comparison, case: ConvCase) -> Outcome:
        """The outcome of ``case``, measured now with all selected cases of its comparison, or before.

        Raises what preparing this case raised; another case's error does not touch this one.
        """
        if comparison is not self._comparison or case not in self._outcomes:
            self._let_go()
            self._comparison = comparison
            self._outcomes = self._measure_comparison(comparison)
        outcome = self._outcomes[case]
        if outcome.error:
            raise outcome.error
        return outcome

    def measure_against(self, base: ConvCase, case: ConvCase) -> Outcome:
        """The outcome of ``case``, measured in lock-step with ``base``, which it is paired with.

        Raises what preparing either raised.
        """
        self._let_go()

        def measure_both() -> Outcome:
            original = self.settle_workload(self.prepare(base))
            outcome = self.settle_workload(self.prepare(case))
            calls = [original.workload.call, outcome.workload.call]
            start = Reading.now(case.device)
            base_samples, samples = measure_in_lockstep(calls, self.budget, self.clock)
            outcome.disturbance = Disturbance.between(start, Reading.now(case.device))
            outcome.samples = samples
            outcome.paired = compute_paired_ratio(samples, base_samples)
            return outcome

        return self._measure_once(f"{case.id} against {base.id}", measure_both)

    def measure_alone(self, name: str, prepare: Callable[[], Workload]) -> Outcome:
        """The outcome of what ``prepare`` makes, which is no case. Raises what ``prepare`` raises."""

        def measure() -> Outcome:
            outcome = self.settle_workload(prepare())
            outcome.samples = measure_in_lockstep([outcome.workload.call], self.budget, self.clock)[0]
            return outcome

        return self._measure_once(name, measure)

    def settle_workload(self, workload: Workload) -> Outcome:
        """Call ``workload`` until it has settled; the outcome has no samples yet."""
        settling = settle(
            workload.call,
            self.clock,
            at_least_calls=self.warmup_calls,
            limit_seconds=max(2.0, self.budget.max_time),
        )
        return Outcome(workload=workload, settling=settling)

    def _let_go(self) -> None:
        """Forget the comparison that was measured last, so that its workloads' memory is free."""
        self._comparison = None
        self._outcomes = {}

    def _measure_once(self, name: str, measure: Callable[[], Outcome]) -> Outcome:
        """The outcome that the journal keeps of ``name``; where it keeps none, that of ``measure``, kept."""
        if not self.journal:
            return measure()
        kept = self.journal.take_up(name)
        if kept is not None:
            return Outcome.from_dict(kept)
        with self._record_running(name):
            outcome = measure()
        self.journal.keep(name, outcome.as_dict(), has_samples=outcome.samples is not None)
        return outcome

    def _measure_comparison(self, comparison: Comparison) -> dict[ConvCase, Outcome]:
        """The outcomes of all selected cases of ``comparison``, from the journal or measured now."""
        cases = [case for case in comparison.cases if case in self.selected]
        name = " with ".join(case.id for case in cases)
        kept = self.journal.take_up(name) if self.journal else None
        if kept is not None:
            return {case: Outcome.from_dict(kept[case.id]) for case in cases}
        outcomes = self._measure_together(comparison, cases, name)
        # An error of another kind may not come again, so nothing is kept: whoever resumes tries again.
        can_be_kept = all(
            outcome.error is None or name_lasting_error(outcome.error) for outcome in outcomes.values()
        )
        if self.journal and can_be_kept:
            self.journal.keep(
                name,
                {case.id: outcome.as_dict() for case, outcome in outcomes.items()},
                has_samples=any(outcome.samples is not None for outcome in outcomes.values()),
            )
        return outcomes

    def _measure_together(
        self, comparison: Comparison, cases: Sequence[ConvCase], name: str
    ) -> dict[ConvCase, Outcome]:
        """Measure ``cases`` of ``comparison`` in lock-step, with a copy of the dense layer as a control."""
        together = None
        if self.turns:
            together = self.turns.arrive(self.places.get(comparison.id, 0), len(self.places))
        outcomes = {case: self._prepare_case(case) for case in cases}
        ready = {case: outcome for case, outcome in outcomes.items() if outcome.error is None}
        calls = [outcome.workload.call for outcome in ready.values()]
        if not calls:
            return outcomes
        dense = next((case for case in ready if case.is_dense), None)
        if comparison.control and dense:
            copy = self._prepare_case(dense)
            if copy.error is None:
                calls.append(copy.workload.call)
        try:
            with self._record_running(name):
                samples, disturbance = self._measure_calls(calls, cases[0].device)
        except Died as error:
            return {case: Outcome(error=error) for case in cases}
        # A control's samples come last, and have no outcome of their own.
        for outcome, taken in zip(ready.values(), samples, strict=False):
            outcome.samples = taken
            outcome.disturbance = disturbance
            outcome.together = together
        if dense:
            _pair_with_dense(ready, dense, copies=samples[len(ready) :])
        return outcomes

    def _measure_calls(
        self, calls: Sequence[Callable[[], object]], device: str
    ) -> tuple[list[Samples], Disturbance]:
        """The samples of ``calls``, and what disturbed the machine while they were taken."""
        wait_for_turn = self.turns.wait_for_turn if self.turns else stop_when_enough
        start = Reading.now(device)
        samples = measure_in_lockstep(calls, self.budget, self.clock, wait_for_turn)
        return samples, Disturbance.between(start, Reading.now(device))

    def _prepare_case(self, case: ConvCase) -> Outcome:
        """The outcome of ``case``: settled and without samples, or the error that preparing it raised."""
        try:
            with self._record_running(case.id):
                return self.settle_workload(self.prepare(case))
        except JournalError:
            raise
        except Exception as error:  # whatever it is, the case's own test raises it again
            return Outcome(error=error)

    @contextmanager
    def _record_running(self, name: str) -> Iterator[None]:
        """Record ``name`` as running while inside; raise :class:`Died` if it has killed earlier processes."""
        if not self.journal:
            yield
            return
        reason = self.journal.explain_refusal(name)
        if reason:
            raise Died(reason)
        self.journal.begin(name)
        try:
            yield
        finally:
            self.journal.leave(name)


def _pair_with_dense(
    outcomes: Mapping[ConvCase, Outcome], dense: ConvCase, copies: Sequence[Samples]
) -> None:
    """Give the outcomes their ratios to ``dense``, and that of ``dense`` the ratio of its copy to itself."""
    base = outcomes[dense].samples
    separable = [case for case in outcomes if case.is_separable]
    if separable:
        for case in [*separable, dense]:
            outcomes[case].paired = compute_paired_ratio(outcomes[case].samples, base)
    for copy in copies:
        outcomes[dense].control = compute_paired_ratio(copy, base)
