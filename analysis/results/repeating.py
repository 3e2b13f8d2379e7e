"""Commands that measure again what runs measured, built from what the runs say of themselves."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from analysis import commands
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


def write_campaign(base: MeasuredRun, new: MeasuredRun) -> str:
    """What measures in lock-step what ``new`` measured, in the environments of both.

    An interpreter is named as a campaign takes it: a release of TensorFlow that tox installs, or the one that
    runs the command where both runs had the same versions. Another stands there as a path to be filled in.
    """
    words = ["python", "-m", "bench.campaign"]
    names, settings = [], []
    for label, run, other in (("before", base, new), ("after", new, base)):
        variables = _list_variables(run)
        name = _name_interpreter(run, other)
        names.append(name if name in commands.RELEASES and not variables else f"{label}={name}")
        settings += [f"{label}:{variable}={value}" for variable, value in variables.items()]
    for name in names:
        words += ["--environment", name]
    for setting in settings:
        words += ["--set", setting]
    return shlex.join([*words, *_choose_shapes(new)])


def _name_interpreter(run: MeasuredRun, other: MeasuredRun) -> str:
    if all(run.environment.get(name) == other.environment.get(name) for name in ("keras", other.backend)):
        return "current"
    release = "tf{}{:02}".format(*(*run.version, 0, 0)[:2])
    if run.backend == "tensorflow" and release in commands.RELEASES:
        return release
    version = run.environment.get(run.backend, "")
    return f"/path/to/an/environment/with/{run.backend}-{version}/bin/python"


def _list_variables(run: MeasuredRun) -> Mapping[str, str]:
    """What was set for a run; Keras needs to be told only of another backend than its own."""
    variables = {"KERAS_BACKEND": run.backend, **run.environment["flags"]}
    if variables["KERAS_BACKEND"] == "tensorflow":
        del variables["KERAS_BACKEND"]
    return variables


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
    assignments = [f"{name}={shlex.quote(value)}" for name, value in _list_variables(run).items()]
    return " ".join([*assignments, shlex.join(["pytest", *words])])
