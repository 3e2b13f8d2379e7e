"""Measures a comparison when its first test runs, and keeps the samples for its other tests.

Each layer of a comparison is a test of its own, so that ``-k``, failures and rows behave as
people expect. But lock-step needs all layers of a comparison at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from bench.contract.cases import ConvCase
from bench.machine.disturbance import Disturbance, Reading
from bench.plan.comparisons import Comparison
from bench.processes.journal import Journal, JournalError
from bench.processes.turns import Turns
from bench.timing.lockstep import (
    Budget,
    Clock,
    compute_paired_ratio,
    measure_in_lockstep,
    stop_when_enough,
)
from bench.timing.outcome import Died, Outcome, name_lasting_error
from bench.timing.settling import settle
from bench.workloads.preparing import Workload

Prepare = Callable[[ConvCase], Workload]

#: A group has at least so many turns, though its calls may be long: fewer decide nothing among variants of
#: a network in all its directions.
GROUP_TURNS = 10


@dataclass
class Measurements:
    """Measures whatever a test asks for, or takes it up from the journal.

    It holds the outcomes of one comparison or group at a time: the workloads of the one before are let go,
    for their memory is needed.
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
    #: What was measured last, a comparison or the name of a group, and its outcomes by name.
    _held: Comparison | str | None = None
    _outcomes: dict[str, Outcome] = field(default_factory=dict)

    def measure_case(self, comparison: Comparison, case: ConvCase) -> Outcome:
        """The outcome of ``case``, measured now with all selected cases of its comparison, or before.

        Raises what preparing this case raised; another case's error does not touch this one.
        """
        if comparison is not self._held or case.id not in self._outcomes:
            self.let_go()
            self._outcomes = self._measure_comparison(comparison)
            self._held = comparison
        outcome = self._outcomes[case.id]
        if outcome.error:
            raise outcome.error
        return outcome

    def measure_group(
        self, name: str, prepares: Mapping[str, Callable[[], Workload]], device: str
    ) -> Mapping[str, Outcome]:
        """The outcomes of workloads that take turns on ``device``, by name, each paired with the first.

        ``name`` says what the group is. What cannot be prepared holds the error; the others are measured.
        """
        if name != self._held:
            self.let_go()
            self._outcomes = self._take_up_or_measure(
                name, prepares, lambda: self._measure_members(name, prepares, device)
            )
            self._held = name
        return self._outcomes

    def measure_against(self, base: ConvCase, case: ConvCase) -> Outcome:
        """The outcome of ``case``, measured in lock-step with ``base``, which it is paired with.

        Raises what preparing either raised.
        """
        self.let_go()

        def measure_both() -> Outcome:
            original = self.settle_workload(self.prepare(base))
            outcome = self.settle_workload(self.prepare(case))
            self._take_samples([original, outcome], case.device, self.budget)
            outcome.paired = compute_paired_ratio(outcome.samples, original.samples)
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

    def let_go(self) -> None:
        """Forget what was measured last, so that its workloads' memory is free."""
        self._held = None
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

    def _measure_comparison(self, comparison: Comparison) -> dict[str, Outcome]:
        """The outcomes of all selected cases of ``comparison``, from the journal or measured now, by id."""
        cases = {case.id: case for case in comparison.cases if case in self.selected}
        name = " with ".join(cases)
        return self._take_up_or_measure(name, cases, lambda: self._measure_layers(comparison, cases, name))

    def _take_up_or_measure(
        self, name: str, keys: Iterable[str], measure: Callable[[], dict[str, Outcome]]
    ) -> dict[str, Outcome]:
        """The outcomes that the journal keeps of ``name``; else those of ``measure``, which are kept."""
        kept = self.journal.take_up(name) if self.journal else None
        if kept is not None:
            return {key: Outcome.from_dict(kept[key]) for key in keys}
        outcomes = measure()
        # An error of another kind may not come again, so nothing is kept: whoever resumes tries again.
        can_be_kept = all(
            outcome.error is None or name_lasting_error(outcome.error) for outcome in outcomes.values()
        )
        if self.journal and can_be_kept:
            self.journal.keep(
                name,
                {key: outcome.as_dict() for key, outcome in outcomes.items()},
                has_samples=any(outcome.samples is not None for outcome in outcomes.values()),
            )
        return outcomes

    def _measure_layers(
        self, comparison: Comparison, cases: Mapping[str, ConvCase], name: str
    ) -> dict[str, Outcome]:
        """Measure ``cases`` of ``comparison`` in lock-step, with a copy of the dense layer as a control."""
        together = None
        if self.turns:
            together = self.turns.arrive(self.places.get(comparison.id, 0), len(self.places))
        outcomes = {key: self._prepare(key, partial(self.prepare, case)) for key, case in cases.items()}
        ready = _select_ready(outcomes)
        dense = next((key for key in ready if cases[key].is_dense), None)
        copies = []
        if comparison.control and dense:
            copies = [self._prepare(dense, partial(self.prepare, cases[dense]))]
        members = [*ready.values(), *(copy for copy in copies if copy.error is None)]
        try:
            self._measure_ready(name, members, comparison.cases[0].device)
        except Died as error:
            return {key: Outcome(error=error) for key in cases}
        for outcome in ready.values():
            outcome.together = together
        if dense:
            pairs = {
                key: outcome for key, outcome in ready.items() if key == dense or cases[key].is_separable
            }
            _pair_with_dense(pairs, dense, members[len(ready) :])
        return outcomes

    def _measure_members(
        self, name: str, prepares: Mapping[str, Callable[[], Workload]], device: str
    ) -> dict[str, Outcome]:
        """Measure what ``prepares`` make in lock-step, and pair each with the first."""
        outcomes = {key: self._prepare(f"{name}: {key}", prepare) for key, prepare in prepares.items()}
        ready = _select_ready(outcomes)
        try:
            self._measure_ready(name, list(ready.values()), device, least_turns=GROUP_TURNS)
        except Died as error:
            return {key: Outcome(error=error) for key in prepares}
        base = ready.get(next(iter(prepares)))
        if base:
            for outcome in ready.values():
                outcome.paired = compute_paired_ratio(outcome.samples, base.samples)
        return outcomes

    def _measure_ready(
        self, name: str, members: Sequence[Outcome], device: str, least_turns: int = 0
    ) -> None:
        """Give ``members``, which have settled, their samples, and what disturbed the machine meanwhile."""
        if not members:
            return
        budget = replace(self.budget, min_rounds=max(self.budget.min_rounds, least_turns))
        wait_for_turn = self.turns.wait_for_turn if self.turns else stop_when_enough
        with self._record_running(name):
            self._take_samples(members, device, budget, wait_for_turn)

    def _take_samples(
        self,
        members: Sequence[Outcome],
        device: str,
        budget: Budget,
        wait_for_turn: Callable[[bool], bool] = stop_when_enough,
    ) -> None:
        """Measure ``members`` in lock-step, and give each its samples and what disturbed the machine."""
        start = Reading.now(device)
        calls = [member.workload.call for member in members]
        samples = measure_in_lockstep(calls, budget, self.clock, wait_for_turn)
        disturbance = Disturbance.between(start, Reading.now(device))
        for member, taken in zip(members, samples, strict=True):
            member.samples = taken
            member.disturbance = disturbance

    def _prepare(self, name: str, prepare: Callable[[], Workload]) -> Outcome:
        """The outcome of ``name``: settled and without samples, or the error that preparing it raised."""
        try:
            with self._record_running(name):
                return self.settle_workload(prepare())
        except JournalError:
            raise
        except Exception as error:  # whatever it is, its own test raises it again
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


def _select_ready(outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Those that could be prepared."""
    return {key: outcome for key, outcome in outcomes.items() if outcome.error is None}


def _pair_with_dense(outcomes: Mapping[str, Outcome], dense: str, copies: Sequence[Outcome]) -> None:
    """Give the outcomes their ratios to ``dense``, and that of ``dense`` the ratio of its copy to itself."""
    base = outcomes[dense].samples
    if len(outcomes) > 1:
        for outcome in outcomes.values():
            outcome.paired = compute_paired_ratio(outcome.samples, base)
    for copy in copies:
        outcomes[dense].control = compute_paired_ratio(copy.samples, base)
