"""What the machine can do: matrix product, memory bandwidth, the cost of a call."""

from bench.contract.cases import SCHEMA
from bench.timing.rows import record_outcome
from bench.workloads.preparing import start


def test_ceiling(benchmark, run, ceiling, replay):
    benchmark.group = "ceilings"
    if benchmark.disabled:
        benchmark(ceiling.prepare(run.framework))
        return
    outcome = run.measurements.measure_alone(
        ceiling.id, lambda: start(lambda: ceiling.prepare(run.framework))
    )
    benchmark.extra_info.update(schema=SCHEMA, ceiling=ceiling.as_dict())
    record_outcome(benchmark, replay, outcome)
