"""The process that captures: ``python -m bench.tracing.child`` reads a job from standard input."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from bench.contract.cases import ConvCase
from bench.contract.trace_folder import CAPTURE, ONEDNN_LOG, OPTIMIZED_HLO, STEP_NAME, Capture
from bench.frameworks.interface import Call, Framework
from bench.frameworks.loading import load_framework
from bench.processes.supervised import die_with
from bench.timing.settling import settle
from bench.tracing.job import PRIMITIVES, XLA_DUMP, Job
from bench.workloads.preparing import prepare

#: A capture has so many steps, or fewer (but never under the least) where they took longer than ``_SECONDS``.
STEPS, _LEAST_STEPS, _SECONDS = 20, 5, 2.0


def main() -> None:
    """Capture what the job on standard input says."""
    # Alone, it would capture beside the next run.
    die_with(os.getppid())
    _offer_to_die_first()
    job = Job.from_json(sys.stdin.read())
    framework = load_framework()
    for case in job.cases:
        folder = Path(job.folder, case.id)
        folder.mkdir(parents=True, exist_ok=True)
        capture_case(case, job, folder, framework)


def _offer_to_die_first() -> None:
    """Where memory runs out, end this process, and not the one that has measured and not yet saved."""
    with contextlib.suppress(OSError):  # only Linux has this file
        Path("/proc/self/oom_score_adj").write_text("1000")


def capture_case(case: ConvCase, job: Job, folder: Path, framework: Framework) -> None:
    """Write what ``job`` asks for of ``case`` into ``folder``."""
    compiled_before = _find_compiled_modules()
    call = prepare(framework, case).call
    steps = job.steps or _settle_and_count_steps(call)
    if job.kind == PRIMITIVES:
        _log_primitives(call, steps, folder)
        return
    modules = sorted(_find_compiled_modules() - compiled_before)
    if modules:
        program = "\n".join(module.read_text() for module in modules)
        (folder / OPTIMIZED_HLO).write_text(program, encoding="utf-8")
    _trace(case, call, steps, folder, framework)


def _settle_and_count_steps(call: Call) -> int:
    settle(call, time.perf_counter)
    return count_affordable_steps(call)


def count_affordable_steps(call: Call) -> int:
    """How many steps of ``call`` to capture: :data:`STEPS`, or fewer of a call that takes long."""
    start = time.perf_counter()
    call()
    return max(_LEAST_STEPS, min(STEPS, int(_SECONDS / (time.perf_counter() - start))))


def _find_compiled_modules() -> set[Path]:
    """The files of what XLA has compiled so far, after its optimizations."""
    dump = os.environ.get(XLA_DUMP)
    return set(Path(dump).glob("*after_optimizations.txt")) if dump else set()


def _trace(case: ConvCase, call: Call, steps: int, folder: Path, framework: Framework) -> None:
    """Trace ``steps`` calls into ``folder``, and say there how that was done."""
    untraced, _ = _time_steps(call, steps, lambda number: contextlib.nullcontext())
    with framework.trace(folder):
        traced, caller_cpu = _time_steps(call, steps, lambda number: framework.mark_step(STEP_NAME, number))
    captured = Capture(
        case=case,
        steps=steps,
        inter_op_threads=1,
        untraced_step_seconds=tuple(untraced),
        traced_step_seconds=tuple(traced),
        caller_cpu_seconds=tuple(caller_cpu),
    )
    # Written last: a folder with this file is complete.
    (folder / CAPTURE).write_text(json.dumps(captured.as_dict(), indent=1), encoding="utf-8")


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


def _log_primitives(call: Call, steps: int, folder: Path) -> None:
    """Write what oneDNN prints during ``steps`` calls into ``folder``.

    Each step begins with a line of its own, so that a reader need not be told how many there are. A process
    that dies leaves no log of the case that it was at.
    """
    unfinished = folder / f"{ONEDNN_LOG}.unfinished"
    with _redirect_standard_output(unfinished):
        for number in range(steps):
            os.write(1, f"{STEP_NAME} {number}\n".encode())
            call()
            ctypes.CDLL(None).fflush(None)
    os.replace(unfinished, folder / ONEDNN_LOG)


@contextlib.contextmanager
def _redirect_standard_output(path: Path) -> Iterator[None]:
    """Send this process's standard output to ``path``, that of native code (oneDNN's) included."""
    sys.stdout.flush()
    ctypes.CDLL(None).fflush(None)  # what C has buffered until now does not belong to the file
    saved = os.dup(1)
    try:
        with path.open("wb") as file:
            os.dup2(file.fileno(), 1)
            yield
    finally:
        ctypes.CDLL(None).fflush(None)  # and what it has buffered since then does
        os.dup2(saved, 1)
        os.close(saved)


if __name__ == "__main__":
    main()
