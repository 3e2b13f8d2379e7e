"""A clock that moves only when something says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class FakeClock:
    """``clock()`` reads; a callable made by ``taking`` lets time pass and writes down that it ran."""

    def __init__(self) -> None:
        self.now = 0.0
        self.called: list[str] = []

    def __call__(self) -> float:
        # Reading takes a moment, so that the clock's resolution can be found.
        self.now += 1e-9
        return self.now

    def taking(self, seconds: float | Iterable[float], name: str = "") -> Callable[[], None]:
        """A callable that takes ``seconds``, or each of them in turn and the last for ever."""
        durations = [seconds] if isinstance(seconds, int | float) else list(seconds)

        def call() -> None:
            self.called.append(name)
            self.now += durations.pop(0) if len(durations) > 1 else durations[0]

        return call
