"""The command line of a run: every option in its real type, or one sentence about what is wrong with it.

Nothing here is slow or needs a framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.contract.cases import DIRECTIONS, DTYPES, MODES, ConvCase
from bench.mnist.models import MODELS
from bench.plan import grids
from bench.processes.watched_process import DEFAULT_CASE_TIMEOUT
from bench.session.network_options import DEFAULT_BATCH, NetworkOptions, parse_network
from bench.session.values import (
    parse_budget,
    parse_cases,
    parse_choices,
    parse_count,
    parse_mnist,
    parse_repeats,
    parse_samples,
    parse_seed,
    parse_storage,
    split_words,
)
from bench.timing.lockstep import Budget
from bench.tracing.choosing import parse_choice

#: The article's own numbers, which ``bench_mnist.py`` takes where it is asked for by name.
_ARTICLE_EPOCHS, _ARTICLE_REPEATS = 25, 5

#: This suite's options that take a value: what --help calls the value, and says of it.
_VALUED = {
    "grid": ("NAME", f"the shapes to measure: {', '.join(grids.NAMES)}"),
    "shapes": ("FILE", "measure the shapes in this CSV or JSON file instead"),
    "case": ("ID,ID", "measure these comparisons instead, by the ids that tables and reports print"),
    "model": (
        "MODEL",
        "measure this network and its layers instead: a saved model, FILE.py:function, "
        "package.module:function or keras.applications:NAME",
    ),
    "model-batch": ("N", f"images at once in the network ({DEFAULT_BATCH})"),
    "model-input": ("SIZE", "its input without the batch, such as 96x96x3; several with commas"),
    "save-converted": ("FILE.keras", "write the network with the recommended changes here"),
    "directions": ("A,B", f"only these of {', '.join(DIRECTIONS)}"),
    "modes": ("A,B", f"only these of {', '.join(MODES)}"),
    "dtypes": ("A,B", f"only these of {', '.join(DTYPES)}"),
    "devices": ("A,B", "only these, such as CPU:0,GPU:0 (default: all there are)"),
    "profile": (
        "CHOICE",
        "after timing, trace into traces/: 'all' cases, the layers of the 'slow' comparisons, of the N "
        "slowest, or of the 'telling' ones (those that the grid marks, and the slowest)",
    ),
    "epochs": ("N", f"epochs of each MNIST training ({_ARTICLE_EPOCHS}, like the article's)"),
    "repeats": ("N", f"how often each MNIST model is trained ({_ARTICLE_REPEATS}), or which repeats (4-5)"),
    "models": ("A,B", f"only these MNIST models: {', '.join(MODELS)}"),
    "samples": ("N", "train on the first N samples only: a trial"),
    "mnist": ("PATH", "where MNIST is (default: Keras's cache, or a download)"),
    "resume-from": ("JOURNAL", "go on with a run that was set aside in this file"),
    "case-timeout": (
        "SECONDS",
        f"end a comparison that takes longer ({DEFAULT_CASE_TIMEOUT:g}), record it as failed, and go on",
    ),
    "shuffle-seed": ("N", "the order of comparisons (default: from the clock)"),
}
#: Each says what is measured, so that two of them say two things.
_EXCLUSIVE = ("grid", "shapes", "case", "model")
_FLAGS = {
    "model-unsafe": "let a saved model run the code that it brings: only of somebody whom you trust",
    "in-turn": "measure each layer alone by pytest-benchmark's own loop instead of in lock-step",
    "no-experiments": "with --profile: only trace, do not test by experiments why kernels are slow",
    "remedies": "measure what could be done about every case, not only about the grid's telling ones",
    "resume": "go on with a run that was killed, where it was killed",
    "discard": "give up what unfinished runs in this environment have kept",
}


@dataclass(frozen=True)
class Options:
    """What the user asked for, one field an option.

    Where several values can be chosen, none means that the user did not choose. The last fields are
    pytest-benchmark's options.
    """

    grid: str | None
    #: The file as the user wrote it, which is how saved files name it.
    shapes: str | None
    #: The cases that are asked for by their ids; one that is dense or separable stands for its comparison.
    cases: tuple[ConvCase, ...]
    network: NetworkOptions | None
    directions: tuple[str, ...]
    modes: tuple[str, ...]
    dtypes: tuple[str, ...]
    devices: tuple[str, ...]
    in_turn: bool
    profile: str | int | None
    #: Whether the kernels of traced cases are experimented on.
    experiments: bool
    epochs: int
    #: The first and the last repeat of every MNIST training, counted from 1.
    repeats: tuple[int, int]
    models: tuple[str, ...]
    samples: int | None
    mnist: Path | None
    #: Whether ``bench_mnist.py`` is asked for by name: the article's trainings in full.
    mnist_in_full: bool
    remedies: bool
    resume: bool
    resume_from: Path | None
    discard: bool
    #: In seconds.
    case_timeout: float
    shuffle_seed: int | None
    #: The folder in which pytest-benchmark saves.
    storage: Path
    budget: Budget
    #: The dotted name of the clock.
    timer: str
    warmup_calls: int
    benchmark_disable: bool

    @property
    def keeps(self) -> bool:
        """Whether measurements are kept in a journal; those of pytest-benchmark's own loop are not."""
        return not (self.in_turn or self.benchmark_disable)


def declare_options(group: pytest.OptionGroup) -> None:
    """Tell pytest of this suite's options.

    Values stay text until :func:`parse_options`: a value that pytest itself refuses, by ``type`` or
    ``choices``, ends in its usage, several lines, and exit code 4 instead of a sentence and exit code 2.
    """
    for name, (metavar, words) in _VALUED.items():
        default = f"{DEFAULT_CASE_TIMEOUT:g}" if name == "case-timeout" else None
        group.addoption(f"--{name}", metavar=metavar, default=default, help=words)
    for name, words in _FLAGS.items():
        group.addoption(f"--{name}", action="store_true", help=words)


def parse_options(values: Mapping[str, Any]) -> Options:
    """The options of a run from ``values``, pytest's options by name.

    Raises ``ValueError`` with one sentence for whatever is wrong with them.
    """
    _refuse_empty(values)
    _refuse_several_processes(values)
    _refuse_exclusive(values)
    in_full = any("bench_mnist" in argument for argument in values["file_or_dir"])
    directions = parse_choices("--directions", values["directions"], DIRECTIONS)
    network = parse_network(values, directions)
    return Options(
        grid=values["grid"],
        shapes=values["shapes"],
        cases=parse_cases(values["case"]),
        network=network,
        directions=network.directions if network else directions,
        modes=parse_choices("--modes", values["modes"], MODES),
        dtypes=parse_choices("--dtypes", values["dtypes"], DTYPES),
        devices=split_words(values["devices"]),
        in_turn=values["in_turn"],
        profile=parse_choice(values["profile"]),
        experiments=not values["no_experiments"],
        epochs=parse_count("--epochs", values["epochs"], _ARTICLE_EPOCHS if in_full else 1),
        repeats=parse_repeats(values["repeats"], _ARTICLE_REPEATS if in_full else 1),
        models=parse_choices("--models", values["models"], tuple(MODELS)),
        samples=parse_samples(values["samples"]),
        mnist=parse_mnist(values["mnist"]),
        mnist_in_full=in_full,
        remedies=values["remedies"],
        resume=values["resume"],
        resume_from=Path(values["resume_from"]) if values["resume_from"] else None,
        discard=values["discard"],
        case_timeout=parse_case_timeout(values["case_timeout"]),
        shuffle_seed=parse_seed(values["shuffle_seed"]),
        storage=parse_storage(values["benchmark_storage"]),
        budget=parse_budget(values),
        timer=str(values["benchmark_timer"]),
        warmup_calls=values["benchmark_warmup_iterations"] if values["benchmark_warmup"] else 0,
        benchmark_disable=values["benchmark_disable"],
    )


def parse_case_timeout(text: str) -> float:
    """``--case-timeout`` in seconds; ``ValueError`` where it is none."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"--case-timeout must be a number of seconds, not {text!r}")
    return seconds


def _refuse_empty(values: Mapping[str, Any]) -> None:
    """An option that is there and empty is an unset variable of somebody's shell."""
    for name in _VALUED:
        value = values[name.replace("-", "_")]
        if value is not None and not str(value).strip(" ,"):
            raise ValueError(f"--{name} is empty: give a value, or leave it out")


def _refuse_several_processes(values: Mapping[str, Any]) -> None:
    """pytest-xdist's workers would measure at the same time, and spoil each other's times."""
    if values.get("numprocesses") or values.get("tx") or values.get("dist", "no") != "no":
        raise ValueError("measuring needs one process at a time: leave out -n and --dist (pytest-xdist)")


def _refuse_exclusive(values: Mapping[str, Any]) -> None:
    given = [name for name in _EXCLUSIVE if values[name]]
    if len(given) > 1:
        raise ValueError(f"--{given[0]} and --{given[1]} exclude each other: give one of them")
    if values["discard"] and (values["resume"] or values["resume_from"]):
        raise ValueError("--resume and --discard exclude each other: give one of them")
