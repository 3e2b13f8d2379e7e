"""Measures a comparison when its first test runs, and keeps the samples for its other tests.

Each layer of a comparison is a test of its own, so that ``-k``, failures and rows behave as
people expect; measuring them in lock-step needs them at the same time.
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
from bench.timing.lockstep import Budget, Clock, Samples, compute_paired_ratio, measure_in_turns
from bench.timing.outcome import LASTING_ERRORS, Died, Outcome
from bench.timing.settling import settle
from bench.workloads.preparing import Workload

Prepare = Callable[[ConvCase], Workload]


@dataclass
class Measurements:
    """The comparison being measured. The workloads of the one before are let go."""

    prepare: Prepare
    budget: Budget
    clock: Clock
    warmup_calls: int = 0
    #: The cases whose tests will run; the others of a comparison are not measured.
    selected: set[ConvCase] = field(default_factory=set)
    #: Keeps what was measured, and knows what an earlier process kept.
    journal: Journal | None = None
    #: Taking turns with the same run in other environments: the place of each comparison by its id.
    baton: Turns | None = None
    places: Mapping[str, int] = field(default_factory=dict)
    _comparison: Comparison | None = None
    _outcomes: dict[ConvCase, Outcome] = field(default_factory=dict)

    def outcome(self, comparison: Comparison, case: ConvCase) -> Outcome:
        """The outcome of ``case``, measured now with all selected cases of its comparison.

        Raises what preparing this case raised; another case's error does not touch this one.
        """
        if comparison is not self._comparison or case not in self._outcomes:
            self._outcomes = {}
            self._comparison = comparison
            self._outcomes = self._kept_or_measured(comparison)
        outcome = self._outcomes[case]
        if outcome.error:
            raise outcome.error
        return outcome

    def against(self, base: ConvCase, case: ConvCase) -> Outcome:
        """The outcome of ``case``, measured in lock-step with ``base``, which it is paired with.

        Raises what preparing either raised.
        """
        self._comparison, self._outcomes = None, {}  # their memory is needed, and their caches are not

        def measure_both() -> Outcome:
            original, outcome = (self.settled(self.prepare(each)) for each in (base, case))
            start = Reading.now(case.device)
            samples = measure_in_turns(
                [original.workload.call, outcome.workload.call], self.budget, self.clock
            )
            outcome.noise = Disturbance.between(start, Reading.now(case.device))
            outcome.samples = samples[1]
            outcome.paired = compute_paired_ratio(samples[1], samples[0])
            return outcome

        return self._once(f"{case.id} against {base.id}", measure_both)

    def alone(self, name: str, prepare: Callable[[], Workload]) -> Outcome:
        """The outcome of what ``prepare`` makes, which is no case; it raises what that raises."""

        def measure_it() -> Outcome:
            outcome = self.settled(prepare())
            (outcome.samples,) = measure_in_turns([outcome.workload.call], self.budget, self.clock)
            return outcome

        return self._once(name, measure_it)

    def settled(self, workload: Workload) -> Outcome:
        """``workload`` ready for being timed by other means: settled, without samples."""
        settling = settle(
            workload.call,
            self.clock,
            at_least_calls=self.warmup_calls,
            limit_seconds=max(2.0, self.budget.max_time),
        )
        return Outcome(workload=workload, settling=settling)

    def _once(self, name: str, measure_it: Callable[[], Outcome]) -> Outcome:
        """What came of ``measure_it``, now or before this run was gone on with."""
        if not self.journal:
            return measure_it()
        kept = self.journal.kept(name)
        if kept is not None:
            return Outcome.from_dict(kept)
        with self._begun(name):
            outcome = measure_it()
        self.journal.keep(name, outcome.as_dict())
        return outcome

    def _kept_or_measured(self, comparison: Comparison) -> dict[ConvCase, Outcome]:
        cases = [case for case in comparison.cases if case in self.selected]
        name = " with ".join(case.id for case in cases)
        kept = self.journal.kept(name) if self.journal else None
        if kept is not None:
            return {case: Outcome.from_dict(kept[case.id]) for case in cases}
        outcomes = self._measure(comparison, cases, name)
        # Another error may not come again: its case is tried again by whoever goes on.
        lasting = all(
            isinstance(one.error, (type(None), *LASTING_ERRORS.values())) for one in outcomes.values()
        )
        if self.journal and lasting:
            self.journal.keep(name, {case.id: outcome.as_dict() for case, outcome in outcomes.items()})
        return outcomes

    def _measure(
        self, comparison: Comparison, cases: Sequence[ConvCase], name: str
    ) -> dict[ConvCase, Outcome]:
        together = None
        if self.baton:
            together = self.baton.arrive(self.places.get(comparison.id, 0), len(self.places))
        outcomes = {case: self._prepare(case) for case in cases}
        ready = {case: outcome for case, outcome in outcomes.items() if outcome.error is None}
        dense = next((case for case in ready if case.is_dense), None)
        calls = [outcome.workload.call for outcome in ready.values()]
        if comparison.control and dense:
            copy = self._prepare(dense)
            calls += [copy.workload.call] if copy.error is None else []
        if not calls:
            return outcomes
        try:
            with self._begun(name):
                device = cases[0].device
                start = Reading.now(device)
                another = (self.baton.another,) if self.baton else ()
                samples = measure_in_turns(calls, self.budget, self.clock, *another)
                noise = Disturbance.between(start, Reading.now(device))
        except Died as error:
            return {case: Outcome(error=error) for case in cases}
        for outcome, taken in zip(ready.values(), samples, strict=False):
            outcome.samples, outcome.noise, outcome.together = taken, noise, together
        if dense:
            _relate(ready, dense, copies=samples[len(ready) :])
        return outcomes

    def _prepare(self, case: ConvCase) -> Outcome:
        try:
            with self._begun(case.id):
                return self.settled(self.prepare(case))
        except JournalError:
            raise
        except Exception as error:  # whatever it is, the case's own test raises it again
            return Outcome(error=error)

    @contextmanager
    def _begun(self, name: str) -> Iterator[None]:
        """Whatever kills the process inside does it because of ``name``, which has not done so too often."""
        if not self.journal:
            yield
            return
        reason = self.journal.why_not(name)
        if reason:
            raise Died(reason)
        self.journal.begin(name)
        try:
            yield
        finally:
            self.journal.leave(name)


def _relate(outcomes: dict[ConvCase, Outcome], dense: ConvCase, copies: Sequence[Samples]) -> None:
    base = outcomes[dense].samples
    separable = [case for case in outcomes if case.is_separable]
    for case in [*separable, dense] if separable else []:
        outcomes[case].paired = compute_paired_ratio(outcomes[case].samples, base)
    for copy in copies:
        outcomes[dense].control = compute_paired_ratio(copy, base)
