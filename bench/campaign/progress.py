"""How far a campaign is."""

from __future__ import annotations

from collections.abc import Callable

from bench.session.progress import EVERY_SECONDS, minutes


class CampaignProgress:
    """Says now and then how far the whole campaign is."""

    def __init__(self, replicates: int, clock: Callable[[], float], write: Callable[[str], None]) -> None:
        self._replicates, self._clock, self._write = replicates, clock, write
        self._start = self._last = clock()
        self._done = 0
        self.replicate = 0

    def __call__(self, place: int, count: int) -> None:
        now = self._clock()
        if now - self._last >= EVERY_SECONDS and self._done:
            self._last = now
            left = count - place + count * (self._replicates - self.replicate - 1)
            each = (now - self._start) / self._done
            self._write(
                f"  replicate {self.replicate + 1} of {self._replicates}: {place} of {count} comparisons, "
                f"{minutes(now - self._start)} gone, about {minutes(left * each)} left"
            )
        self._done += 1
