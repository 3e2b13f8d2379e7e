"""Traces and primitive logs of chosen cases, in a pass of its own after timing.

Every case is captured in child processes, for three reasons: oneDNN reads its verbosity when it is
loaded; with more than one inter-op thread the operations of a gradient overlap and their times do
not add up, and TensorFlow fixes that number when it starts; and nothing may be profiled while it
is timed. ``python -m bench.profiling`` is that child; it reads a :class:`Job` from standard input.

A case's folder is laid out for TensorBoard's profile plugin (``tensorboard --logdir traces``), with
``onednn.log`` (CPU) and ``optimized_hlo.txt`` (xla) beside it, and ``capture.json``, which says how
it was captured.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import frameworks
from bench.cases import ConvCase

ALL, SLOW, TELLING = "all", "slow", "telling"
#: How many of the slowest comparisons tell something, whatever the grid says.
_SLOWEST = 3
#: Steps of a capture: so many, or fewer where they would take longer than ``_SECONDS``.
STEPS, _LEAST_STEPS, _SECONDS = 20, 5, 2.0
ONEDNN_LOG, OPTIMIZED_HLO, CAPTURE = "onednn.log", "optimized_hlo.txt", "capture.json"
#: Annotates a step of the workload; reserved, since a function of the same name would be a step too.
STEP_NAME = "bench_step"
_TRACE, _PRIMITIVES = "trace", "primitives"
_TIMEOUT_SECONDS = 600
#: A child that dies or hangs costs no more cases than this.
_CASES_A_CHILD = 20
#: One operation after the other.
_SERIAL = {"TF_NUM_INTEROP_THREADS": "1"}
#: Tells the child where XLA dumps what it compiles.
_DUMP = "BENCH_XLA_DUMP"


class ProfilingError(RuntimeError):
    """What is missing or does not fit together, in one sentence."""


@dataclass(frozen=True)
class Job:
    """What a child captures: ``kind`` of which cases, each into ``folder``/case id."""

    kind: str
    folder: str
    cases: tuple[ConvCase, ...]

    def to_json(self) -> str:
        return json.dumps({**dataclasses.asdict(self), "cases": [case.as_dict() for case in self.cases]})

    @classmethod
    def from_json(cls, text: str) -> Job:
        fields = json.loads(text)
        return cls(fields["kind"], fields["folder"], tuple(map(ConvCase.from_dict, fields["cases"])))


def parse_choice(text: str | None) -> str | int | None:
    """``--profile``: "all", "slow", "telling" or a number; ``ValueError`` for anything else."""
    if text in (None, ALL, SLOW, TELLING):
        return text
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise ValueError(f"--profile must be {ALL}, {SLOW}, {TELLING} or a number of comparisons, not {text!r}")


def choose(
    choice: str | int, ratios: Mapping[str, float], telling: Set[str], cases: Sequence[ConvCase]
) -> list[ConvCase]:
    """The cases to capture: all, or the two layers of the comparisons that ``choice`` names.

    ``ratios`` maps comparisons to their time ratio; ``telling`` are those that the grid marks.
    """
    if choice == ALL:
        return list(cases)
    slowest_first = sorted(ratios, key=ratios.get, reverse=True)
    if choice == SLOW:
        chosen = {comparison for comparison in slowest_first if ratios[comparison] > 1}
    elif choice == TELLING:
        chosen = set(telling).union(slowest_first[:_SLOWEST])
    else:
        chosen = set(slowest_first[:choice])
    layers = (case for case in cases if case.is_separable or case.is_dense)
    return [case for case in layers if case.comparison in chosen]


def preflight() -> None:
    """Check that profiler, TensorBoard's plugin and protobuf fit together, before anything is measured.

    Raises :class:`ProfilingError`.
    """
    for package in ("tensorboard", "tensorboard-plugin-profile", "xprof"):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise ProfilingError(f'--profile needs {package}: pip install -e ".[bench]"') from None
    try:
        from xprof.convert import raw_to_tool_data  # noqa: F401
    except ImportError as error:
        versions = ", ".join(
            f"{name} {importlib.metadata.version(name)}" for name in ("xprof", "protobuf", "tensorboard")
        )
        raise ProfilingError(f"the installed profile plugin does not load ({versions}): {error}") from error


def capture(cases: Sequence[ConvCase], folder: Path, tell: Callable[[str], None]) -> dict[ConvCase, Path]:
    """Trace ``cases`` and log their primitives; returns the folder of each case that has a trace.

    A child that dies costs the cases it had not finished; ``tell`` is given a sentence about it.
    """
    with tempfile.TemporaryDirectory() as dump:
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={dump} --xla_dump_hlo_as_text"
        jobs = {
            _TRACE: (tuple(cases), {**_SERIAL, "XLA_FLAGS": flags, _DUMP: dump}),
            _PRIMITIVES: (
                tuple(
                    case for case in cases if case.device.startswith("CPU") and not _is_compiled_by_xla(case)
                ),
                {**_SERIAL, "ONEDNN_VERBOSE": "1"},
            ),
        }
        for kind, (chosen, variables) in jobs.items():
            for first in range(0, len(chosen), _CASES_A_CHILD):
                some = chosen[first : first + _CASES_A_CHILD]
                problem = _run_child(Job(kind, str(folder), some), variables)
                if problem:
                    tell(problem)
    return {case: folder / case.id for case in cases if (folder / case.id / CAPTURE).exists()}


def _is_compiled_by_xla(case: ConvCase) -> bool:
    """PyTorch compiles by other means, which call oneDNN."""
    return case.mode == "xla" and frameworks.backend() != "torch"


def _run_child(job: Job, variables: dict[str, str]) -> str | None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.profiling"],
            input=job.to_json(),
            env={**os.environ, **variables},
            text=True,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"capturing {job.kind} was ended after {_TIMEOUT_SECONDS} s; what was finished is kept"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"capturing {job.kind} failed ({done.returncode}): {last}"
    return None


def main() -> None:
    """The child: capture what the job on standard input says."""
    job = Job.from_json(sys.stdin.read())
    from bench import workloads
    from bench.settling import settle

    framework = frameworks.load()
    for case in job.cases:
        folder = Path(job.folder, case.id)
        folder.mkdir(parents=True, exist_ok=True)
        compiled_before = _compiled_modules()
        call = workloads.prepare(framework, case).call
        settle(call, time.perf_counter)
        steps = _affordable_steps(call)
        if job.kind == _PRIMITIVES:
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
    dump = os.environ.get(_DUMP)
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
