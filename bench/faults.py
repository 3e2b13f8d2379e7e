"""What tests and demonstrations make chosen cases do: burn time, hang, or kill the process.

``BENCH_FAULTS`` names a JSON file that maps case ids to ``{"slowdown": 0.1}`` (a call takes so much longer),
``{"hang": true}`` or ``{"signal": 9}``. A run with faults says so in its environment, so that it can never be
taken for one without.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cases import ConvCase
from bench.fingerprint import digest
from bench.frameworks import Call

VARIABLE = "BENCH_FAULTS"


def load() -> dict[str, Mapping[str, Any]]:
    """By case id; ``ValueError`` where the file that is named cannot be read."""
    name = os.environ.get(VARIABLE)
    if not name:
        return {}
    try:
        return dict(json.loads(Path(name).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ValueError(f"{VARIABLE}: cannot read {name}: {error}") from None


def facts(faults: Mapping[str, Any]) -> dict[str, str]:
    """For the environment."""
    return {"faults": digest(faults)} if faults else {}


def inject(call: Call, case: ConvCase, faults: Mapping[str, Mapping[str, Any]]) -> Call:
    """``call`` with the fault of ``case``, if it has one."""
    fault = faults.get(case.id)
    if not fault:
        return call
    if "signal" in fault:
        os.kill(os.getpid(), fault["signal"])
    if fault.get("hang"):
        time.sleep(10**9)
    share = 1 + float(fault.get("slowdown", 0.0))

    def slowed() -> object:
        start = time.perf_counter()
        result = call()
        end = start + share * (time.perf_counter() - start)
        while time.perf_counter() < end:
            pass
        return result

    return slowed
