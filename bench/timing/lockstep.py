"""Measures several callables turn by turn in alternating order, so that drift hits all alike.

A turn gives each callable one slice: one untimed call, because the switch has filled the caches
with another's data and the steady state is what is asked for, then a few timed rounds. The
next turn runs in the opposite order. The callable that would then follow itself gets a call of
another first: without that switch its slice came out 1 to 2 % faster, and in larger groups only
the ends would ever gain. Ratios are taken between slices of the same turn.

Nothing here knows of frameworks or pytest; the clock is an argument.
"""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Call = Callable[[], object]
Clock = Callable[[], float]

#: A full budget is cut into about this many turns: short enough slices to share the machine's
#: drift, and enough paired ratios for an interval.
TURNS = 25


@dataclass(frozen=True)
class Budget:
    """How long to measure; the meaning of each is that of pytest-benchmark's option of that name.

    ``max_time`` is in seconds for each callable. ``min_rounds`` is also the least number of turns,
    made even.
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

    iterations: int
    rounds: list[float] = field(default_factory=list)
    #: The median round of each turn.
    slices: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class PairedRatio:
    """The ratio of one callable's time to another's, from slices of the same turns."""

    ratio: float
    #: Lower and upper quartile of the ratios of the turns.
    quartiles: tuple[float, float]
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


def measure_in_turns(
    calls: Sequence[Call],
    budget: Budget,
    clock: Clock,
    another: Callable[[bool], bool] = lambda enough: not enough,
) -> list[Samples]:
    """Measure ``calls``, which must have settled, in lock-step.

    ``another`` is asked before every turn whether there is one, and told whether the budget has had
    enough; it may take its time, which is nobody's. Returns one :class:`Samples` a call, all with the same
    number of slices.
    """
    with _garbage_collection_off(budget.disable_gc):
        start = clock()
        iterations = [_calibrate(call, budget, clock) for call in calls]
        rounds_a_slice = [
            _rounds_a_slice(call, count, budget, clock) for call, count in zip(calls, iterations, strict=True)
        ]
        samples = [Samples(count) for count in iterations]
        members = list(zip(calls, samples, rounds_a_slice, strict=True))
        spent = clock() - start
        turns, enough = 0, False
        while another(enough):
            start = clock()
            order = members if turns % 2 == 0 else members[::-1]
            if turns and len(order) > 1:
                order[1][0]()
            for call, sample, rounds in order:
                call()
                taken = [_round(call, sample.iterations, clock) for _ in range(rounds)]
                sample.rounds += taken
                sample.slices.append(statistics.median(taken))
            turns += 1
            spent += clock() - start
            done = spent >= budget.max_time * len(calls) or all(_precise(s, budget) for s in samples)
            # As many turns one way as the other: then the drift within a turn cancels in the median.
            enough = done and turns >= budget.min_rounds and turns % 2 == 0
        return samples


def compute_paired_ratio(samples: Samples, base: Samples) -> PairedRatio:
    """The ratio of ``samples`` to ``base``: the median over the turns they shared."""
    ratios = [a / b for a, b in zip(samples.slices, base.slices, strict=True)]
    if len(ratios) == 1:
        return PairedRatio(ratios[0], (ratios[0], ratios[0]), tuple(ratios))
    lower, _, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return PairedRatio(statistics.median(ratios), (lower, upper), tuple(ratios))


def _round(call: Call, iterations: int, clock: Clock) -> float:
    start = clock()
    for _ in range(iterations):
        call()
    return (clock() - start) / iterations


def _calibrate(call: Call, budget: Budget, clock: Clock) -> int:
    """Calls a round, so that a round is long against the clock's resolution."""
    least = max(budget.min_time, budget.calibration_precision * _resolution(clock))
    iterations = 1
    while True:
        seconds = _round(call, iterations, clock)
        if seconds * iterations >= least:
            return iterations
        iterations = max(iterations + 1, min(10 * iterations, math.ceil(least / max(seconds, least / 1e6))))


def _rounds_a_slice(call: Call, iterations: int, budget: Budget, clock: Clock) -> int:
    seconds = min(_round(call, iterations, clock) * iterations for _ in range(2))
    return max(1, round(budget.max_time / TURNS / max(seconds, 1e-9)))


def _resolution(clock: Clock) -> float:
    """The smallest step of ``clock`` seen in a few tries, in seconds."""
    steps = []
    for _ in range(10):
        start = clock()
        while (now := clock()) == start:
            pass
        steps.append(now - start)
    return min(steps)


def _precise(samples: Samples, budget: Budget) -> bool:
    """Whether the mean is known to ``budget.precision`` at ``budget.confidence`` (normal theory)."""
    if budget.precision is None or len(samples.rounds) < 2:
        return False
    z = statistics.NormalDist().inv_cdf(0.5 + budget.confidence / 2)
    margin = z * statistics.stdev(samples.rounds) / math.sqrt(len(samples.rounds))
    return margin <= budget.precision * statistics.fmean(samples.rounds)


@contextmanager
def _garbage_collection_off(wanted: bool) -> Iterator[None]:
    was_on = gc.isenabled()
    if wanted:
        gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
