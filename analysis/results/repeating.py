"""Commands that measure again what runs measured, built from what the runs say of themselves."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from analysis import commands
from analysis.results.tables import MeasuredRun
from bench.contract.cases import DTYPES, MODES, ConvCase
from bench.contract.fingerprint import find_differences

#: Options that choose among values, with the value that is measured unless they are given.
_AXES = (("modes", MODES, "graph"), ("dtypes", DTYPES, "float32"))


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


def write_campaign(base: MeasuredRun, new: MeasuredRun, cases: Sequence[ConvCase]) -> str:
    """What measures ``cases``, as ``new`` did, in the environments of both runs in lock-step.

    An interpreter is named as a campaign takes it: a release of TensorFlow that tox installs, or the one that
    runs the command where both runs had the same versions. Another stands there as a path to be filled in.
    Empty for two machines, which no campaign compares.
    """
    if any(each.is_of_machine for each in find_differences(base.environment, new.environment)):
        return ""
    words = ["python", "-m", "bench.campaign"]
    settings = []
    for label, run, other in (("before", base, new), ("after", new, base)):
        variables = _list_variables(run)
        name = _name_interpreter(run, other)
        words += ["--environment", name if name in commands.RELEASES and not variables else f"{label}={name}"]
        settings += [f"{label}:{variable}={value}" for variable, value in variables.items()]
    for setting in settings:
        words += ["--set", setting]
    words += _choose_shapes(new)
    for option, values, usual in _AXES:
        used = {getattr(case, option[:-1]) for case in cases} & set(values)
        if len(used) == 1 and used != {usual}:
            words += [f"--{option}", *used]
    return shlex.join(words)


def _name_interpreter(run: MeasuredRun, other: MeasuredRun) -> str:
    differing = {
        name
        for name in ("python", "keras", run.backend)
        if run.environment.get(name) != other.environment.get(name)
    }
    if not differing:
        return "current"
    release = "tf{}{:02}".format(*(*run.version, 0, 0)[:2])
    # They are builds for CPUs, and each is one release with the Keras that comes with it.
    is_released = release in commands.RELEASES and run.backend == "tensorflow"
    on_cpu = not any(str(device).startswith("GPU") for device in run.environment.get("devices", ()))
    if is_released and on_cpu and "python" not in differing and run.version[:2] != other.version[:2]:
        return release
    return f"/path/to/an/environment/with/{run.backend}-{run.environment.get(run.backend, '')}/bin/python"


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
    for name, values, usual in _AXES:
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
