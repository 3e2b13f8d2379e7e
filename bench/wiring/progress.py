"""The progress line of a long run: a pytest plugin."""

from __future__ import annotations

from collections.abc import Callable

EVERY_SECONDS = 15.0


class CaseProgress:
    """Tells now and then how many of ``total`` cases are done and about how long the others will take.

    Comparisons run in random order, so those done are a fair sample of those to come. ``clock`` returns
    seconds; ``write`` is given a line.
    """

    def __init__(self, total: int, clock: Callable[[], float], write: Callable[[str], None]) -> None:
        self._total = total
        self._clock = clock
        self._write = write
        self._start = self._last = clock()
        self._done = 0

    def pytest_runtest_logfinish(self) -> None:
        """pytest's hook after each test, called while nothing is captured."""
        self._done += 1
        now = self._clock()
        if now - self._last < EVERY_SECONDS or self._done == self._total:
            return
        self._last = now
        left = (now - self._start) / self._done * (self._total - self._done)
        self._write(
            f"  {self._done} of {self._total} cases, "
            f"{format_minutes(now - self._start)} gone, about {format_minutes(left)} left"
        )


def format_minutes(seconds: float) -> str:
    """``1:05`` for 65 seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
