"""Commands that measure again what a run measured, built from what the run says of itself."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from analysis.results.tables import MeasuredRun
from bench.contract.cases import DTYPES, MODES, ConvCase


def write_measure_again(cases: Sequence[ConvCase], run: MeasuredRun) -> str:
    """What measures ``cases`` alone once more, in the environment of ``run``."""
    return _write_pytest([*_list_tests(cases), *_list_options(cases, run), "--benchmark-autosave"], run)


def write_trace(cases: Sequence[ConvCase], run: MeasuredRun) -> str:
    """What measures ``cases`` alone once more, and traces them."""
    return _write_pytest(
        [*_list_tests(cases), *_list_options(cases, run), "--profile", "all", "--benchmark-autosave"], run
    )


def write_ceilings(cases: Sequence[ConvCase], run: MeasuredRun) -> str:
    """What measures the ceilings that ``cases`` need."""
    return _write_pytest(["bench/bench_ceilings.py", *_list_options(cases, run), "--benchmark-autosave"], run)


def _list_tests(cases: Sequence[ConvCase]) -> list[str]:
    return [f"bench/bench_layers.py::test_layer[{case.id}]" for case in cases]


def _list_options(cases: Sequence[ConvCase], run: MeasuredRun) -> list[str]:
    """The options by which ``run`` came to measure ``cases``."""
    words = _choose_shapes(run)
    for name, values, usual in (("modes", MODES, "graph"), ("dtypes", DTYPES, "float32")):
        used = [value for value in values if any(getattr(case, name[:-1]) == value for case in cases)]
        if used != [usual]:
            words += [f"--{name}", ",".join(used)]
    return words


def _choose_shapes(run: MeasuredRun) -> list[str]:
    if run.shapes:
        return ["--shapes", run.shapes]
    if not run.grid:
        return []
    # Older files name a shapes file where newer ones name a grid.
    return ["--shapes", run.grid] if "." in run.grid or "/" in run.grid else ["--grid", run.grid]


def _write_pytest(words: list[str], run: MeasuredRun) -> str:
    variables = {"KERAS_BACKEND": run.backend, **run.environment["flags"]}
    if variables["KERAS_BACKEND"] == "tensorflow":
        del variables["KERAS_BACKEND"]
    assignments = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return " ".join([*assignments, shlex.join(["pytest", *words])])
