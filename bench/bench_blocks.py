"""Depthwise layers of the user's network with their 1x1 layers, against one dense layer, in lock-step."""

from bench.contract.cases import SCHEMA
from bench.timing.rows import record_outcome


def test_block(benchmark, run, block, replay):
    benchmark.group = block.group
    benchmark.extra_info.update(schema=SCHEMA, block=run.network.describe_block(block))
    if benchmark.disabled:
        benchmark(run.network.prepare_block(block).call)
        return
    record_outcome(benchmark, replay, run.network.measure_block(block))
