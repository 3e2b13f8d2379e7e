"""What tests and demonstrations make chosen cases do: burn time, hang, or kill the process.

``BENCH_FAULTS`` names a JSON file that maps case ids to ``{"slowdown": 0.1}`` (a call takes so much longer),
``{"hang": true}``, ``{"signal": 9}`` or ``{"exit": 1}``. A run with faults says so in its environment, so
that it can never be taken for one without.
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.contract.cases import ConvCase
from bench.contract.faults import FAULTS, SLOWDOWN
from bench.contract.fingerprint import compute_digest
from bench.contract.printable import quote
from bench.frameworks.interface import Call

VARIABLE = "BENCH_FAULTS"


def load_faults() -> dict[str, Mapping[str, Any]]:
    """The faults by case id; none where no file is named.

    Raises ``ValueError`` where the file cannot be read, or says nothing sensible.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return {}
    try:
        found = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{VARIABLE}: cannot read {name}: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{VARIABLE}: {name} does not map case ids to faults")
    for case_id, fault in found.items():
        if not _is_sensible(fault):
            raise ValueError(
                f'{VARIABLE}: {name}: {quote(case_id)} needs a fault such as {{"{SLOWDOWN}": 0.1}}, '
                f'{{"hang": true}}, {{"signal": 9}} or {{"exit": 1}}, not {quote(fault)}'
            )
    return found


def _is_sensible(fault: Any) -> bool:
    if not isinstance(fault, dict):
        return False
    return all(_can_be_set(name, value) for name, value in fault.items())


def _can_be_set(name: str, value: Any) -> bool:
    """Whether there is a fault ``name`` that ``value`` makes sense for."""
    if name == "hang":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if name == "exit":
        return isinstance(value, int) and 0 <= value < 256
    if name == "signal":
        return isinstance(value, int) and 0 < value < signal.NSIG
    return name == SLOWDOWN and isinstance(value, int | float) and 0 <= value < math.inf


def describe_faults(faults: Mapping[str, Any]) -> dict[str, str]:
    """The fact of the environment that says with which faults a run was made; none without."""
    return {FAULTS: compute_digest(faults)} if faults else {}


def inject_fault(call: Call, case: ConvCase, faults: Mapping[str, Mapping[str, Any]]) -> Call:
    """``call`` with the fault of ``case``, if it has one. A fault that ends the process does so here."""
    fault = faults.get(case.id)
    if not fault:
        return call
    if "signal" in fault:
        os.kill(os.getpid(), fault["signal"])
    if "exit" in fault:
        os.write(2, b"a native exit, as a test asked for\n")
        os._exit(fault["exit"])
    if fault.get("hang"):
        time.sleep(10**9)
    share = 1 + float(fault.get(SLOWDOWN, 0.0))

    def call_slowly() -> object:
        start = time.perf_counter()
        result = call()
        end = start + share * (time.perf_counter() - start)
        while time.perf_counter() < end:
            pass
        return result

    return call_slowly
