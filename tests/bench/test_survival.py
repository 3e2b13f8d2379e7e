"""Whole runs of ``pytest bench/`` that are killed, hang, crash and run out of disk."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis import results
from bench import journal

PROJECT = Path(__file__).parents[2]
SHAPES = [
    {"batch": 1, "height": 4, "width": 4, "in_channels": channels, "filters": 4} for channels in (1, 2, 3)
]


@pytest.fixture
def sweep(tmp_path):
    shapes = tmp_path / "shapes.json"
    shapes.write_text(json.dumps(SHAPES))
    return tmp_path


def command(folder, *options):
    return [
        *(sys.executable, "-m", "pytest", "bench/bench_layers.py", "-p", "tests.bench.made_framework"),
        *("-p", "no:cacheprovider", "-q", "--benchmark-quiet", "--shapes", str(folder / "shapes.json")),
        *(f"--benchmark-storage=file://{folder}/saved", "--benchmark-autosave", "--benchmark-max-time=0.01"),
        *options,
    ]


def run(folder, *options, **more):
    return subprocess.run(
        command(folder, *options), cwd=PROJECT, capture_output=True, text=True, timeout=120, **more
    )


def saved(folder):
    """The only saved file's rows, and the cases that were not measured."""
    (file,) = (folder / "saved").rglob("*.json")
    results.load([file])
    content = json.loads(file.read_text())
    return content["benchmarks"], content["not_measured"]


def ids(rows):
    return sorted(row["name"].partition("[")[2].rstrip("]") for row in rows)


FATAL = "separable_conv2d-train-1x4x4x2-f4-k3"


def with_fault(folder, fault):
    file = folder / "faults.json"
    file.write_text(json.dumps({FATAL: fault}))
    return {**os.environ, "BENCH_FAULTS": str(file)}


def test_an_unbroken_run_leaves_a_file_and_no_journal(sweep):
    done = run(sweep)
    assert done.returncode == 0, done.stdout + done.stderr
    rows, not_measured = saved(sweep)
    assert len(rows) == len(set(ids(rows))) == 2 * 3 * len(SHAPES)
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
                results.load([file])
                file.unlink()
            continue
        assert kept_before <= measured(sweep)
        if killed % 2:
            continue
        rounds = kept_rounds(sweep)
        done = run(sweep, "--resume")
        assert done.returncode == 0, done.stdout + done.stderr
        rows, not_measured = saved(sweep)
        assert len(rows) == len(set(ids(rows))) == 2 * 3 * len(SHAPES)
        assert not_measured == []
        for row in rows:
            case = row["name"].partition("[")[2].rstrip("]")
            if case in rounds:
                assert row["stats"]["rounds"] == rounds[case]
        for file in (sweep / "saved").rglob("*.json"):
            file.unlink()


def records(folder):
    return [record for file in folder.rglob("*.journal") for record in journal.read(file)]


def measured(folder):
    return {record["name"] for record in records(folder) if "kept" in record}


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


def wait_for(true):
    for _ in range(200):
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("waited for ten seconds")


def test_a_case_that_kills_the_process_twice_is_recorded_with_its_signal_and_the_sweep_goes_on(sweep):
    done = run(sweep, env=with_fault(sweep, {"signal": int(signal.SIGSEGV)}))
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("was killed by SIGSEGV while it measured " + FATAL) == 2
    rows, not_measured = saved(sweep)
    assert len(rows) == 2 * 3 * len(SHAPES) - 1
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
    assert len(rows) == 2 * 3 * len(SHAPES) - 1
    assert not_measured[0]["reason"] == "took longer than 1.5 s, the --case-timeout"


def files_up_to(size):
    """A limit for the process to be started: what is written beyond fails, as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_disk_that_fills_up_ends_in_one_sentence_and_loses_nothing(sweep):
    done = run(sweep, preexec_fn=files_up_to(12_000))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot write" in done.stdout + done.stderr
    assert "--resume" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert list((sweep / "saved").rglob("*.json")) == []
    before = measured(sweep)
    assert before
    done = run(sweep, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(saved(sweep)[0]) == 2 * 3 * len(SHAPES)


def test_a_disk_that_is_full_when_the_results_are_saved_leaves_none_half_written(sweep):
    done = run(sweep, preexec_fn=files_up_to(60_000))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot save the results" in done.stdout + done.stderr
    assert list((sweep / "saved").rglob("*.json")) == []
    done = run(sweep, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 passed" in done.stdout
    assert len(saved(sweep)[0]) == 2 * 3 * len(SHAPES)


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


def test_a_new_run_says_what_it_sets_aside(sweep):
    process = subprocess.Popen(
        command(sweep, "--benchmark-max-time=0.5"), cwd=PROJECT, stdout=subprocess.DEVNULL
    )
    wait_for(lambda: measured(sweep))
    process.kill()
    process.wait()
    assert "an unfinished run is set aside" in run(sweep, "-v").stdout


def test_results_with_faults_say_so(sweep):
    env = with_fault(sweep, {"slowdown": 0.5})
    done = run(sweep, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (sweep / "saved").rglob("*.json")
    assert len(json.loads(file.read_text())["machine_info"]["environment"]["faults"]) == 10


@pytest.mark.parametrize("timeout", ["x", "0", "-1", "inf", "nan"])
def test_a_case_timeout_that_is_none_is_refused(sweep, timeout):
    done = run(sweep, f"--case-timeout={timeout}")
    assert done.returncode == 2
    assert "--case-timeout must be a number of seconds" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
