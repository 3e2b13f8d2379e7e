"""Runs the commands that pages print, each with as little work as it can have."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.cli.main import main as analysis_command
from tests.documentation.commands import find_commands, list_tox_commands
from tests.documentation.pages import GUIDES, PROJECT, README, find_blocks

#: The printed commands that no test runs, and why.
NOT_RUN = {
    **dict.fromkeys(
        (
            "python -m pip install tox",
            "pip install tox",
            "pip install tox -e '.[bench]'",
            "pip install -e .",
            "pip install -e '.[bench]'",
            "pip install -e '.[bench,test]'",
            "pip install -e '.[bench,jax,torch]'",
            "pip install -e '.[jax]'",
            "pip install -e '.[gpu]'",
        ),
        "it installs",
    ),
    "tox run -e test": "it runs every test, and so this one",
    "tox run -e frameworks": "it needs JAX and PyTorch, which are gigabytes",
    "tox run -e lint": "it looks at the code, with programs that only its environment has",
    "tox run -e gpu": "it needs an NVIDIA GPU",
    "tensorboard --logdir traces": "it serves until it is stopped; bench/tracing/test_tensorboard.py does so",
    "python -m bench.tracing.child": "a run starts it, and hands it what to capture",
    "python -m bench.tracing.experiments.child": "a run starts it, and tells it what to run",
    "python -m bench.session.onednn_probe": "a run starts it, and reads what it prints",
    "python -m analysis compare": "a name: it needs BASE and NEW",
    "python -m bench.tracing.network_child": "a run starts it, and hands it what to trace",
    **dict.fromkeys(
        (
            "tox run -e study -- --model my_model.keras",
            "pytest bench/ --model my_model.keras --benchmark-autosave",
            "pytest bench/ --model docs/reproducers/mobilevit.py:build --model-input 128x128x3 "
            "--benchmark-autosave",
            "pytest bench/ --model docs/reproducers/fully_convolutional.py:build --benchmark-autosave",
        ),
        "it measures a network for minutes; bench/networks/test_end_to_end.py does so with a small one",
    ),
}

#: The one command that measures with TensorFlow. What the others measure is made (``MADE_RUNS``).
REAL = "pytest bench/ --benchmark-autosave --profile telling"
MADE_RUNS = "-p tests.bench.session.made_runs"

_SMOKE = "--grid smoke --directions forward --benchmark-max-time=0.01"
#: What follows a command that begins so, in order that it has little to do. Of two equal options the last
#: counts, and so does the longest beginning.
LITTLE_WORK = {
    REAL: "--grid smoke --directions train -k '(layer and not wise) or 256' --benchmark-max-time=0.02",
    "pytest bench/": f"{_SMOKE} -k 'not KiB'",
    "pytest tests/analysis/statistics": "-k test_verdicts",
    "python -m bench.campaign": f"--replicates 1 {_SMOKE}",
    "python -m bench.campaign.upgrade": f"--replicates 1 {_SMOKE}",
    # With one replicate nothing can be detected.
    "python -m bench.campaign --name same": f"--replicates 2 {_SMOKE}",
    "python -m bench.timing.lockstep_study": "--processes 2 --seconds 0.01",
    "python -m tests.fuzzing": "--minutes 0.01",
    # What was measured here holds no network.
    "python -m analysis network": "made-networks",
}
#: What stands in the place of what is large, or not there.
IN_PLACE = {
    # A release of TensorFlow: this interpreter, which says that it has it.
    r"(?<=[ ,=])tf2(\d\d)(?=[ ,]|$)": r"tf2\1=current:MADE_VERSION=2.\1.0",
    # Both workflows of continuous integration run the same, under different names.
    r"merge-request": "pull-request",
    # A case of the smoke grid.
    r"train-8x32x32x64-f64-k3": "train-2x16x16x16-f16-k3",
    # The committed runs: a real one, made ones with the plane of the default grid, and small campaigns.
    r"\{tox_root\}/reports/example/results": "results",
    r"reports/example/results": "plane",
    # Whose environment is a made one.
    r" --environment fingerprint=\w+": "",
    r"reports/example/calibration/(?:power|same)[\w-]*\.jsonl\.gz": ".benchmarks/same",
    r"reports/example/calibration/slowed[\w-]*\.jsonl\.gz": ".benchmarks/slowed",
    r"reports/example/calibration/faults": "faults",
}
#: The statuses with which a command may exit, by a part of it. All others exit with 0.
STATUSES = {"--fail-on slower": (0, 1)}

#: What belongs together, by what the command says: each kind is run in a folder of its own.
COMPARING = re.compile(r"bench\.campaign|analysis (?:compare|calibrate)|--against|\.\./results")
MEASURING = re.compile(r"(?:\w+=\S+ )*pytest bench/|python -m bench")

_ASSIGNMENT = re.compile(r"[A-Z_]+=")
_SCRIPTS = Path(sys.executable).parent


def list_printed(pages: Sequence[Path] = GUIDES) -> list[str]:
    """The commands that ``pages`` print, in their order, each once."""
    return list(dict.fromkeys(shlex.join(words) for page in pages for words in find_commands(page)))


def choose_commands(kind: re.Pattern[str] | None) -> list[str]:
    """The printed commands of a kind that are run: of the first that fits, or of none."""
    chosen = []
    for command in list_printed():
        first = list_inside(command)[0]
        fitting = [each for each in (COMPARING, MEASURING) if command != REAL and each.search(first)]
        if command not in NOT_RUN and (fitting or [None])[0] is kind:
            chosen.append(command)
    return chosen


def list_inside(command: str) -> list[str]:
    """What ``command`` runs: of tox, the commands of its environment; else itself."""
    words = shlex.split(command)
    if words[:3] != ["tox", "run", "-e"]:
        return [command]
    return [shlex.join(inside) for inside in list_tox_commands(words[3], words[5:])]


def make_small(command: str) -> str:
    """``command`` with as little work as it can have."""
    for large, small in IN_PLACE.items():
        command = re.sub(large, small, command)
    words = _split_variables(command)[1]
    beginnings = [each for each in LITTLE_WORK if words[: len(shlex.split(each))] == shlex.split(each)]
    more = LITTLE_WORK[max(beginnings, key=len)] if beginnings else ""
    if "--shapes" in words:
        more = more.replace("--grid smoke ", "")
    if "--case" in words:
        more = more.replace("--grid smoke --directions forward ", "")
    return f"{command} {more}".strip()


class Reader:
    """Somebody who types printed commands into one folder, one after the other, and each once.

    ``folder`` becomes a copy of what of the project a command can need.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("bench", "tests", "docs"):
            shutil.copytree(PROJECT / name, folder / name)
        for name in ("pyproject.toml", "tox.ini"):
            shutil.copy(PROJECT / name, folder)
        (folder / "layers.csv").write_text(find_blocks(README, "csv")[0])
        self._outputs: dict[str, str] = {}

    def run(self, command: str) -> str:
        """Run ``command`` with little work, unless it was run before; what it printed.

        Raises ``AssertionError`` where it does not exit as it should.
        """
        options = "" if command == REAL else MADE_RUNS
        return "".join(self._run_inside(make_small(inside), options) for inside in list_inside(command))

    def _run_inside(self, command: str, pytest_options: str) -> str:
        if command in self._outputs:
            return self._outputs[command]
        variables, words = _split_variables(command)
        plugins = f"{os.environ.get('PYTEST_ADDOPTS', '')} {pytest_options}"
        variables = {**variables, "PYTEST_ADDOPTS": plugins}
        if words[:3] == ["python", "-m", "analysis"]:
            status, output = self._run_here(words[3:], variables)
        elif words[0] == "separable-conv-bench":
            status, output = self._run_here(words[1:], variables)
        else:
            status, output = self._run_in_process(words, variables)
        expected = next((allowed for part, allowed in STATUSES.items() if part in command), (0,))
        assert status in expected, f"{command}\nexited with {status}:\n{output}"
        self._outputs[command] = output
        return output

    def _run_here(self, words: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str]:
        """The analysis in this process, which has loaded what it needs."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            done = CliRunner().invoke(analysis_command, words, env=variables, catch_exceptions=False)
        return done.exit_code, done.output

    def _run_in_process(self, words: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str]:
        programs = {
            "python": [sys.executable],
            "pytest": [sys.executable, "-m", "pytest"],
            # The words came without the quotes in which a shell expands them.
            "eval": ["bash", "-c", f'eval "{words[-1]}"'],
        }
        path = f"{_SCRIPTS}{os.pathsep}{os.environ['PATH']}"
        program = programs.get(words[0]) or [shutil.which(words[0], path=path) or words[0]]
        done = subprocess.run(
            program if words[0] == "eval" else [*program, *words[1:]],
            cwd=self.folder, env={**os.environ, **variables, "PATH": path}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )  # fmt: skip
        return done.returncode, done.stdout


def _split_variables(command: str) -> tuple[dict[str, str], list[str]]:
    """The variables that stand before a command, and its words."""
    words = shlex.split(command)
    variables = {}
    while _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return variables, words
