"""The user's network: its variants, each direction in lock-step, once its layers have been measured."""

import pytest

from bench.contract.cases import SCHEMA
from bench.timing.rows import record_outcome


def test_network(benchmark, run, network_row, replay):
    benchmark.group = network_row.group
    absent = run.network.explain_absence(network_row)
    if absent:
        pytest.skip(absent)
    benchmark.extra_info.update(schema=SCHEMA, network=run.network.describe(network_row), trace=None)
    if benchmark.disabled:
        benchmark(run.network.prepare(network_row).call)
        return
    record_outcome(benchmark, replay, run.network.measure_network(network_row))
    run.network.rows.append((network_row, benchmark.extra_info))
