"""How a child process records steps: what every kind of capture shares."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.contract.trace_folder import STEP_NAME
from bench.frameworks.interface import Call, Framework
from bench.processes.supervised import die_with

#: A capture has so many steps, or fewer (but never under the least) where they took longer than ``_SECONDS``.
STEPS, _LEAST_STEPS, _SECONDS = 20, 5, 2.0


@dataclass(frozen=True)
class RecordedSteps:
    """Seconds of each step without the profiler, with it, and with it by the calling thread's CPU clock."""

    untraced_step_seconds: tuple[float, ...]
    traced_step_seconds: tuple[float, ...]
    caller_cpu_seconds: tuple[float, ...]


def begin_child() -> None:
    """End with the process that started this one, and be the first to go where memory runs out."""
    # Alone, it would capture beside the next run.
    die_with(os.getppid())
    # Not the one that has measured and not yet saved.
    with contextlib.suppress(OSError):  # only Linux has this file
        Path("/proc/self/oom_score_adj").write_text("1000")


def count_affordable_steps(call: Call, most: int = STEPS) -> int:
    """How many steps of ``call`` to capture: ``most``, or fewer of a call that takes long."""
    start = time.perf_counter()
    call()
    return max(_LEAST_STEPS, min(most, int(_SECONDS / (time.perf_counter() - start))))


def record_trace(call: Call, steps: int, folder: Path, framework: Framework) -> RecordedSteps:
    """Trace ``steps`` calls into ``folder``, after as many without the profiler."""
    untraced, _ = _time_steps(call, steps, lambda number: contextlib.nullcontext())
    with framework.trace(folder):
        traced, caller_cpu = _time_steps(call, steps, lambda number: framework.mark_step(STEP_NAME, number))
    return RecordedSteps(tuple(untraced), tuple(traced), tuple(caller_cpu))


def _time_steps(
    call: Call, steps: int, annotate: Callable[[int], AbstractContextManager]
) -> tuple[list[float], list[float]]:
    """Seconds of each step, and for how many of them the calling thread was running.

    The latter tell time spent in Python, which no trace shows, from time spent waiting. Each step runs
    inside the context that ``annotate`` returns for its number.
    """
    seconds, running = [], []
    for number in range(steps):
        with annotate(number):
            start, cpu = time.perf_counter(), time.thread_time()
            call()
            running.append(time.thread_time() - cpu)
            seconds.append(time.perf_counter() - start)
    return seconds, running
