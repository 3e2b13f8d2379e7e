"""Whole runs of ``pytest bench/`` that are killed, hang, crash and run out of disk."""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.results.loading import load_results
from bench.processes import journal

PROJECT = Path(__file__).parents[3]
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
    load_results([file])
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
        assert len(rows) == len(set(ids(rows))) == 2 * 3 * len(SHAPES)
        assert not_measured == []
        for row in rows:
            case = row["name"].partition("[")[2].rstrip("]")
            if case in rounds:
                assert row["stats"]["rounds"] == rounds[case]
        for file in (sweep / "saved").rglob("*.json"):
            file.unlink()


def records(folder):
    return [record for file in folder.rglob("*.journal") for record in journal.read_records(file)]


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


def kept(folder):
    """How many measurements any journal keeps, set aside or not."""
    return sum(journal.list_journals(folder / "saved" / "journal").values())


def saved_files(folder):
    return list((folder / "saved").rglob("*.json"))


@pytest.fixture
def killed(sweep):
    """A sweep that was killed in the middle, and what is kept of it."""
    process = subprocess.Popen(
        command(sweep, "--benchmark-max-time=0.2"),
        cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: len(measured(sweep)) >= 3)
    process.kill()
    process.wait()
    return sweep, kept(sweep)


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
    assert len(saved(sweep)[0]) == 2 * 3 * len(SHAPES)


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_a_run_that_stops_at_a_failure_is_no_replicate(sweep, option):
    # In this order the failure is not the last case, so that some are missing.
    done = run(sweep, option, "--shuffle-seed=1", env=with_fault(sweep, {"exit": 1}))
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) < 2 * 3 * len(SHAPES) - 1
    assert saved_files(sweep) == []
    assert "measurements are kept: go on with --resume" in done.stdout
    assert kept(sweep)


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
