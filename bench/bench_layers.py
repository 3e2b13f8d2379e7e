"""The isolated layers: one test a layer and case, measured in lock-step with its comparison."""

from bench.contract.cases import SCHEMA


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
    if run.in_turn:
        outcome = run.measurements.settled(run.measurements.prepare(case))
        benchmark(outcome.workload.call)
    else:
        outcome = run.measurements.outcome(comparison, case)
        replay.record(benchmark, outcome.workload.call, outcome.samples.rounds, outcome.samples.iterations)
    benchmark.extra_info.update(outcome.extra_info())
    run.measured[case.id] = (case, benchmark.extra_info)
    run.warn(case, outcome)
