"""Options and faults that make no sense, told by a whole run."""

import os

import pytest

from tests.bench.processes.sweeps import run, saved_files


@pytest.mark.parametrize("timeout", ["x", "0", "-1", "inf", "nan"])
def test_a_case_timeout_that_is_none_is_refused(sweep, timeout):
    done = run(sweep, f"--case-timeout={timeout}")
    assert done.returncode == 2
    assert "--case-timeout must be a number of seconds" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--grid="], "--grid is empty"),
        (["--shapes="], "--shapes is empty"),
        (["--modes", ","], "--modes is empty"),
        (["--benchmark-max-time=nan"], "--benchmark-max-time must be a number of seconds over 0"),
        (["--benchmark-max-time=0"], "--benchmark-max-time must be a number of seconds over 0"),
        (["--samples=1"], "--samples must be at least 2"),
        (["--benchmark-storage=elasticsearch+http://nobody/x"], "--benchmark-storage must be a folder"),
        (["--benchmark-storage=odd://nobody/x"], "--benchmark-storage must be a folder"),
        (["-n", "2"], "one process at a time"),
        (["--count", "2"], "would be measured twice in one run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_make_no_sense_are_refused_in_one_sentence(sweep, options, words):
    done = run(sweep, *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "native code" not in done.stderr
    assert saved_files(sweep) == []


@pytest.mark.parametrize(
    "content",
    ["[]", "{", "3", '{"a": 3}', '{"a": {"signal": 900}}', '{"a": {"slowdown": "x"}}', "[" * 100_000],
)
def test_faults_that_make_no_sense_are_refused_in_one_sentence(sweep, content):
    (sweep / "faults.json").write_text(content)
    done = run(sweep, env={**os.environ, "BENCH_FAULTS": str(sweep / "faults.json")})
    assert done.returncode == 2
    assert "BENCH_FAULTS: " in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
