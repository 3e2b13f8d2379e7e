import json
import subprocess

import pytest

from tests.bench.processes.sweeps import PROJECT, SHAPES, command, kept, measured, wait_for


@pytest.fixture
def sweep(tmp_path):
    shapes = tmp_path / "shapes.json"
    shapes.write_text(json.dumps(SHAPES))
    return tmp_path


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
