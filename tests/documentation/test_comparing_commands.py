"""The printed commands that compare environments, run in the order in which pages print them."""

import shutil
import sys

import pytest

from tests.documentation.running import COMPARING, Reader, choose_commands

#: What pages call two interpreters: those of this one, which say that they have TensorFlow 2.20 and 2.21.
INTERPRETERS = {
    "before": "2.20.0", "after": "2.21.0", "../environments/base": "2.20.0", "../environments/new": "2.21.0",
}  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """In their folder lie the runs of a campaign, and copies of its files under the names of days."""
    folder = tmp_path_factory.mktemp("comparing") / "suite"
    folder.mkdir()
    reader = Reader(folder)
    for place, version in INTERPRETERS.items():
        python = folder / place / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nMADE_VERSION={version} exec {sys.executable} "$@"\n')
        python.chmod(0o755)
    reader.run("python -m bench.campaign --name campaign --environments tf220,tf221")
    for day, file in (("monday", "tf220/0001"), ("tuesday", "tf221/0001"), ("wednesday", "tf221/0001")):
        shutil.copy(folder / f".benchmarks/campaign/{file}.json", folder / f"{day}.json")
    return reader


@pytest.mark.parametrize("command", choose_commands(COMPARING), ids=str)
def test_a_printed_command_compares(reader, command):
    assert reader.run(command)
