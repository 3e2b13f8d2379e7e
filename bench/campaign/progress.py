"""How far a campaign is."""

from __future__ import annotations

from collections.abc import Callable

from bench.session.progress import EVERY_SECONDS, format_minutes


class CampaignProgress:
    """Says now and then how far the whole campaign is.

    ``clock`` returns seconds; ``write`` is given a line.
    """

    def __init__(self, replicates: int, clock: Callable[[], float], write: Callable[[str], None]) -> None:
        self._replicates = replicates
        self._clock = clock
        self._write = write
        self._start = self._last = clock()
        #: How many comparisons were done in this process's time.
        self._done = 0
        #: The replicate that is being measured: 0, 1, ...
        self.replicate = 0

    def tell(self, place: int, count: int) -> None:
        """The comparison at ``place`` of ``count`` is measured now. Write a line if it is time for one."""
        now = self._clock()
        if now - self._last >= EVERY_SECONDS and self._done:
            self._last = now
            left = count - place + count * (self._replicates - self.replicate - 1)
            each = (now - self._start) / self._done
            self._write(
                f"  replicate {self.replicate + 1} of {self._replicates}: {place} of {count} comparisons, "
                f"{format_minutes(now - self._start)} gone, about {format_minutes(left * each)} left"
            )
        self._done += 1
