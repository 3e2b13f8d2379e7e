"""The process that captures: ``python -m bench.tracing.child`` reads a job from standard input."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.contract.cases import ConvCase
from bench.frameworks.loading import load_framework
from bench.tracing.job import CAPTURE, ONEDNN_LOG, OPTIMIZED_HLO, PRIMITIVES, STEP_NAME, XLA_DUMP, Job

#: Steps of a capture: so many, or fewer where they would take longer than ``_SECONDS``.
STEPS, _LEAST_STEPS, _SECONDS = 20, 5, 2.0


def main() -> None:
    """The child: capture what the job on standard input says."""
    job = Job.from_json(sys.stdin.read())
    from bench.timing.settling import settle
    from bench.workloads.preparing import prepare

    framework = load_framework()
    for case in job.cases:
        folder = Path(job.folder, case.id)
        folder.mkdir(parents=True, exist_ok=True)
        compiled_before = _compiled_modules()
        call = prepare(framework, case).call
        settle(call, time.perf_counter)
        steps = _affordable_steps(call)
        if job.kind == PRIMITIVES:
            _log_primitives(call, steps, folder)
            continue
        modules = sorted(_compiled_modules() - compiled_before)
        if modules:
            (folder / OPTIMIZED_HLO).write_text("\n".join(map(Path.read_text, modules)), encoding="utf-8")
        _trace(case, call, steps, folder, framework)


def _affordable_steps(call: Callable[[], object]) -> int:
    start = time.perf_counter()
    call()
    return max(_LEAST_STEPS, min(STEPS, int(_SECONDS / (time.perf_counter() - start))))


def _compiled_modules() -> set[Path]:
    """What XLA has compiled so far, after its optimizations."""
    dump = os.environ.get(XLA_DUMP)
    return set(Path(dump).glob("*after_optimizations.txt")) if dump else set()


def _trace(case: ConvCase, call: Callable[[], object], steps: int, folder: Path, framework: Any) -> None:
    untraced, _ = _steps(call, steps, lambda number: contextlib.nullcontext())
    with framework.tracing(folder):
        traced, caller_cpu = _steps(call, steps, lambda number: framework.step_annotation(STEP_NAME, number))
    # Written last: a folder with this file is complete.
    (folder / CAPTURE).write_text(
        json.dumps(
            {
                "case": case.as_dict(),
                "steps": steps,
                "inter_op_threads": 1,
                "untraced_step_seconds": untraced,
                "traced_step_seconds": traced,
                "caller_cpu_seconds": caller_cpu,
            },
            indent=1,
        ),
        encoding="utf-8",
    )


def _steps(
    call: Callable[[], object], steps: int, context: Callable[[int], Any]
) -> tuple[list[float], list[float]]:
    """Seconds of each step, and of them those in which the calling thread was running.

    The second tells time spent in Python, which no trace shows, from time spent waiting.
    """
    seconds, running = [], []
    for number in range(steps):
        with context(number):
            start, cpu = time.perf_counter(), time.thread_time()
            call()
            running.append(time.thread_time() - cpu)
            seconds.append(time.perf_counter() - start)
    return seconds, running


def _log_primitives(call: Callable[[], object], steps: int, folder: Path) -> None:
    """oneDNN prints to the process's standard output, wherever Python's own goes.

    Each step begins with a line of its own, so that a reader need not be told how many there are.
    """
    with _standard_output_to(folder / ONEDNN_LOG):
        for number in range(steps):
            os.write(1, f"{STEP_NAME} {number}\n".encode())
            call()
            ctypes.CDLL(None).fflush(None)


@contextlib.contextmanager
def _standard_output_to(path: Path) -> Iterator[None]:
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        with path.open("wb") as file:
            os.dup2(file.fileno(), 1)
            yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what C has buffered belongs to the file
        os.dup2(saved, 1)
        os.close(saved)


if __name__ == "__main__":
    main()
