"""What the machine can do: matrix product, memory bandwidth, the cost of a call."""

import pytest

from bench.cases import SCHEMA
from bench.frameworks import Unsupported
from bench.measurement import Died
from bench.workloads import started


def test_ceiling(benchmark, run, ceiling, replay):
    benchmark.group = "ceilings"
    try:
        if benchmark.disabled:
            benchmark(ceiling.prepare(run.framework))
            return
        outcome = run.measurements.alone(ceiling.id, lambda: started(lambda: ceiling.prepare(run.framework)))
    except Unsupported as reason:
        pytest.skip(str(reason))
    except Died as reason:
        pytest.fail(str(reason), pytrace=False)
    replay.record(benchmark, outcome.workload.call, outcome.samples.rounds, outcome.samples.iterations)
    benchmark.extra_info.update(schema=SCHEMA, ceiling=ceiling.as_dict(), **outcome.extra_info())
