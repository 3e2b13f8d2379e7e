"""Which of oneDNN's implementations runs each kernel of a case, in a pass of its own after timing.

When an upgrade changes a time, another implementation is the usual cause. So every run finds them out. A call
of each case is enough, and several child processes share the cases: nothing is timed any more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.contract.cases import ConvCase
from bench.contract.onednn_log import LogError, find_implementations
from bench.contract.trace_folder import ONEDNN_LOG
from bench.machine.capacity import count_cores
from bench.tracing import capturing
from bench.tracing.job import PRIMITIVES, Job

#: As many children as there are cores, but no more: each loads a framework.
_MOST_CHILDREN = 4
#: To load a framework takes a child about as long as so many cases.
_FEWEST_CASES = 35
#: What a child that dies has not begun is tried again, so many times in all.
_MOST_ROUNDS = 4
#: A GPU's memory is not for them.
_VARIABLES = {"ONEDNN_VERBOSE": "1", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}


def capture(cases: Sequence[ConvCase], tell: Callable[[str], None]) -> dict[ConvCase, dict[str, str | None]]:
    """What ran each kernel of ``cases``, as :func:`bench.contract.onednn_log.find_implementations` says it.

    A case whose child dies, or whose log is not understood, is left out; ``tell`` is given a sentence.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            reasons = _log_all(cases, Path(folder))
            found = _read_logs(cases, Path(folder), reasons)
    except OSError as error:
        tell(f"which kernels ran is not known: {error}")
        return {}
    lost = [case for case in cases if case not in found]
    if lost:
        others = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        tell(f"which kernels ran is not known of {lost[0].id}{others}: {reasons[lost[0]]}")
    return found


def _read_logs(
    cases: Sequence[ConvCase], folder: Path, reasons: dict[ConvCase, str]
) -> dict[ConvCase, dict[str, str | None]]:
    """What the logs in ``folder`` say; why one is not understood is added to ``reasons``."""
    found = {}
    for case in cases:
        log = folder / case.id / ONEDNN_LOG
        if log.exists():
            try:
                found[case] = find_implementations(log.read_text("utf-8", errors="replace"), case)
            except LogError as error:
                reasons[case] = str(error)
    return found


def _log_all(cases: Sequence[ConvCase], folder: Path) -> dict[ConvCase, str]:
    """Log ``cases`` into ``folder``; returns why there is no log, of the cases that have none.

    A child that dies costs the case that it was at: others go on with what it had not begun.
    """
    reasons: dict[ConvCase, str] = {}
    left = list(cases)
    for _ in range(_MOST_ROUNDS):
        reasons |= _log_once(left, folder)
        not_begun = [case for case in left if not (folder / case.id).exists()]
        if not not_begun or len(not_begun) == len(left):
            break
        left = not_begun
    return reasons


def _log_once(cases: Sequence[ConvCase], folder: Path) -> dict[ConvCase, str]:
    """Share ``cases`` among children that run at the same time; returns what :func:`_log_all` does."""
    count = min(count_cores(), _MOST_CHILDREN, -(-len(cases) // _FEWEST_CASES))
    # Neighbours are alike, and take alike long: each child gets one of them.
    shares = [cases[first::count] for first in range(count)]
    jobs = [Job(PRIMITIVES, str(folder), tuple(share), steps=1) for share in shares]
    with ThreadPoolExecutor(len(jobs)) as pool:
        problems = pool.map(lambda job: capturing.run_child("bench.tracing.child", job, _VARIABLES), jobs)
    return {
        case: problem or "its child did not log it"
        for job, problem in zip(jobs, problems, strict=True)
        for case in job.cases
        if not (folder / case.id / ONEDNN_LOG).exists()
    }
