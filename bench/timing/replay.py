"""Hands samples that were measured elsewhere to pytest-benchmark.

pytest-benchmark measures one callable a test and has no call for "here are the rounds of this
row". Its marker accepts a timer, though, and ``pedantic`` a number of rounds: a timer that
returns recorded times makes it record exactly those. ``tests/bench/timing/test_replay.py`` holds this
against every release that pyproject.toml allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Replay:
    """One test's samples, to be recorded by pytest-benchmark.

    The test must carry ``pytest.mark.benchmark(timer=replay.timer)`` before its ``benchmark``
    fixture is made. ``timer_name`` is the dotted name of the clock that took the samples.
    """

    def __init__(self, timer_name: str) -> None:
        #: What the timer will return, last first: a start and an end for each round.
        self._readings: list[float] = []
        self._call: Callable[[], object] = lambda: None

        def timer() -> float:
            return self._readings.pop()

        timer.__module__, _, timer.__name__ = timer_name.rpartition(".")
        self.timer = timer

    def record(self, benchmark, call: Callable[[], object], rounds: Sequence[float], iterations: int) -> None:
        """Give ``benchmark`` these rounds, in seconds a call; ``call`` is what was measured."""
        self._call = call
        for seconds in reversed(rounds):
            # Starting every round at zero keeps the difference exact.
            self._readings += [seconds * iterations, 0.0]
        benchmark.pedantic(self._target, rounds=len(rounds), iterations=iterations)
        self._call = lambda: None  # the test lives on, its workload's memory need not

    def _target(self) -> object:
        """Nothing while rounds are replayed; for cProfile, which comes after them, the real call."""
        return None if self._readings else self._call()
