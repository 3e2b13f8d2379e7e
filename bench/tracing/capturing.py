"""Traces and primitive logs of chosen cases, in a pass of its own after timing.

Every case is captured in child processes, for three reasons: oneDNN reads its verbosity when it is
loaded; with more than one inter-op thread the operations of a gradient overlap and their times do
not add up, and TensorFlow fixes that number when it starts; and nothing may be profiled while it
is timed. ``python -m bench.tracing.child`` is that child; it reads a :class:`Job` from standard input.

A case's folder is laid out for TensorBoard's profile plugin (``tensorboard --logdir traces``), with
``onednn.log`` (CPU) and ``optimized_hlo.txt`` (xla) beside it, and ``capture.json``, which says how
it was captured.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.contract.cases import ConvCase
from bench.frameworks.loading import choose_backend
from bench.tracing.job import CAPTURE, PRIMITIVES, TRACE, XLA_DUMP, Job

_TIMEOUT_SECONDS = 600
#: A child that dies or hangs costs no more cases than this.
_CASES_A_CHILD = 20
#: One operation after the other.
_SERIAL = {"TF_NUM_INTEROP_THREADS": "1"}


class ProfilingError(RuntimeError):
    """What is missing or does not fit together, in one sentence."""


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
            TRACE: (tuple(cases), {**_SERIAL, "XLA_FLAGS": flags, XLA_DUMP: dump}),
            PRIMITIVES: (
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
    return case.mode == "xla" and choose_backend() != "torch"


def _run_child(job: Job, variables: dict[str, str]) -> str | None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.tracing.child"],
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
