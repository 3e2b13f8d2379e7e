"""Whole runs that go on with what others kept, set it aside or give it up."""

import re
import subprocess

import pytest

from analysis.results.loading import load_results
from tests.bench.processes.sweeps import (
    CASES,
    PROJECT,
    command,
    kept,
    measured,
    run,
    saved,
    saved_files,
    wait_for,
    with_fault,
)


def test_a_new_run_says_what_it_sets_aside(sweep):
    process = subprocess.Popen(
        command(sweep, "--benchmark-max-time=0.5"), cwd=PROJECT, stdout=subprocess.DEVNULL
    )
    wait_for(lambda: measured(sweep))
    process.kill()
    process.wait()
    assert "an unfinished run is set aside" in run(sweep, "-v").stdout


@pytest.mark.parametrize(
    "options",
    [
        ["-k", "nothing"],
        ["--markers"],
        ["--fixtures"],
        ["--collect-only"],
        ["--setup-plan"],
        ["--resume", "--fixtures"],
    ],
    ids=" ".join,
)
def test_what_measures_nothing_touches_nothing_that_is_kept(killed, options):
    sweep, before = killed
    for _ in range(2):
        run(sweep, "--benchmark-max-time=0.2", *options)
    assert kept(sweep) == before
    assert len(list(sweep.rglob("*.journal"))) == 1


def test_going_on_with_a_part_saves_that_part_and_keeps_the_rest(killed):
    sweep, before = killed
    done = run(sweep, "--benchmark-max-time=0.2", "--resume", "-k", "bench_layers and 1x4x4x1-")
    assert done.returncode == 0, done.stdout + done.stderr
    left = kept(sweep)
    assert 0 < left <= before
    assert f"{left} measurements of earlier runs stay" in done.stdout
    done = run(sweep, "--benchmark-max-time=0.2", "--resume")
    assert f"{left} measurements are kept" in done.stdout
    assert kept(sweep) == 0
    # The two saved files hold different measurements, and both count.
    assert len(load_results(saved_files(sweep)).runs) == 2


def test_going_on_with_other_options_says_so_and_keeps_what_was_kept(killed):
    sweep, before = killed
    done = run(sweep, "--benchmark-max-time=0.01", "--resume")
    assert "nothing is kept that was measured by this code with these options" in done.stdout
    assert kept(sweep) == before
    assert "measurements are kept" not in done.stdout.replace("other measurements are kept", "")


def test_what_was_set_aside_is_taken_up_by_the_command_that_was_named(killed):
    sweep, before = killed
    done = run(sweep, "--benchmark-max-time=0.01")
    named = re.search(r"--resume-from (\S+), goes on", done.stdout)[1]
    assert kept(sweep) == before
    done = run(sweep, "--benchmark-max-time=0.2", "--resume-from", named)
    assert f"{before} measurements are kept" in done.stdout
    assert kept(sweep) == 0
    done = run(sweep, "--resume-from", named)
    assert done.returncode == 2
    assert "keeps anything" in done.stdout + done.stderr


def test_whoever_asks_for_it_gives_up_what_is_kept(killed):
    sweep, before = killed
    done = run(sweep, "--discard")
    assert done.returncode == 0
    assert f"{before} kept measurements were discarded" in done.stdout
    assert kept(sweep) == 0
    assert run(sweep, "--discard", "--resume").returncode == 2


def test_what_was_not_saved_is_kept_and_can_be_saved(sweep):
    options = [option for option in command(sweep) if option != "--benchmark-autosave"]
    done = subprocess.run(options, cwd=PROJECT, capture_output=True, text=True)
    assert "nothing was saved, and 9 measurements are kept" in done.stdout
    assert kept(sweep) == 9
    done = run(sweep, "--resume")
    assert "9 measurements are kept" in done.stdout
    assert kept(sweep) == 0
    assert len(saved(sweep)[0]) == CASES


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_a_run_that_stops_at_a_failure_is_no_replicate(sweep, option):
    # In this order the failure is not the last case, so that some are missing.
    done = run(sweep, option, "--shuffle-seed=1", env=with_fault(sweep, {"exit": 1}))
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) < CASES - 1
    assert saved_files(sweep) == []
    assert "measurements are kept: go on with --resume" in done.stdout
    assert kept(sweep)


def test_results_that_were_saved_before_a_comparison_failed_are_not_saved_again(sweep):
    run(sweep)
    failing = ["--benchmark-compare", "--benchmark-compare-fail=min:0.000000000001"]
    for _ in range(5):
        done = run(sweep, *failing)
        if "Performance has regressed" in done.stdout + done.stderr:
            break
    assert "Performance has regressed" in done.stdout + done.stderr
    before = len(saved_files(sweep))
    assert kept(sweep) == 0
    run(sweep, "--resume")
    assert len(load_results(saved_files(sweep)).runs) == before + 1


def test_a_run_that_was_saved_twice_counts_once(sweep):
    done = run(sweep, f"--benchmark-json={sweep}/saved/again.json")
    assert done.returncode == 0
    assert len(saved_files(sweep)) == 2
    loaded = load_results(saved_files(sweep))
    assert len(loaded.runs) == 1
    assert "1 file(s) hold runs that others hold too" in loaded.notes[0]
