"""Whole runs of ``pytest bench/`` that are killed, hang and crash."""

import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from analysis.results.loading import load_results
from tests.bench.processes.sweeps import (
    CASES,
    FATAL,
    PROJECT,
    SHAPES,
    command,
    ids,
    measured,
    records,
    run,
    saved,
    saved_files,
    wait_for,
    with_fault,
)


def test_an_unbroken_run_leaves_a_file_and_no_journal(sweep):
    done = run(sweep)
    assert done.returncode == 0, done.stdout + done.stderr
    rows, not_measured = saved(sweep)
    assert len(rows) == len(set(ids(rows))) == CASES
    assert not_measured == []
    assert list(sweep.rglob("*.journal")) == []


def kill_at_random(folder, chance):
    """Start a run, kill it with SIGKILL at some moment; whether it was still running."""
    process = subprocess.Popen(
        command(folder, "--resume"), cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(chance.uniform(0.1, 2.2))
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


@pytest.mark.parametrize("part", range(5))
def test_fifty_runs_killed_at_random_moments_lose_and_double_nothing(sweep, part):
    chance = random.Random(part)
    killed = 0
    while killed < 10:
        kept_before = measured(sweep)
        if not kill_at_random(sweep, chance):
            for file in (sweep / "saved").rglob("*.json"):
                file.unlink()
            continue
        killed += 1
        if list((sweep / "saved").rglob("*.json")):
            # It was killed after it had saved; then it may have thrown its journal away.
            for file in (sweep / "saved").rglob("*.json"):
                load_results([file])
                file.unlink()
            continue
        assert kept_before <= measured(sweep)
        if killed % 2:
            continue
        rounds = kept_rounds(sweep)
        done = run(sweep, "--resume")
        assert done.returncode == 0, done.stdout + done.stderr
        rows, not_measured = saved(sweep)
        assert len(rows) == len(set(ids(rows))) == CASES
        assert not_measured == []
        for row in rows:
            case = row["name"].partition("[")[2].rstrip("]")
            if case in rounds:
                assert row["stats"]["rounds"] == rounds[case]
        for file in (sweep / "saved").rglob("*.json"):
            file.unlink()


def kept_rounds(folder):
    """Rounds by case, as the journal has them."""
    values = [record["value"] for record in records(folder) if "kept" in record]
    return {case: len(one["rounds"]) for value in values for case, one in value.items()}


def test_the_measuring_process_does_not_outlive_its_supervisor(sweep):
    env = with_fault(sweep, {"hang": True})
    process = subprocess.Popen(
        command(sweep), cwd=PROJECT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    children = wait_for(lambda: children_of(process.pid))
    process.kill()
    process.wait()
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def children_of(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_case_that_kills_the_process_twice_is_recorded_with_its_signal_and_the_sweep_goes_on(sweep):
    done = run(sweep, env=with_fault(sweep, {"signal": int(signal.SIGSEGV)}))
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("was killed by SIGSEGV while it measured " + FATAL) == 2
    rows, not_measured = saved(sweep)
    assert len(rows) == CASES - 1
    assert FATAL not in ids(rows)
    (entry,) = not_measured
    assert entry["reason"] == "killed the process 2 times (SIGSEGV)"
    assert f"{entry['case']['layer']}-{entry['case']['direction']}" == "separable_conv2d-train"
    assert list(sweep.rglob("*.journal")) == []


def test_a_case_that_hangs_is_ended_and_the_sweep_goes_on(sweep):
    done = run(sweep, "--case-timeout", "1.5", env=with_fault(sweep, {"hang": True}))
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("it took longer than 1.5 s (--case-timeout)") == 1
    rows, not_measured = saved(sweep)
    assert len(rows) == CASES - 1
    assert not_measured[0]["reason"] == "took longer than 1.5 s, the --case-timeout"


def test_an_interrupted_run_saves_nothing_half_and_says_how_to_go_on(sweep):
    process = subprocess.Popen(
        command(sweep, "--benchmark-max-time=0.5"),
        cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: measured(sweep))
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2, output
    assert "measurements are kept: go on with --resume" in output
    assert list((sweep / "saved").rglob("*.json")) == []


def test_results_with_faults_say_so(sweep):
    env = with_fault(sweep, {"slowdown": 0.5})
    done = run(sweep, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (sweep / "saved").rglob("*.json")
    assert len(json.loads(file.read_text())["machine_info"]["environment"]["faults"]) == 10


def test_native_code_that_ends_the_process_is_named_with_its_last_words(sweep):
    done = run(sweep, env=with_fault(sweep, {"exit": 3}))
    assert done.returncode == 1
    said = f"native code ended the process with status 3 while it measured {FATAL}; it printed last:"
    assert done.stderr.count(said) == 2
    assert "a native exit, as a test asked for" in done.stderr
    rows, not_measured = saved(sweep)
    assert FATAL not in ids(rows)
    assert not_measured[0]["reason"] == "ended the process 2 times (exit status 3)"
    assert not_measured[0]["kind"] == "died"


def test_a_process_that_ends_again_and_again_is_given_up_with_a_reason(sweep):
    shapes = {case["in_channels"] for case in SHAPES}
    every = {
        f"{layer}-{way}-1x4x4x{channels}-f4-k3": {"exit": 1}
        for layer in ("conv2d", "separable_conv2d")
        for way in ("forward", "backward", "train")
        for channels in shapes
    }
    (sweep / "faults.json").write_text(json.dumps(every))
    done = run(sweep, env={**os.environ, "BENCH_FAULTS": str(sweep / "faults.json")})
    assert done.returncode == 1
    assert "that makes 6 times without a measurement in between" in done.stderr
    assert saved_files(sweep) == []
