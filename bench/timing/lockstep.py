"""Measures several callables turn by turn in alternating order, so that drift hits all alike.

A turn gives each callable one slice: one untimed call, then a few timed rounds. The untimed call is
needed because the switch has filled the caches with another callable's data, and the steady state is
what is asked for. The next turn runs in the opposite order. The callable that ended a turn would then
follow itself, so another one is called first. Without that switch its slice came out 1 to 2 % faster, and
in larger groups only the first and the last would ever gain. Ratios are taken between slices of the same
turn.

Nothing here depends on a framework or on pytest; the clock is an argument.
"""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.frameworks.interface import Call

Clock = Callable[[], float]

#: A full budget is cut into about this many turns: short enough slices to share the machine's
#: drift, and enough paired ratios for an interval.
TURNS = 25


@dataclass(frozen=True)
class Budget:
    """How long to measure. Each field means what pytest-benchmark's option of that name means.

    ``max_time`` is in seconds for each callable, ``min_time`` in seconds for a round. ``min_rounds`` is also
    the least number of turns, made even.
    """

    max_time: float = 0.5
    min_rounds: int = 5
    min_time: float = 0.000005
    calibration_precision: int = 10
    precision: float | None = None
    confidence: float = 0.99
    disable_gc: bool = False


@dataclass
class Samples:
    """What was measured of one callable, in seconds a call."""

    #: Calls a round.
    iterations: int
    rounds: list[float] = field(default_factory=list)
    #: The median round of each turn.
    slices: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class PairedRatio:
    """The ratio of one callable's time to another's, from slices of the same turns."""

    #: The median of ``ratios``.
    ratio: float
    #: Lower and upper quartile of the ratios of the turns.
    quartiles: tuple[float, float]
    #: One for each turn.
    ratios: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """As the data contract has it."""
        return {
            "rounds": len(self.ratios),
            "ratio": self.ratio,
            "spread": list(self.quartiles),
            "ratios": list(self.ratios),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> PairedRatio:
        """The inverse of :meth:`as_dict`."""
        return cls(fields["ratio"], tuple(fields["spread"]), tuple(fields["ratios"]))


@dataclass(frozen=True)
class _Member:
    """One of the callables that take turns, how many rounds its slices have, and its samples so far."""

    call: Call
    rounds_a_slice: int
    samples: Samples

    def measure_slice(self, clock: Clock) -> None:
        """Add one slice to the samples."""
        self.call()
        rounds = [_time_round(self.call, self.samples.iterations, clock) for _ in range(self.rounds_a_slice)]
        self.samples.rounds += rounds
        self.samples.slices.append(statistics.median(rounds))


def stop_when_enough(enough: bool) -> bool:
    """Whether to take another turn, where nobody else has a say in it."""
    return not enough


def measure_in_lockstep(
    calls: Sequence[Call],
    budget: Budget,
    clock: Clock,
    wait_for_turn: Callable[[bool], bool] = stop_when_enough,
) -> list[Samples]:
    """Measure ``calls``, which must have settled, in lock-step.

    Before every turn ``wait_for_turn`` is told whether the budget is used up, and returns whether there is
    another turn. The time that it takes to return is not counted. Returns one :class:`Samples` a call, in the
    order of ``calls``, all with the same number of slices.
    """
    with _pause_garbage_collection(budget.disable_gc):
        start = clock()
        members = _size_slices(calls, budget, clock)
        spent = clock() - start
        turns, enough = 0, False
        while wait_for_turn(enough):
            start = clock()
            order = members if turns % 2 == 0 else members[::-1]
            if turns and len(order) > 1:
                order[1].call()  # or the first would follow itself
            for member in order:
                member.measure_slice(clock)
            turns += 1
            spent += clock() - start
            done = spent >= budget.max_time * len(calls) or all(
                _is_precise(member.samples, budget) for member in members
            )
            # As many turns one way as the other: then the drift within a turn cancels in the median.
            enough = done and turns >= budget.min_rounds and turns % 2 == 0
        return [member.samples for member in members]


def compute_paired_ratio(samples: Samples, base: Samples) -> PairedRatio:
    """The ratio of ``samples`` to ``base`` over the turns that they shared."""
    ratios = [a / b for a, b in zip(samples.slices, base.slices, strict=True)]
    if len(ratios) == 1:
        return PairedRatio(ratios[0], (ratios[0], ratios[0]), tuple(ratios))
    lower, _, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return PairedRatio(statistics.median(ratios), (lower, upper), tuple(ratios))


def _size_slices(calls: Sequence[Call], budget: Budget, clock: Clock) -> list[_Member]:
    """Measure how long rounds and slices must be."""
    iterations = [_count_iterations(call, budget, clock) for call in calls]
    return [
        _Member(call, _count_rounds(call, count, budget, clock), Samples(count))
        for call, count in zip(calls, iterations, strict=True)
    ]


def _time_round(call: Call, iterations: int, clock: Clock) -> float:
    """Seconds a call, over ``iterations`` calls."""
    start = clock()
    for _ in range(iterations):
        call()
    return (clock() - start) / iterations


def _count_iterations(call: Call, budget: Budget, clock: Clock) -> int:
    """How many calls make a round that is long against the clock's resolution."""
    least = max(budget.min_time, budget.calibration_precision * _measure_resolution(clock))
    iterations = 1
    while True:
        seconds = _time_round(call, iterations, clock)
        if seconds * iterations >= least:
            return iterations
        iterations = max(iterations + 1, min(10 * iterations, math.ceil(least / max(seconds, least / 1e6))))


def _count_rounds(call: Call, iterations: int, budget: Budget, clock: Clock) -> int:
    """How many rounds make a slice of which :data:`TURNS` use up the budget."""
    seconds = min(_time_round(call, iterations, clock) * iterations for _ in range(2))
    return max(1, round(budget.max_time / TURNS / max(seconds, 1e-9)))


def _measure_resolution(clock: Clock) -> float:
    """The smallest step of ``clock`` seen in a few tries, in seconds."""
    steps = []
    for _ in range(10):
        start = now = clock()
        while now == start:
            now = clock()
        steps.append(now - start)
    return min(steps)


def _is_precise(samples: Samples, budget: Budget) -> bool:
    """Whether the mean is known to the share ``budget.precision`` at ``budget.confidence``.

    By the normal distribution of means: z s / sqrt(n) is at most that share of the mean.
    """
    if budget.precision is None or len(samples.rounds) < 2:
        return False
    z = statistics.NormalDist().inv_cdf(0.5 + budget.confidence / 2)
    margin = z * statistics.stdev(samples.rounds) / math.sqrt(len(samples.rounds))
    return margin <= budget.precision * statistics.fmean(samples.rounds)


@contextmanager
def _pause_garbage_collection(wanted: bool) -> Iterator[None]:
    """Switch Python's garbage collection off inside, if ``wanted``."""
    was_on = gc.isenabled()
    if wanted:
        gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
