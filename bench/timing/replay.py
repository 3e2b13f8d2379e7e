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
        #: What the timer will return, in reverse order: a start and an end for each round.
        self._readings: list[float] = []
        self._call: Callable[[], object] = lambda: None

        def timer() -> float:
            return self._readings.pop()

        timer.__module__, _, timer.__name__ = timer_name.rpartition(".")
        self.timer = timer

    def record(self, benchmark, call: Callable[[], object], rounds: Sequence[float], iterations: int) -> None:
        """Have ``benchmark`` record ``rounds``, in seconds a call.

        ``iterations`` is the number of calls in each, and ``call`` what was measured.
        """
        self._call = call
        for seconds in reversed(rounds):
            # Starting every round at zero keeps the difference exact.
            self._readings += [seconds * iterations, 0.0]
        benchmark.pedantic(self._call_after_replay, rounds=len(rounds), iterations=iterations)
        self._call = lambda: None  # pytest keeps the test; the memory of its workload is free again

    def _call_after_replay(self) -> object:
        """Do nothing while rounds are replayed. Afterwards, for cProfile, make the real call."""
        return None if self._readings else self._call()
