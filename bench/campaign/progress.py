"""How far a campaign is."""

from __future__ import annotations

from collections.abc import Callable

from bench.wiring.progress import EVERY_SECONDS, format_minutes


class CampaignProgress:
    """Says now and then how far the whole campaign is.

    A replicate has ``groups``: environments that are measured together. Each measures all comparisons.
    ``clock`` returns seconds; ``write`` is given a line.
    """

    def __init__(
        self, replicates: int, groups: int, clock: Callable[[], float], write: Callable[[str], None]
    ) -> None:
        self._replicates = replicates
        self._groups = groups
        self._clock = clock
        self._write = write
        self._start = self._last = clock()
        #: How many comparisons were done in this process's time.
        self._done = 0
        #: The replicate that is being measured: 0, 1, ...
        self._replicate = 0
        #: How many groups are still to come, in this replicate and in those after it.
        self._groups_to_come = 0

    def begin_group(self, replicate: int, others: int) -> None:
        """A group of ``replicate`` (0, 1, ...) is measured now; as many ``others`` of it come after that."""
        self._replicate = replicate
        self._groups_to_come = others + self._groups * (self._replicates - replicate - 1)

    def tell(self, place: int, count: int) -> None:
        """The comparison at ``place`` of ``count`` is measured now. Write a line if it is time for one."""
        now = self._clock()
        if now - self._last >= EVERY_SECONDS and self._done:
            self._last = now
            left = count - place + count * self._groups_to_come
            each = (now - self._start) / self._done
            self._write(
                f"  replicate {self._replicate + 1} of {self._replicates}: {place} of {count} comparisons, "
                f"{format_minutes(now - self._start)} gone, about {format_minutes(left * each)} left"
            )
        self._done += 1
