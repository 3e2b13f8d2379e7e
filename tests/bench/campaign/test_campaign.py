"""Several environments in lock-step."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.environments.changes import compare_environments
from analysis.results.files import find_files
from analysis.results.loading import load_results
from bench.campaign import __main__, campaign
from bench.campaign.environments import CampaignError, parse_environments
from bench.campaign.progress import CampaignProgress
from bench.campaign.replicate import order_starts, order_turn
from bench.contract.claims import list_contrasts

PROJECT = Path(__file__).parents[3]
SHAPES = [{"batch": 1, "height": 4, "width": 4, "in_channels": channels, "filters": 4} for channels in (1, 2)]
CASES = 2 * 3 * len(SHAPES)


def test_environments_are_an_interpreter_with_a_label_and_variables():
    first, second = parse_environments("current,off=current:TF_ENABLE_ONEDNN_OPTS=0:OMP_NUM_THREADS=1")
    assert (first.label, first.python, first.variables) == ("current", sys.executable, {})
    assert second.label == "off"
    assert second.variables == {"TF_ENABLE_ONEDNN_OPTS": "0", "OMP_NUM_THREADS": "1"}
    (named, _) = parse_environments("current:A=1,current")
    assert named.label == "current-A=1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("current", "needs at least two"),
        ("current,current", "two environments are called current"),
        ("current,b=current:A", "'A' in 'b=current:A' is no VARIABLE=value"),
        ("current,/no/such/python", "there is no interpreter /no/such/python"),
        ("current,../x=current", "needs a label that a folder can have"),
    ],
)
def test_environments_that_make_no_sense_are_refused(text, words):
    with pytest.raises(CampaignError, match=words):
        parse_environments(text)


def command(folder, environments, *options, grid=None):
    (folder / "shapes.json").write_text(json.dumps(SHAPES))
    cases = ["--grid", grid] if grid else ["--shapes", str(folder / "shapes.json")]
    campaign = ["--environments", environments, "--storage", str(folder), "--name", "made"]
    for_pytest = ["-p", "tests.bench.made_framework", *cases, "--benchmark-max-time=0.01"]
    return [sys.executable, "-m", "bench.campaign", *campaign, *options, *for_pytest]


def run(folder, environments, *options, grid=None, **variables):
    return subprocess.run(
        command(folder, environments, *options, grid=grid),
        cwd=PROJECT, capture_output=True, text=True, env={**os.environ, **variables}, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    done = run(
        folder, "a=current,b=current:MADE_VERSION=2", "--replicates", "2", MADE_LOG=str(folder / "calls")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


def load(folder, label):
    return load_results(find_files([folder / "made" / label]))


def read_content(folder, label, replicate):
    return json.loads((folder / "made" / label / f"{replicate:04}.json").read_text())


def test_every_environment_ends_with_an_ordinary_file_a_replicate(made):
    folder, done = made
    for label, version in (("a", "1"), ("b", "2")):
        found = load(folder, label)
        assert [Path(run.file).name for run in found.runs] == ["0001.json", "0002.json"]
        assert found.environment["made"] == version
        assert len(found.layers) == 2 * CASES
    assert f"compare {folder}/made/a {folder}/made/b" in done.stdout


def test_a_result_says_which_of_the_campaigns_environments_it_is_of(made):
    for place, label in enumerate(("a", "b")):
        for replicate in (1, 2):
            campaign = read_content(made[0], label, replicate)["machine_info"]["run"]["campaign"]
            assert campaign == {"id": "made", "replicate": replicate, "place": place, "label": label}


def test_the_first_replicate_says_what_ran_each_kernel_for_all(made):
    for label in ("a", "b"):
        first, second = (
            [row["extra_info"] for row in read_content(made[0], label, replicate)["benchmarks"]]
            for replicate in (1, 2)
        )
        assert all(set(info["implementations"].values()) == {"made"} for info in first)
        assert not any("implementations" in info for info in second)


def test_the_turns_were_the_same_so_that_runs_can_be_paired(made):
    base, new = load(made[0], "a"), load(made[0], "b")
    for one, other in zip(base.layers.sort_values(["run", "id"]).to_dict("records"),
                          new.layers.sort_values(["run", "id"]).to_dict("records"), strict=True):  # fmt: skip
        assert one["id"] == other["id"]
        assert one["together"] == other["together"]
        assert len(one["turns"]) == len(other["turns"])
    found = compare_environments(base, new)
    assert found.cases["paired"].all()
    assert [str(difference) for difference in found.differences] == ["made: 1 → 2"]


def test_one_process_runs_at_a_time(made):
    calls = [line.split() for line in (made[0] / "calls").read_text().splitlines()]
    in_order = sorted((float(start), float(end), pid) for pid, start, end in calls)
    assert len({pid for _, _, pid in in_order}) == 4
    assert all(end <= start for (_, end, _), (start, _, _) in pairwise(in_order))
    # And they take turns: who runs changes far more often than there are comparisons.
    changes = sum(one[2] != other[2] for one, other in pairwise(in_order))
    assert changes > 5 * CASES


def test_the_grid_of_claims_is_measured_with_what_claims_set_against_each_other(tmp_path):
    asked = {(trial.case.id, trial.base.id) for trial in list_contrasts(("CPU:0",))}
    fatal = "depthwise_conv2d-forward-8x32x32x64-f64-k3-nobias-xla"
    (tmp_path / "faults.json").write_text(json.dumps({fatal: {"signal": 11}}))
    environments = f"a=current,b=current:BENCH_FAULTS={tmp_path}/faults.json"
    done = run(tmp_path, environments, "--replicates", "1", grid="claims")
    assert done.returncode == 0, done.stdout + done.stderr
    measured = {
        label: {(row.case.id, row.base.id) for row in load(tmp_path, label).contrasts.itertuples()}
        for label in ("a", "b")
    }
    assert measured["a"] == asked
    assert measured["b"] == {ids for ids in asked if fatal not in ids}


@pytest.mark.parametrize("count", range(2, 12))
def test_nobody_follows_itself_and_everybody_leads_and_follows_alike(count):
    turns = [order_turn(turn, count) for turn in range(2 * count)]
    assert all(sorted(turn) == list(range(count)) for turn in turns)
    played = [member for turn in turns for member in turn]
    assert all(one != other for one, other in pairwise(played))
    if count > 2:
        places = np.array([[turn.index(member) for turn in turns] for member in range(count)])
        assert len(set(places.mean(axis=1))) == 1
        assert all((row == 0).sum() == 2 for row in places)


@pytest.mark.parametrize(("count", "replicates"), [(2, 2), (3, 6), (4, 4), (10, 10), (11, 22)])
def test_nobody_is_always_started_first(count, replicates):
    orders = [order_starts(replicate, count) for replicate in range(replicates)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    assert all(one[0] != other[0] for one, other in pairwise(orders))
    places = np.array([[order.index(member) for order in orders] for member in range(count)])
    assert len({(row == 0).sum() for row in places}) == 1
    # Of any two, either is before the other in as many replicates.
    before = places[:, None] < places[None, :]
    assert (before.sum(axis=2)[~np.eye(count, dtype=bool)] * 2 == replicates).all()


@pytest.mark.parametrize("option", [(), ("--one-by-one",)])
def test_replicates_start_their_processes_in_another_order(tmp_path, monkeypatch, option):
    started = []
    monkeypatch.setattr(
        campaign, "run_replicate", lambda members, *_: started.extend(member.label for member in members)
    )
    asked = ["--environments", "a=current,b=current,c=current", "--replicates", "3"]
    done = CliRunner().invoke(__main__.main, [*asked, "--storage", str(tmp_path), *option])
    assert done.exit_code == 0, done.output
    assert "".join(started) == "abc" + "cba" + "bca"


def test_a_finished_campaign_is_not_measured_again_and_more_replicates_are_added(made):
    folder, _ = made
    before = {file: file.stat().st_mtime_ns for file in (folder / "made").rglob("*.json")}
    environments = "a=current,b=current:MADE_VERSION=2"
    assert run(folder, environments, "--replicates", "2").returncode == 0
    assert {file: file.stat().st_mtime_ns for file in (folder / "made").rglob("*.json")} == before
    assert run(folder, environments, "--replicates", "3").returncode == 0
    assert len(list((folder / "made").rglob("*.json"))) == 6


def test_a_killed_campaign_goes_on_where_it_was(tmp_path):
    options = ("a=current,b=current:MADE_VERSION=2", "--replicates", "1")
    slow = [*command(tmp_path, *options), "--benchmark-max-time=0.05"]
    process = subprocess.Popen(slow, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(400):
        if b'"kept"' in b"".join(file.read_bytes() for file in tmp_path.rglob("*.journal")):
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list((tmp_path / "made").rglob("*.json")) == []
    done = subprocess.run(slow, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "made" / "logs" / "a-0001.log").read_text()
    assert "going on with an earlier run" in log
    assert load(tmp_path, "a").layers["id"].nunique() == load(tmp_path, "b").layers["id"].nunique() == CASES


def test_a_case_that_kills_one_environment_is_recorded_there_and_the_others_go_on(tmp_path):
    fatal = "conv2d-forward-1x4x4x1-f4-k3"
    (tmp_path / "faults.json").write_text(json.dumps({fatal: {"signal": 11}}))
    done = run(tmp_path, f"a=current,b=current:BENCH_FAULTS={tmp_path}/faults.json", "--replicates", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert fatal in set(load(tmp_path, "a").layers["id"])
    b = load(tmp_path, "b")
    assert fatal not in set(b.layers["id"])
    assert list(b.not_measured["reason"]) == ["killed the process 2 times (SIGSEGV)"]
    assert compare_environments(load(tmp_path, "a"), b).only_in_base == [fatal]


def test_what_pytest_refuses_ends_the_campaign_with_its_words(tmp_path):
    done = run(tmp_path, "a=current,b=current", "--grid", "huge")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: a ended without a result")
    assert "exclude each other" in done.stderr
    assert "Traceback" not in done.stderr


def test_progress_speaks_of_the_whole_campaign():
    now, lines = [0.0], []
    progress = CampaignProgress(3, 1, lambda: now[0], lines.append)
    progress.begin_group(0, others=0)
    for place in range(10):
        now[0] = 10.0 * place
        progress.tell(place, 10)
    assert lines[0] == "  replicate 1 of 3: 2 of 10 comparisons, 0:20 gone, about 4:40 left"


def test_progress_counts_the_environments_that_are_measured_one_by_one():
    now, lines = [0.0], []
    progress = CampaignProgress(2, 3, lambda: now[0], lines.append)
    for group in range(3):
        progress.begin_group(0, others=2 - group)
        for place in range(4):
            progress.tell(place, 4)
            now[0] += 20.0
    # Of 2 replicates of 3 environments of 4 comparisons, one is done, and then 5.
    assert lines[0] == "  replicate 1 of 2: 1 of 4 comparisons, 0:20 gone, about 7:40 left"
    assert lines[4] == "  replicate 1 of 2: 1 of 4 comparisons, 1:40 gone, about 6:20 left"


def test_progress_leaves_out_the_environments_that_were_measured_before():
    now, lines = [0.0], []
    progress = CampaignProgress(1, 3, lambda: now[0], lines.append)
    progress.begin_group(0, others=0)
    for place in range(2):
        now[0] = 20.0 * place
        progress.tell(place, 4)
    assert lines == ["  replicate 1 of 1: 1 of 4 comparisons, 0:20 gone, about 1:00 left"]


def test_values_with_commas_and_colons_go_into_options_of_their_own():
    found = parse_environments(
        "a=current",
        ["b=current", sys.executable],
        ["b:KMP_AFFINITY=granularity=fine,compact,1,0", "b:LD_LIBRARY_PATH=/a:/b", "b:X="],
    )
    assert [environment.label for environment in found] == ["a", "b", Path(sys.executable).name]
    assert found[1].variables == {
        "KMP_AFFINITY": "granularity=fine,compact,1,0", "LD_LIBRARY_PATH": "/a:/b", "X": "",
    }  # fmt: skip
    for settings in (["c:A=1"], ["b"], ["b:A"], [":A=1"]):
        with pytest.raises(CampaignError, match="--set"):
            parse_environments("a=current", ["b=current"], settings)
    for label in ("logs", "unfinished", "x\ty"):
        with pytest.raises(CampaignError, match=r"label|called"):
            parse_environments("a=current", [f"{label}=current"])


@pytest.mark.parametrize(
    ("environments", "options", "words"),
    [
        ("a=current,b=current:MADE_VERSION=2", ["--directions", "forward"], "another campaign (options: "),
        ("a=current,b=current:MADE_VERSION=3", [], "another campaign (environments: "),
        ("a=current,c=current", [], "another campaign (environments: "),
        ("b=current:MADE_VERSION=2,a=current", [], "another campaign (environments: "),
        ("a=current,b=current:MADE_VERSION=2", ["--one-by-one"], "another campaign (one_by_one: "),
    ],
)
def test_a_campaign_of_the_same_name_that_is_another_is_refused(made, environments, options, words):
    before = {file: file.read_bytes() for file in (made[0] / "made").rglob("*.json")}
    done = run(made[0], environments, "--replicates", "2", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Compare them" not in done.stdout
    assert {file: file.read_bytes() for file in (made[0] / "made").rglob("*.json")} == before


def test_a_campaign_that_has_nothing_left_to_measure_says_so(made):
    done = run(made[0], "a=current,b=current:MADE_VERSION=2", "--replicates", "2")
    assert done.returncode == 0
    assert "All 2 replicates were measured before" in done.stderr


def test_a_campaign_saves_each_run_once_whatever_it_is_told(tmp_path):
    done = run(tmp_path, "a=current,b=current", "--replicates", "1", "--benchmark-autosave")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(find_files([tmp_path / "made"])) == 2
    done = run(tmp_path, "a=current,b=current", "--replicates", "1", "--benchmark-json=x.json")
    assert done.returncode == 2
    assert "a campaign takes no --benchmark-json" in done.stderr


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "x"])
def test_a_campaigns_case_timeout_must_be_one(tmp_path, timeout):
    done = run(tmp_path, "a=current,b=current", "--case-timeout", timeout)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
