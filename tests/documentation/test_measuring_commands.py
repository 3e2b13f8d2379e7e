"""The printed commands that measure, run in the order in which pages print them."""

import pytest

from tests.documentation.running import MEASURING, Reader, choose_commands, list_inside


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return Reader(tmp_path_factory.mktemp("measuring"))


@pytest.mark.parametrize("command", choose_commands(MEASURING), ids=str)
def test_a_printed_command_measures(reader, command):
    before = set(reader.folder.glob(".benchmarks/*/*.json"))
    output = reader.run(command)
    assert " passed" in output or "lock-step varies" in output
    saved = set(reader.folder.glob(".benchmarks/*/*.json")) - before
    assert len(saved) == ("--benchmark-autosave" in list_inside(command)[0])
