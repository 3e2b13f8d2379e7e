"""What the machine can do: matrix product, memory bandwidth, the cost of a call."""

import pytest

from bench.cases import SCHEMA
from bench.frameworks import Unsupported
from bench.workloads import started


def test_ceiling(benchmark, run, ceiling):
    benchmark.group = "ceilings"
    try:
        outcome = run.measurements.settled(started(lambda: ceiling.prepare(run.framework)))
    except Unsupported as reason:
        pytest.skip(str(reason))
    benchmark.extra_info.update(schema=SCHEMA, ceiling=ceiling.as_dict(), **outcome.extra_info())
    benchmark(outcome.workload.call)
