"""From an outcome to a row of pytest-benchmark's table."""

from __future__ import annotations

from typing import Any

from bench.timing.outcome import Outcome
from bench.timing.replay import Replay


def record_outcome(benchmark: Any, replay: Replay, outcome: Outcome) -> None:
    """Have the fixture ``benchmark`` record what was measured, with the outcome's share of ``extra_info``."""
    replay.record(benchmark, outcome.workload.call, outcome.samples.rounds, outcome.samples.iterations)
    benchmark.extra_info.update(outcome.as_extra_info())
