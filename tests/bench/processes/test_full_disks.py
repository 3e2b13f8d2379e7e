"""Whole runs that run out of disk."""

import resource

from tests.bench.processes.sweeps import CASES, measured, run, saved


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
    assert len(saved(sweep)[0]) == CASES


def test_a_disk_that_is_full_when_the_results_are_saved_leaves_none_half_written(sweep):
    done = run(sweep, preexec_fn=files_up_to(60_000))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot save the results" in done.stdout + done.stderr
    assert list((sweep / "saved").rglob("*.json")) == []
    done = run(sweep, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 passed" in done.stdout
    assert len(saved(sweep)[0]) == CASES
