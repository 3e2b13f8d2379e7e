"""One command for an upgrade: a campaign over two environments, and the report on it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.campaign import __main__, campaign, upgrade

PROJECT = Path(__file__).parents[3]
NEW = "new=current:A=1"


@pytest.fixture
def reported(monkeypatch):
    """Nothing is measured, and what would report is noted instead."""
    commands = []

    def note(command):
        commands.append(command)
        return subprocess.CompletedProcess(command, returncode=3)

    monkeypatch.setattr(campaign, "run_replicate", lambda *_: None)
    monkeypatch.setattr(subprocess, "run", note)
    return commands


def invoke(storage, *words):
    return CliRunner().invoke(upgrade.main, ["--storage", str(storage), *words])


def read_options(storage):
    """What goes to pytest in the campaign in ``storage``."""
    (settings,) = storage.glob("*/campaign.settings")
    return json.loads(settings.read_text())["options"]


def test_the_campaigns_folder_is_reported_on_and_the_reports_status_is_the_commands(tmp_path, reported):
    done = invoke(tmp_path, "current", NEW, "--name", "made")
    assert reported == [[sys.executable, "-m", "analysis", "report", str(tmp_path / "made")]]
    assert done.exit_code == 3


@pytest.mark.parametrize(
    ("asked", "passed_on"),
    [
        ([], ["--grid", "sentinels"]),
        (["-k", "train"], ["--grid", "sentinels", "-k", "train"]),
        (["--grid", "smoke"], ["--grid", "smoke"]),
        (["--grid=smoke"], ["--grid=smoke"]),
        (["--shapes", "layers.csv"], ["--shapes", "layers.csv"]),
    ],
)
def test_the_sentinels_are_measured_unless_other_cases_are_asked_for(tmp_path, reported, asked, passed_on):
    invoke(tmp_path, "current", NEW, *asked)
    assert read_options(tmp_path) == passed_on


def test_a_campaign_over_the_same_environments_is_taken_up(tmp_path, reported):
    asked = ["--environments", f"current,{NEW}", "--grid", "sentinels", "--storage", str(tmp_path)]
    assert CliRunner().invoke(__main__.main, asked).exit_code == 0
    invoke(tmp_path, "current", NEW)
    (folder,) = tmp_path.iterdir()
    assert reported[0][-1] == str(folder)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "here are none"),
        (["current"], "here are current"),
        (["current", NEW, "b=current:A=2"], f"here are current,{NEW},b=current:A=2"),
        ([f"current,{NEW}", "b=current:A=2"], "an upgrade has two environments"),
        (["--grid", "smoke", "current", NEW], "before all options"),
        (["current", "current"], "current and current are the same environment"),
        (["a=current", "b=current"], "a=current and b=current are the same environment"),
        (["current", f"b={sys.executable}"], "are the same environment"),
        (["current", "/no/such/python"], "there is no interpreter /no/such/python"),
        (["current", "b="], "'b=' names no environment"),
        (["current", "b=current:A"], "'A' in 'b=current:A' is no VARIABLE=value"),
        (["current", NEW, "--benchmark-json=x.json"], "takes no --benchmark-json"),
        (["current", NEW, "--name", "a/b"], "--name 'a/b'"),
    ],
)
def test_what_is_no_upgrade_is_refused_in_one_sentence(tmp_path, reported, words, said):
    done = invoke(tmp_path, *words)
    assert done.exit_code == 2
    assert done.output.startswith("Error: ")
    assert said in done.output
    assert done.output.count("\n") == 1
    assert reported == []
    assert list(tmp_path.iterdir()) == []


def test_two_interpreters_of_one_name_need_labels(tmp_path, reported):
    places = [tmp_path / place / "python" for place in ("before", "after")]
    for place in places:
        place.parent.mkdir()
        place.symlink_to(sys.executable)
    done = invoke(tmp_path / "storage", *map(str, places))
    assert (done.exit_code, done.output) == (
        2, "Error: two environments are called python: give each a label, as in a=NAME\n"
    )  # fmt: skip
    assert invoke(tmp_path / "storage", f"old={places[0]}", f"new={places[1]}").exit_code == 3


def test_an_interrupted_upgrade_says_that_it_goes_on_and_reports_nothing(tmp_path, reported, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(campaign, "run_replicate", interrupt)
    done = invoke(tmp_path, "current", NEW)
    assert done.exit_code == 130
    assert "Everything finished is kept; the same command goes on." in done.output
    assert reported == []


def test_an_upgrade_ends_with_its_report_and_is_only_reported_on_the_second_time(tmp_path):
    # Reports go where the command runs, and none may replace the project's latest.
    for name in ("analysis", "bench", "pyproject.toml", "tests"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "layers.csv").write_text("batch,height,width,in_channels,filters\n1,4,4,2,4\n")
    command = [
        *(sys.executable, "-m", "bench.campaign.upgrade", "old=current", "new=current:MADE_VERSION=2"),
        *("--replicates", "1", "--name", "made", "--shapes", "layers.csv", "--directions", "train"),
        *("-p", "tests.bench.made_framework", "--benchmark-max-time=0.01"),
    ]
    for said in ("", "All 1 replicates were measured before"):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        first, *_, last = done.stdout.splitlines()
        assert first.startswith("SeparableConv2D is ")
        assert (tmp_path / last).is_file()
        assert said in done.stderr
    assert len(list((tmp_path / ".benchmarks" / "made").rglob("*.json"))) == 2
