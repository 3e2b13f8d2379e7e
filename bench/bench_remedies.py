"""Remedies: one test each, measured in lock-step with the case that it is a remedy for."""

import pytest

from bench.cases import SCHEMA
from bench.frameworks import Unsupported
from bench.measurement import Died


def test_remedy(benchmark, run, remedy, replay):
    benchmark.group = "remedies"
    benchmark.extra_info.update(schema=SCHEMA, remedy=remedy.as_dict())
    try:
        if benchmark.disabled:
            benchmark(run.measurements.prepare(remedy.remedied).call)
            return
        outcome = run.measurements.against(remedy.case, remedy.remedied)
    except Unsupported as reason:
        pytest.skip(str(reason))
    except Died as reason:
        pytest.fail(str(reason), pytrace=False)
    replay.record(benchmark, outcome.workload.call, outcome.samples.rounds, outcome.samples.iterations)
    benchmark.extra_info.update(outcome.extra_info())
