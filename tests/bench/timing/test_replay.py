"""The contract with pytest-benchmark: two rows fed from one loop, by its public means alone."""

import json

import pytest

SUITE = """
import pytest
from bench.timing.replay import Replay

CALLS = []
REPLAYS = {name: Replay("time.perf_counter") for name in ("one", "other")}
ROUNDS = {"one": [0.1, 0.30000000000000004, 0.2], "other": [1e-6, 3e-6]}
ITERATIONS = {"one": 1, "other": 7}

def check(benchmark, name):
    benchmark.extra_info["name"] = name
    REPLAYS[name].record(benchmark, lambda: CALLS.append(name), ROUNDS[name], ITERATIONS[name])

@pytest.mark.benchmark(timer=REPLAYS["one"].timer)
def test_one(benchmark):
    check(benchmark, "one")

@pytest.mark.benchmark(timer=REPLAYS["other"].timer)
def test_other(benchmark):
    check(benchmark, "other")

def test_calls():
    print("CALLS", CALLS)
"""


@pytest.fixture
def saved(pytester):
    def run(*options):
        pytester.makepyfile(SUITE)
        result = pytester.runpytest("-s", "--benchmark-json=out.json", *options)
        result.assert_outcomes(passed=3)
        path = pytester.path / "out.json"
        rows = json.loads(path.read_text())["benchmarks"] if path.exists() and path.stat().st_size else []
        return {row["extra_info"]["name"]: row for row in rows}, result

    return run


def test_the_rows_hold_exactly_the_samples(saved):
    rows, _ = saved()
    assert rows["one"]["stats"]["data"] == [0.1, 0.30000000000000004, 0.2]
    assert rows["other"]["stats"]["data"] == pytest.approx([1e-6, 3e-6], rel=1e-15)
    assert rows["one"]["stats"]["median"] == 0.2
    assert (rows["one"]["stats"]["iterations"], rows["other"]["stats"]["iterations"]) == (1, 7)
    assert rows["one"]["options"]["timer"] == "perf_counter"


def test_nothing_is_measured_again_while_samples_are_replayed(saved):
    _, result = saved()
    # With several iterations a round, pytest-benchmark makes one call more for the result.
    assert "CALLS ['other']" in result.stdout.str()


def test_cprofile_sees_the_real_call(saved):
    rows, result = saved("--benchmark-cprofile=tottime")
    assert "CALLS ['one', 'other', 'other']" in result.stdout.str()
    assert rows["one"]["cprofile"]
