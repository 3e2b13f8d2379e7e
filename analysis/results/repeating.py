"""Commands that measure again what runs measured, built from what the runs say of themselves."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from analysis import commands
from analysis.results.tables import MeasuredRun
from bench.contract.case_ids import ASKED_BY_ID
from bench.contract.cases import DTYPES, MODES, ConvCase
from bench.contract.fingerprint import find_differences

#: Options that choose among values, with the value that is measured unless they are given.
_AXES = (("modes", MODES, "graph"), ("dtypes", DTYPES, "float32"))


def write_measure_again(cases: Sequence[ConvCase], run: MeasuredRun) -> str:
    """What measures the comparisons of ``cases`` once more, in the environment of ``run``."""
    return _write_pytest(["bench/bench_layers.py", *_ask_for(cases), "--benchmark-autosave"], run)


def write_trace(cases: Sequence[ConvCase], run: MeasuredRun) -> str:
    """What measures the comparisons of ``cases`` once more, and traces them."""
    words = ["bench/bench_layers.py", *_ask_for(cases), "--profile", "all", "--benchmark-autosave"]
    return _write_pytest(words, run)


def write_ceilings(cases: Sequence[ConvCase], run: MeasuredRun) -> str:
    """What measures the ceilings that ``cases`` need: those of their devices, dtypes and modes."""
    needed: dict[tuple[str, str], ConvCase] = {}
    for case in cases:
        for name in ("device", "dtype", "mode"):
            needed.setdefault((name, getattr(case, name)), case)
    words = ["bench/bench_ceilings.py", *_ask_for(needed.values()), "--benchmark-autosave"]
    return _write_pytest(words, run)


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
    return shlex.join([*words, *(_ask_for(cases) if new.grid == ASKED_BY_ID else _choose_grid(cases, new))])


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


def _ask_for(cases: Iterable[ConvCase]) -> list[str]:
    """The options that measure ``cases``, by what tables call their comparisons."""
    ids = [case.comparison if case.is_dense or case.is_separable else case.id for case in cases]
    return ["--case", ",".join(dict.fromkeys(ids))]


def _choose_grid(cases: Sequence[ConvCase], run: MeasuredRun) -> list[str]:
    """The options by which ``run`` came to measure ``cases``, which may be many."""
    words = []
    name = run.shapes or run.grid
    if name:
        # Older files name a shapes file where newer ones name a grid.
        is_file = run.shapes or "." in name or "/" in name
        words += ["--shapes" if is_file else "--grid", name]
    for option, values, usual in _AXES:
        used = {getattr(case, option[:-1]) for case in cases} & set(values)
        if len(used) == 1 and used != {usual}:
            words += [f"--{option}", *used]
    return words


def _write_pytest(words: list[str], run: MeasuredRun) -> str:
    assignments = [f"{name}={shlex.quote(value)}" for name, value in _list_variables(run).items()]
    return " ".join([*assignments, shlex.join(["pytest", *words])])
