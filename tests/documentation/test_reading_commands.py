"""The printed commands that read what one real run has measured, in the order in which pages print them."""

import shutil

import pytest

from tests.analysis import made_results
from tests.analysis.networks import made_networks
from tests.documentation.pages import PROJECT
from tests.documentation.running import REAL, Reader, choose_commands


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """In their folder lie a real run with its traces, two reports on it, a made plane, and the example."""
    reader = Reader(tmp_path_factory.mktemp("reading"))
    folder = reader.folder
    shutil.copytree(PROJECT / "reports/example", folder / "reports/example")
    for name in ("plane", "made-networks"):
        (folder / name).mkdir()
    made_results.save(folder / "plane", made_results.grid_rows(lambda case: 0.5))
    made_results.save(folder / "made-networks", made_networks.all_rows())
    reader.run(REAL)
    shutil.copytree(folder / ".benchmarks", folder / "results")
    reader.run("python -m analysis report")
    for name in ("BEFORE", "AFTER"):
        shutil.copytree(folder / "reports/latest", folder / name)
    return reader


@pytest.mark.parametrize("command", choose_commands(None), ids=str)
def test_a_printed_command_runs(reader, command):
    reader.run(command)


def test_the_real_run_was_traced_and_explained(reader):
    assert "noting which kernels ran" in reader.run(REAL)
    assert "accounted for" in reader.run("python -m analysis explain")
