"""What public claims set against each other that no grid does: one test each, in lock-step."""

import pytest

from bench.cases import SCHEMA
from bench.frameworks import Unsupported
from bench.measurement import Died


def test_claim(benchmark, run, contrast, replay):
    benchmark.group = "claims"
    benchmark.extra_info.update(
        schema=SCHEMA, contrast={"case": contrast.case.as_dict(), "base": contrast.base.as_dict()}
    )
    try:
        if benchmark.disabled:
            benchmark(run.measurements.prepare(contrast.case).call)
            return
        outcome = run.measurements.against(contrast.base, contrast.case)
    except Unsupported as reason:
        pytest.skip(str(reason))
    except Died as reason:
        pytest.fail(str(reason), pytrace=False)
    replay.record(benchmark, outcome.workload.call, outcome.samples.rounds, outcome.samples.iterations)
    benchmark.extra_info.update(outcome.extra_info())
