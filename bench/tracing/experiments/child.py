"""A process that runs arms when it is told to: ``python -m bench.tracing.experiments.child``.

It reads requests from standard input and answers on standard output, a line of JSON each:

- ``{"do": "prepare", "key": ..., "case": ..., "role": ...}``, or ``"ceiling"`` in the place of the last two,
  is answered with ``{"seconds": ...}``, what a call takes about;
- ``{"do": "measure", "key": ..., "seconds": ...}`` with a slice of about so long (see :func:`measure`);
- ``{"do": "forget"}`` with nothing; what was prepared is let go.

What cannot be done is answered with ``{"error": ...}``. oneDNN prints on standard output too. So that goes to
a file, and answers to what was standard output before.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from bench.contract.cases import ConvCase
from bench.contract.onednn_log import LogError, parse_execution
from bench.frameworks.interface import Call, Framework, summarize_error
from bench.frameworks.loading import load_framework
from bench.plan.ceilings import Ceiling
from bench.plan.experiments import is_frozen
from bench.tracing.recording import begin_child
from bench.workloads.preparing import prepare

#: Set where this process shall have one thread, though its framework knows no variable for that.
ONE_PROCESSOR = "BENCH_ONE_PROCESSOR"
#: Calls before the first that is timed, or fewer where they take long.
_WARM_UP, _WARM_UP_SECONDS = 3, 1.0
_LEAST_CALLS = 2
#: A call that takes longer is no short one whose clock needs company.
_LONG_CALL_SECONDS = 0.02


@dataclass(frozen=True)
class _Prepared:
    """A call that is ready, and the case that it is of; a ceiling is of none."""

    call: Call
    case: ConvCase | None


class _Log:
    """The file that standard output goes to, of native code too."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        os.dup2(self._file.fileno(), 1)

    def empty(self) -> None:
        ctypes.CDLL(None).fflush(None)
        os.ftruncate(self._file.fileno(), 0)
        os.lseek(self._file.fileno(), 0, os.SEEK_SET)

    def read(self) -> str:
        ctypes.CDLL(None).fflush(None)
        size = os.fstat(self._file.fileno()).st_size
        return os.pread(self._file.fileno(), size, 0).decode("utf-8", errors="replace")


def main() -> None:
    """Answer requests until there are no more."""
    begin_child()
    if os.environ.get(ONE_PROCESSOR) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = _Log()
    framework = load_framework()
    prepared: dict[str, _Prepared] = {}
    _answer(answers, {})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            _answer(answers, _do(request, prepared, framework, log))
        except Exception as error:  # whatever it is, the other arms go on
            _answer(answers, {"error": summarize_error(error)})


def _answer(answers: TextIO, content: Mapping[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


def _do(
    request: Mapping[str, Any], prepared: dict[str, _Prepared], framework: Framework, log: _Log
) -> dict[str, Any]:
    if request["do"] == "forget":
        prepared.clear()
        return {}
    if request["do"] == "prepare":
        one = _prepare(request, framework)
        prepared[request["key"]] = one
        end = time.perf_counter() + _WARM_UP_SECONDS
        for _ in range(_WARM_UP):
            one.call()
            if time.perf_counter() > end:
                break
        log.empty()
        return {"seconds": _time(one.call)}
    return measure(prepared[request["key"]], request["seconds"], log)


def _prepare(request: Mapping[str, Any], framework: Framework) -> _Prepared:
    if "ceiling" in request:
        return _Prepared(Ceiling(**request["ceiling"]).prepare(framework), None)
    case = ConvCase.from_dict(request["case"])
    return _Prepared(prepare(framework, case, frozen=is_frozen(request["role"])).call, case)


def _time(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(prepared: _Prepared, seconds: float, log: _Log) -> dict[str, Any]:
    """Calls for about ``seconds``, after one that is not counted, since others ran meanwhile.

    ``wall`` is the median call. ``kernels`` has, by "operation role", the median call's seconds in
    convolutions of that kind by oneDNN's own clock, and what ran them; it is empty where its log shows none.
    """
    first = _time(prepared.call)
    log.empty()
    end = time.perf_counter() + seconds
    calls: list[float] = []
    least = 1 if first > _LONG_CALL_SECONDS else _LEAST_CALLS
    while len(calls) < least or time.perf_counter() < end:
        calls.append(_time(prepared.call))
    kernels = _read_kernels(log.read(), prepared.case, len(calls)) if prepared.case else {}
    return {"wall": statistics.median(calls), "kernels": kernels}


def _read_kernels(text: str, case: ConvCase, calls: int) -> dict[str, tuple[float, str]]:
    found: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for line in text.splitlines():
        with contextlib.suppress(LogError):  # then it is timed from outside
            execution = parse_execution(line, case)
            if execution and execution.operation:
                name = f"{execution.operation} {execution.role}"
                found[name].append((execution.seconds, execution.implementation))
    return {
        name: (_take_median(executions, calls), " + ".join(sorted({part for _, part in executions})))
        for name, executions in found.items()
        if len(executions) % calls == 0
    }


def _take_median(executions: list[tuple[float, str]], calls: int) -> float:
    """The median over calls of the sum of each call's executions."""
    each = len(executions) // calls
    seconds = [one for one, _ in executions]
    return statistics.median(sum(seconds[first : first + each]) for first in range(0, len(seconds), each))


if __name__ == "__main__":
    main()
