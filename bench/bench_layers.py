"""The isolated layers: one test a layer and case, measured in lock-step with its comparison."""

from bench.contract.cases import SCHEMA
from bench.timing.rows import record_outcome


def test_layer(benchmark, run, comparison, case, replay):
    benchmark.group = comparison.id
    benchmark.extra_info.update(
        schema=SCHEMA,
        case=case.as_dict(),
        pair=comparison.id if case.is_separable or case.is_dense else case.id,
        name=comparison.name,
        trace=None,
    )
    if benchmark.disabled:
        benchmark(run.measurements.prepare(case).call)
        return
    if run.options.in_turn:
        outcome = run.measurements.settle_workload(run.measurements.prepare(case))
        benchmark(outcome.workload.call)
        benchmark.extra_info.update(outcome.as_extra_info())
    else:
        outcome = run.measurements.measure_case(comparison, case)
        record_outcome(benchmark, replay, outcome)
    run.add(case, benchmark.extra_info, outcome)
