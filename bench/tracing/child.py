"""The process that captures: ``python -m bench.tracing.child`` reads a job from standard input."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.contract.cases import ConvCase
from bench.contract.trace_folder import CAPTURE, ONEDNN_LOG, OPTIMIZED_HLO, STEP_NAME, Capture
from bench.frameworks.interface import Call, Framework
from bench.frameworks.loading import load_framework
from bench.timing.settling import settle
from bench.tracing.job import PRIMITIVES, XLA_DUMP, Job
from bench.tracing.recording import begin_child, count_affordable_steps, record_trace
from bench.tracing.refusals import Refusals
from bench.workloads.preparing import prepare


def main() -> None:
    """Capture what the job on standard input says."""
    begin_child()
    job = Job.from_json(sys.stdin.read())
    framework = load_framework()
    refusals = Refusals()
    for case in job.cases:
        folder = Path(job.folder, case.id)
        folder.mkdir(parents=True, exist_ok=True)
        capture_case(case, job, folder, framework, refusals)


def capture_case(case: ConvCase, job: Job, folder: Path, framework: Framework, refusals: Refusals) -> None:
    """Write what ``job`` asks for of ``case`` into ``folder``; ``refusals`` are this process's so far."""
    if job.kind == PRIMITIVES:
        _log_primitives(case, job, folder, framework, refusals)
        return
    compiled_before = _find_compiled_modules()
    call = prepare(framework, case).call
    steps = job.steps or _settle_and_count_steps(call)
    modules = sorted(_find_compiled_modules() - compiled_before)
    if modules:
        program = "\n".join(module.read_text() for module in modules)
        (folder / OPTIMIZED_HLO).write_text(program, encoding="utf-8")
    _trace(case, call, steps, folder, framework)


def _settle_and_count_steps(call: Call) -> int:
    settle(call, time.perf_counter)
    return count_affordable_steps(call)


def _find_compiled_modules() -> set[Path]:
    """The files of what XLA has compiled so far, after its optimizations."""
    dump = os.environ.get(XLA_DUMP)
    return set(Path(dump).glob("*after_optimizations.txt")) if dump else set()


def _trace(case: ConvCase, call: Call, steps: int, folder: Path, framework: Framework) -> None:
    """Trace ``steps`` calls into ``folder``, and say there how that was done."""
    recorded = record_trace(call, steps, folder, framework)
    captured = Capture(
        case=case,
        steps=steps,
        inter_op_threads=1,
        untraced_step_seconds=recorded.untraced_step_seconds,
        traced_step_seconds=recorded.traced_step_seconds,
        caller_cpu_seconds=recorded.caller_cpu_seconds,
    )
    # Written last: a folder with this file is complete.
    (folder / CAPTURE).write_text(json.dumps(captured.as_dict(), indent=1), encoding="utf-8")


def _log_primitives(case: ConvCase, job: Job, folder: Path, framework: Framework, refusals: Refusals) -> None:
    """Write what oneDNN prints into ``folder``, while it makes ``case`` ready and during the steps.

    Primitives are created in the first call, so what oneDNN has to say of that comes before the first step.
    Each step begins with a line of its own, so that a reader need not be told how many there are. What is
    printed while the call settles is left out: that would be much, and all the same. A process that dies
    leaves no log of the case that it was at.
    """
    unfinished = folder / f"{ONEDNN_LOG}.unfinished"
    unfinished.write_bytes(b"")
    with _redirect_standard_output(unfinished):
        call = prepare(framework, case).call
    log = unfinished.read_text(encoding="utf-8", errors="replace")
    unfinished.write_text(refusals.repeat(log), encoding="utf-8")
    steps = job.steps or _settle_and_count_steps(call)
    with _redirect_standard_output(unfinished):
        for number in range(steps):
            os.write(1, f"{STEP_NAME} {number}\n".encode())
            call()
            ctypes.CDLL(None).fflush(None)
    os.replace(unfinished, folder / ONEDNN_LOG)


@contextlib.contextmanager
def _redirect_standard_output(path: Path) -> Iterator[None]:
    """Append this process's standard output to ``path``, that of native code (oneDNN's) included."""
    sys.stdout.flush()
    ctypes.CDLL(None).fflush(None)  # what C has buffered until now does not belong to the file
    saved = os.dup(1)
    try:
        with path.open("ab") as file:
            os.dup2(file.fileno(), 1)
            yield
    finally:
        sys.stdout.flush()
        ctypes.CDLL(None).fflush(None)  # and what it has buffered since then does
        os.dup2(saved, 1)
        os.close(saved)


if __name__ == "__main__":
    main()
