"""Traces and primitive logs of chosen cases, in a pass of its own after timing.

Every case is captured in child processes, for three reasons. oneDNN reads its verbosity when it is
loaded. With more than one inter-op thread the operations of a gradient overlap and their times do
not add up, and TensorFlow fixes that number when it starts. And nothing may be profiled while it
is timed. ``python -m bench.tracing.child`` is that child; it reads a :class:`Job` from standard input.

A case's folder is laid out for TensorBoard's profile plugin (``tensorboard --logdir traces``). The
files beside the trace are named in :mod:`bench.contract.trace_folder`.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.contract.cases import ConvCase
from bench.contract.trace_folder import CAPTURE, ONEDNN_LOG
from bench.frameworks.loading import choose_backend
from bench.tracing.job import PRIMITIVES, TRACE, XLA_DUMP, Job, NetworkJob

_TIMEOUT_SECONDS = 600
#: A child that dies or hangs costs no more cases than this.
_CASES_A_CHILD = 20
#: The oneDNN from which on ``ONEDNN_VERBOSE`` takes words.
_FIRST_WITH_WORDS = (3, 2)
#: One operation after the other.
SERIAL = {"TF_NUM_INTEROP_THREADS": "1"}


class ProfilingError(RuntimeError):
    """What profiling lacks, or what does not fit together, in one sentence."""


def check_profiler() -> None:
    """Check that profiler, TensorBoard's plugin and protobuf are there and fit together.

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


def capture(
    cases: Sequence[ConvCase], folder: Path, tell: Callable[[str], None], onednn_version: str = ""
) -> dict[ConvCase, Path]:
    """Trace ``cases`` and log their primitives; returns the folder of each case that has a trace.

    ``onednn_version`` is as oneDNN prints it, or empty: newer ones are asked what they refuse, too. A child
    that dies costs the cases it had not finished; ``tell`` is given a sentence about it.
    """
    with tempfile.TemporaryDirectory() as dump:
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={dump} --xla_dump_hlo_as_text"
        _run_children(TRACE, cases, folder, {**SERIAL, "XLA_FLAGS": flags, XLA_DUMP: dump}, tell)
    logged = [case for case in cases if _calls_onednn(case)]
    verbosity = {"ONEDNN_VERBOSE": choose_verbosity(onednn_version)}
    _run_children(PRIMITIVES, logged, folder, {**SERIAL, **verbosity}, tell)
    for case in logged:  # of which a child may have died
        (folder / case.id / f"{ONEDNN_LOG}.unfinished").unlink(missing_ok=True)
    return {case: folder / case.id for case in cases if (folder / case.id / CAPTURE).exists()}


def choose_verbosity(onednn_version: str) -> str:
    """The value of ``ONEDNN_VERBOSE`` for a log of what ran and, where oneDNN can say it, of what it refused.

    The version is as oneDNN prints it. Before 3.2 oneDNN knows no words here, and would print nothing.
    """
    numbers = re.match(r"(\d+)\.(\d+)", onednn_version)
    knows_words = numbers is not None and (int(numbers[1]), int(numbers[2])) >= _FIRST_WITH_WORDS
    return "dispatch,profile_exec" if knows_words else "1"


def _calls_onednn(case: ConvCase) -> bool:
    """Whether oneDNN may run ``case``: on CPU and not compiled by XLA.

    PyTorch compiles by other means than XLA, and these call oneDNN.
    """
    is_compiled_by_xla = case.mode == "xla" and choose_backend() != "torch"
    return case.device.startswith("CPU") and not is_compiled_by_xla


def _run_children(
    kind: str,
    cases: Sequence[ConvCase],
    folder: Path,
    variables: Mapping[str, str],
    tell: Callable[[str], None],
) -> None:
    """Capture ``kind`` of ``cases``, some in each child, which starts with ``variables`` set."""
    for first in range(0, len(cases), _CASES_A_CHILD):
        some = tuple(cases[first : first + _CASES_A_CHILD])
        problem = run_child("bench.tracing.child", Job(kind, str(folder), some), variables)
        if problem:
            tell(problem)


def run_child(module: str, job: Job | NetworkJob, variables: Mapping[str, str], parts: int = 1) -> str | None:
    """Have ``module`` do ``job`` in a child with ``variables`` set; returns a sentence on what went wrong.

    It is ended after :data:`_TIMEOUT_SECONDS` for each of its ``parts``.
    """
    timeout = _TIMEOUT_SECONDS * parts
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=job.to_json(),
            env={**os.environ, **variables},
            text=True,
            capture_output=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return f"capturing {job.kind} was ended after {timeout:g} s; what was finished is kept"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"capturing {job.kind} failed ({done.returncode}): {last}"
    return None
