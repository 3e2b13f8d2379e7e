"""What every reader of a trace returns, lines of named events, and what it raises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from analysis.traces.intervals import Intervals


class TraceError(ValueError):
    """One sentence that names the file and says what is wrong with it."""


@dataclass(frozen=True)
class Line:
    """The N events of one thread, or of one stream of a GPU, as columns sorted by start.

    Of events that start together, the longest comes first. An event's name is kept as its place in
    ``vocabulary``, so that a name is looked at once and not once an event.
    """

    plane: str
    name: str
    vocabulary: tuple[str, ...]
    #: Places in ``vocabulary``, (N,).
    kinds: np.ndarray
    #: Seconds since the trace began, (N,) each.
    starts: np.ndarray
    ends: np.ndarray
    #: For what ran on a device, the framework's operation that each event is part of, (N,).
    belongs_to: np.ndarray | None = None

    @property
    def is_of_gpu(self) -> bool:
        """Whether it is a stream of a GPU."""
        return self.plane.startswith("/device:GPU") and self.name.startswith("Stream")

    @property
    def intervals(self) -> Intervals:
        """When its events ran."""
        return Intervals(self.starts, self.ends)

    @property
    def distinct(self) -> list[str]:
        """The names that occur."""
        return [self.vocabulary[kind] for kind in np.unique(self.kinds)]

    @property
    def names(self) -> np.ndarray:
        """The name of each event, (N,)."""
        return np.array(self.vocabulary, dtype=object)[self.kinds]

    def keep_names(self, names: Collection[str]) -> Line:
        """The events that have one of ``names``."""
        is_wanted = np.zeros(len(self.vocabulary), dtype=bool)
        for kind in np.unique(self.kinds):
            is_wanted[kind] = self.vocabulary[kind] in names
        kept = is_wanted[self.kinds]
        return Line(
            plane=self.plane,
            name=self.name,
            vocabulary=self.vocabulary,
            kinds=self.kinds[kept],
            starts=self.starts[kept],
            ends=self.ends[kept],
            belongs_to=None if self.belongs_to is None else self.belongs_to[kept],
        )

    def split_by_name(self) -> list[tuple[str, Intervals]]:
        """Each name that occurs, with the times of its events."""
        found = []
        for kind in np.unique(self.kinds):
            same = self.kinds == kind
            found.append((self.vocabulary[kind], Intervals(self.starts[same], self.ends[same])))
        return found
