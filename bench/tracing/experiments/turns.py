"""Arms that are ready to run, and their turns."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.contract.experiments import Arm
from bench.plan.ceilings import Ceiling
from bench.plan.experiments import PlannedArm
from bench.tracing.experiments.talking import Child, ChildLost

#: A slice is about so long, and two calls at least, or one that takes long.
_SLICE_SECONDS = 0.005
#: Turns are so many, or fewer (but never under the least) where they would take longer than the budget.
_TURNS, _LEAST_TURNS, _BUDGET_SECONDS = 12, 6, 8.0
_numbers = itertools.count()


@dataclass
class Runner:
    """An arm that is ready in its process, and what was measured of it."""

    child: Child
    planned: PlannedArm
    key: str
    #: What its first call after warming up took.
    call_seconds: float
    #: The child's answers, one a turn.
    slices: list[dict[str, Any]] = field(default_factory=list)
    #: The kernels' shares of the first slice; it is not among the turns.
    first: dict[str, Any] | None = None

    @classmethod
    def prepare(cls, child: Child, planned: PlannedArm, ceiling: Ceiling | None) -> Runner | None:
        """``planned``, or ``ceiling`` in its place, made ready in ``child``; ``None`` where it cannot run."""
        key = str(next(_numbers))
        if ceiling:
            asked = {"ceiling": asdict(ceiling)}
        else:
            asked = {"case": planned.case.as_dict(), "role": planned.role}
        answer = child.ask(do="prepare", key=key, **asked)
        if "error" in answer:
            return None
        return cls(child, planned, key, answer["seconds"])

    def measure(self) -> dict[str, Any]:
        """One slice, which counts as none."""
        self.first = self._measure()
        return self.first

    def take_slice(self) -> None:
        """Add one slice. Raises ``ChildLost``."""
        self.slices.append(self._measure())

    def _measure(self) -> dict[str, Any]:
        answer = self.child.ask(do="measure", key=self.key, seconds=_SLICE_SECONDS)
        if "error" in answer:
            raise ChildLost(f"{self.planned.case.id} cannot run any more: {answer['error']}")
        return answer

    def find_kernel(self, kernel: str) -> tuple[float, float]:
        """The kernel's seconds and its share of the step in the first slice; 0 where the log lacks it."""
        if not self.first or kernel not in self.first["kernels"]:
            return 0.0, 0.0
        seconds = self.first["kernels"][kernel][0]
        return seconds, seconds / self.first["wall"]

    def collect(self, kernel: str) -> Arm:
        """The arm with its times; by oneDNN's clock those of ``kernel``, where every slice shows it."""
        shown = [one["kernels"].get(kernel) for one in self.slices]
        is_logged = all(shown)
        implementations = dict.fromkeys(name for _, name in shown) if is_logged else {}
        return Arm(
            arm=self.planned.arm,
            process=self.planned.process,
            case=self.planned.case,
            wall_seconds=tuple(one["wall"] for one in self.slices),
            seconds=tuple(seconds for seconds, _ in shown) if is_logged else (),
            implementation=", ".join(implementations),
            setting=self.planned.setting,
        )


def take_turns(runners: Sequence[Runner]) -> None:
    """Give all ``runners`` equally many slices, in alternating order. Raises ``ChildLost``."""
    if not runners:
        return
    start = time.perf_counter()
    for turn in itertools.count(1):
        order = runners if turn % 2 else list(reversed(runners))
        for runner in order:
            runner.take_slice()
        each = (time.perf_counter() - start) / turn
        affordable = max(_LEAST_TURNS, min(_TURNS, int(_BUDGET_SECONDS / each)))
        # As many turns one way as the other.
        if turn >= affordable and turn % 2 == 0:
            return
