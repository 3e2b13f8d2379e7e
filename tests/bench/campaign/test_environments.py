"""Environments of tox.ini are installed before anything is measured, and once."""

import subprocess
from pathlib import Path

import pytest

from bench.campaign.environments import CampaignError, install_environments, parse_environments


class Tox:
    """Stands for tox, which needs minutes. Notes what it is asked for; ``fails`` with what it prints then."""

    def __init__(self):
        self.asked = []
        self.fails = None

    def run(self, command, **_):
        names = command[command.index("-e") + 1]
        self.asked.append(names)
        for name in names.split(","):
            begin_installing(name)
            if self.fails is None:
                Path(".tox", name, ".tox-info.json").write_text('{"Python": {}, "PythonRun": {}}')
        return subprocess.CompletedProcess(command, int(self.fails is not None), "", self.fails or "")


def begin_installing(name):
    """As tox leaves it when it is interrupted: an interpreter, and nothing that it could measure with."""
    python = Path(".tox", name, "bin", "python")
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch()
    Path(".tox", name, ".tox-info.json").write_text('{"Python": {}}')


@pytest.fixture
def tox(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Tox()
    monkeypatch.setattr(subprocess, "run", made.run)
    return made


def test_environments_of_tox_are_installed_together_and_once(tox):
    environments = parse_environments("tf220,again=tf220:A=1,tf221,current")
    assert tox.asked == []
    install_environments(environments)
    install_environments(environments)
    assert tox.asked == ["tf220,tf221"]
    assert environments[0].python == str(Path(".tox/tf220/bin/python").absolute())


def test_what_was_interrupted_while_it_was_installed_is_installed_again(tox):
    begin_installing("tf220")
    install_environments(parse_environments("tf220,current"))
    assert tox.asked == ["tf220"]


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (
            "ROOT: HandledError| there is no\ntf299 - did you mean tf219?\n",
            "there is no tf299 - did you mean tf219?",
        ),
        ("\x1b[31mWARNING: slow\nERROR: there is no x\n\x1b[39m", "ERROR: there is no x"),
        ("", "it said nothing"),
    ],
)
def test_what_cannot_be_installed_is_said_in_one_sentence(tox, printed, reason):
    tox.fails = printed
    with pytest.raises(CampaignError) as refused:
        install_environments(parse_environments("tf299,current"))
    assert str(refused.value) == f"cannot install tf299 with tox: {reason}"
