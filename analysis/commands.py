"""The commands that reports and the terminal print: built here alone, from what a run says of itself."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from bench.contract.cases import DTYPES, MODES, ConvCase

MEASURE = "pytest bench/ --benchmark-autosave"
TRACE_TELLING = "pytest bench/ --profile telling --benchmark-autosave"
TRACE_ALL = "pytest bench/ --profile all --benchmark-autosave"
REMEDIES = "pytest bench/ --remedies --benchmark-autosave"
CLAIMS = "pytest bench/ --grid claims --benchmark-autosave"
TRAIN = "pytest bench/bench_mnist.py --benchmark-autosave"
RELEASES = "python -m bench.campaign --environments tf220,tf221 --grid sentinels"
FRAMEWORKS = "python -m bench.campaign --environments current,jax=current:KERAS_BACKEND=jax"


def write_measure_again(cases: Sequence[ConvCase], run: Mapping[str, Any]) -> str:
    """What measures ``cases`` alone once more, in the environment of ``run`` (a row of ``Results.runs``)."""
    return _pytest([*_tests(cases), *_options(cases, run), "--benchmark-autosave"], run)


def write_trace(cases: Sequence[ConvCase], run: Mapping[str, Any]) -> str:
    """What measures ``cases`` alone once more, and traces them."""
    return _pytest([*_tests(cases), *_options(cases, run), "--profile", "all", "--benchmark-autosave"], run)


def write_ceilings(cases: Sequence[ConvCase], run: Mapping[str, Any]) -> str:
    """What measures the ceilings that ``cases`` need."""
    return _pytest(["bench/bench_ceilings.py", *_options(cases, run), "--benchmark-autosave"], run)


def _tests(cases: Sequence[ConvCase]) -> list[str]:
    return [f"bench/bench_layers.py::test_layer[{case.id}]" for case in cases]


def _options(cases: Sequence[ConvCase], run: Mapping[str, Any]) -> list[str]:
    """The options by which ``run`` came to measure ``cases``."""
    words = _shapes(run)
    for name, values, usual in (("modes", MODES, "graph"), ("dtypes", DTYPES, "float32")):
        used = [value for value in values if any(getattr(case, name[:-1]) == value for case in cases)]
        if used != [usual]:
            words += [f"--{name}", ",".join(used)]
    return words


def _shapes(run: Mapping[str, Any]) -> list[str]:
    shapes, grid = run.get("run_shapes"), run.get("run_grid")
    if isinstance(shapes, str):
        return ["--shapes", shapes]
    if not isinstance(grid, str):
        return []
    # Files of before a shapes file was told from a grid.
    return ["--shapes", grid] if "." in grid or "/" in grid else ["--grid", grid]


def _pytest(words: list[str], run: Mapping[str, Any]) -> str:
    environment = run["environment"]
    variables = {"KERAS_BACKEND": environment["backend"], **environment["flags"]}
    if variables["KERAS_BACKEND"] == "tensorflow":
        del variables["KERAS_BACKEND"]
    assignments = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return " ".join([*assignments, shlex.join(["pytest", *words])])
