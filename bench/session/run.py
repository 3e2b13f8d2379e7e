"""What one run measures: from the command line to comparisons, ceilings and a budget."""

from __future__ import annotations

import dataclasses
import pkgutil
import random
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import bench
from bench.contract.cases import DIRECTIONS, DTYPES, MODES, ConvCase
from bench.contract.claims import list_contrasts
from bench.contract.fingerprint import hash_code
from bench.frameworks.loading import choose_devices, load_framework
from bench.machine import onednn
from bench.machine.disturbance import measure_busy_share
from bench.machine.environment import describe_environment
from bench.mnist import data
from bench.mnist.experiment import Experiment
from bench.mnist.models import MODELS
from bench.plan import grids
from bench.plan.ceilings import Ceiling, list_ceilings
from bench.plan.comparisons import Axes, Comparison, Shape, expand
from bench.plan.remedies import list_remedies
from bench.plan.shape_files import read_shapes
from bench.processes import journal
from bench.processes.journal import Journal
from bench.processes.supervised import SupervisorLink
from bench.processes.supervisor import parse_case_timeout
from bench.processes.turns import Turns
from bench.timing.lockstep import Budget
from bench.timing.measuring import Measurements
from bench.timing.outcome import Outcome
from bench.tracing import capturing
from bench.tracing.choosing import choose, parse_choice
from bench.workloads.agreement import check_agreement
from bench.workloads.faults import describe_faults, inject_fault, load_faults
from bench.workloads.layers import refuse_unknown_activations
from bench.workloads.preparing import Workload, prepare

#: The code that measures: what is kept is taken up only by the same.
PACKAGE = Path(bench.__file__).parent
_DEFAULT_GRID = "default"
_NARROWED = {"directions": DIRECTIONS, "modes": MODES, "dtypes": DTYPES}


class Run:
    """One session's comparisons in their shuffled order, its ceilings, framework and environment.

    ``options`` maps the names of command-line options to their values. Raises ``ValueError``
    with one sentence for whatever is wrong with them.
    """

    def __init__(self, options: Mapping[str, Any], supervisor: SupervisorLink) -> None:
        _refuse_empty(options)
        _refuse_several_processes(options)
        self.grid, shapes = choose_shapes(options["grid"], options["shapes"])
        self._shapes_file: str | None = options["shapes"]
        self.seed = _seed(options["shuffle_seed"])
        self.in_turn: bool = options["in_turn"]
        #: Where pytest-benchmark saves.
        self.storage = _storage(options)
        self.profile = parse_choice(options["profile"])
        if self.profile:
            capturing.preflight()
        parse_case_timeout(options)
        faulty = load_faults()
        chosen = {name: _choice(name, options[name]) for name in _NARROWED}
        asked_devices = _words(options["devices"])
        #: MNIST trainings by id: the model's name and the number of the repeat.
        self.trainings, experiment = _mnist(options)

        baton = Turns(supervisor)
        baton.start()
        busy_at_start = measure_busy_share()
        # oneDNN answers while the framework loads here.
        with onednn.Probe() as probe:
            self.framework = load_framework()
            devices = choose_devices(asked_devices, self.framework.devices())
            self.environment = describe_environment(
                {**self.framework.describe(), **describe_faults(faulty)},
                self.framework.name,
                probe.answer(),
                busy_at_start,
            )
        axes = Axes(
            devices,
            **{name: values for name, values in chosen.items() if values},
            chosen=frozenset(name.removesuffix("s") for name, values in chosen.items() if values),
        )
        comparisons = list(expand(shapes, axes))
        if not comparisons:
            raise ValueError(
                f"nothing is left of {self.grid} with these directions, modes, dtypes and devices"
            )
        refuse_unknown_activations(case for found in comparisons for case in found.cases)
        self.timer_name = str(options["benchmark_timer"])
        budget = _budget(options)
        warmup_calls = options["benchmark_warmup_iterations"] if options["benchmark_warmup"] else 0
        how = {**dataclasses.asdict(budget), "warmup_calls": warmup_calls, "timer": self.timer_name}
        fingerprint = self.environment["fingerprint"]
        self._context = {"environment": fingerprint, "code": hash_code(PACKAGE), "how": how}
        self._journal_file = self.storage / "journal" / f"{fingerprint}.journal"
        #: Where every measurement is kept at once, from :meth:`begin` on; pytest-benchmark's own loop keeps
        #: nothing.
        self.journal: Journal | None = None
        self.keeps = not (self.in_turn or options["benchmark_disable"])
        self._supervisor = supervisor
        self.resume = supervisor.goes_on or options["resume"] or bool(options["resume_from"])
        self._resume_from = None if supervisor.goes_on else options["resume_from"]
        self._discard = options["discard"] and not supervisor.goes_on
        if self.resume and self._discard:
            raise ValueError("--resume and --discard exclude each other: give one of them")
        first_run: Mapping[str, Any] = {}
        if self.resume and self.keeps:
            kept = Path(self._resume_from) if self._resume_from else self._journal_file
            first_run = journal.read_first_run(kept, self._context)
        #: What this run is known by wherever its file is met.
        self.id: str = first_run.get("id") or journal.make_id()
        if options["shuffle_seed"] is None:
            self.seed = first_run.get("shuffle_seed", self.seed)
        random.Random(self.seed).shuffle(comparisons)
        #: Every case with its comparison, by the case's id, in the order of measuring.
        self.cases: dict[str, tuple[ConvCase, Comparison]] = {
            case.id: (case, comparison) for comparison in comparisons for case in comparison.cases
        }
        self.comparisons: tuple[Comparison, ...] = tuple(comparisons)
        self.ceilings = {
            ceiling.id: ceiling for ceiling in choose_ceilings([c for c, _ in self.cases.values()])
        }
        #: What could be done about slow cases, by id; only lock-step can tell what it gains.
        self.remedies = {
            remedy.id: remedy
            for remedy in list_remedies(comparisons, options["remedies"], self.framework.name)
            if not self.in_turn
        }
        #: What public claims set against each other beyond comparisons, by id.
        self.contrasts = {
            contrast.id: contrast
            for contrast in list_contrasts(devices)
            if self.grid == "claims" and not self.in_turn
        }
        self.mnist = experiment(self.environment)

        def prepare_checked(case: ConvCase) -> Workload:
            unchecked = check_agreement(self.framework, case)
            workload = prepare(self.framework, case)
            call = inject_fault(workload.call, case, faulty)
            return dataclasses.replace(workload, call=call, unchecked=unchecked)

        self.measurements = Measurements(
            prepare=prepare_checked,
            budget=budget,
            clock=pkgutil.resolve_name(self.timer_name),
            warmup_calls=warmup_calls,
            baton=baton,
            places={comparison.id: place for place, comparison in enumerate(comparisons)},
        )
        self._campaign = baton.campaign
        self._by_parameters = {
            (case.layer, case.direction, case.mode, case.device, case.dtype, case.shape): found
            for case, found in ((found[0], found) for found in self.cases.values())
        }
        #: How many tests are over, and whether the results went into a file's content.
        self.finished = 0
        self.was_generated = False
        #: The cases measured so far with their rows' ``extra_info``, which is saved at the end.
        self.measured: dict[str, tuple[ConvCase, dict[str, Any]]] = {}
        #: Cases that the framework cannot run, with its reason.
        self.not_measured: list[dict[str, Any]] = []
        #: Ids of cases that a person should be warned about, by reason.
        self.warned: dict[str, list[str]] = {}

    def begin(self) -> list[str]:
        """Open the journal, now that something will be measured; what there is to say about it, a line each.

        Raises ``JournalError``.
        """
        if not self.keeps:
            return ["--resume: nothing is kept with --in-turn or disabled benchmarks"] if self.resume else []
        lines = []
        if self._discard:
            lines = [
                f"{count} kept measurements were discarded ({path})" for path, count in self._discarded()
            ]
        if self._resume_from:
            journal.restore_journal(Path(self._resume_from), self._journal_file, self._context)
        self.journal = Journal(
            self._journal_file, self._context, resume=self.resume, watch=self._supervisor.watch
        )
        self.measurements.journal = self.journal
        self.journal.begin_run({**self.facts(), "id": self.id})
        return lines + self._told_of_journal()

    def _told_of_journal(self) -> list[str]:
        if self.journal.abandoned:
            return [
                f"an unfinished run is set aside in {self.journal.abandoned}; the same command as then, with "
                f"--resume-from {shlex.quote(str(self.journal.abandoned))}, goes on with it"
            ]
        if not self.resume:
            return []
        if self.journal.count:
            return [f"going on with an earlier run: {self.journal.count} measurements are kept"]
        if self._supervisor.goes_on:
            return []
        found = journal.list_journals(self._journal_file.parent)
        others = ", ".join(f"{count} in {path}" for path, count in found.items())
        return [
            "nothing is kept that was measured by this code with these options in this environment"
            + (f"; other measurements are kept and stay: {others}" if others else "")
        ]

    def _discarded(self) -> Iterator[tuple[Path, int]]:
        """Gives up what unfinished runs in this environment have kept."""
        own = self.environment["fingerprint"]
        for path, count in journal.list_journals(self._journal_file.parent).items():
            if path.name.startswith(f"{own}."):
                path.unlink()
                yield path, count

    def end(self, *, whole: bool, saved: bool) -> list[str]:
        """Give up what is kept and has been saved; what there is to say about the rest, a line each."""
        lines = []
        if whole and saved:
            self.mnist.forget()
        elif self.mnist.trained:
            lines.append(
                "the trainings were not saved; their epochs are kept: the same command with "
                "--benchmark-autosave saves them"
            )
        if not self.journal:
            return lines
        if whole and saved:
            left = self.journal.forget_saved()
            if left:
                lines.append(
                    f"{left} measurements of earlier runs stay in {self._journal_file}: --resume (with the "
                    "options of then) goes on with them, --discard gives them up"
                )
        elif whole and self.journal.count:
            lines.append(
                f"nothing was saved, and {self.journal.count} measurements are kept: the same command with "
                "--resume --benchmark-autosave saves them, --discard gives them up"
            )
        elif self.journal.count:
            lines.append(f"{self.journal.count} measurements are kept: go on with --resume")
        return lines

    def case_with(self, parameters: tuple[str, ...]) -> tuple[ConvCase, Comparison]:
        """The case and its comparison by what its test is parametrised with."""
        return self._by_parameters[parameters]

    def facts(self) -> dict[str, Any]:
        """What this run was asked to do, for the saved file."""
        facts = {"grid": self.grid, "shuffle_seed": self.seed, "in_turn": self.in_turn}
        if self._shapes_file:
            facts["shapes"] = self._shapes_file
        return {**facts, "campaign": self._campaign} if self._campaign else facts

    def refuse(self, case: ConvCase, reason: str, kind: str) -> None:
        """Note that ``case`` was not measured; ``kind`` is one of :data:`bench.contract.cases.REFUSALS`."""
        self.not_measured.append({"case": case.as_dict(), "reason": reason, "kind": kind})

    def trace(self, tell: Callable[[str], None]) -> None:
        """Capture the cases that ``--profile`` chooses, and put their folders into their rows."""
        ratios = {
            case.comparison: info["paired"]["ratio"]
            for case, info in self.measured.values()
            if case.is_separable and info["paired"]
        }
        telling = {comparison.id for comparison in self.comparisons if comparison.telling}
        cases = choose(self.profile, ratios, telling, [case for case, _ in self.measured.values()])
        folder = Path("traces", f"{time.strftime('%Y%m%d-%H%M%S')}-{self.environment['fingerprint']}")
        tell(f"capturing traces of {len(cases)} cases in {folder}")
        for case, trace in capturing.capture(cases, folder, tell).items():
            self.measured[case.id][1]["trace"] = str(trace)
        tell("look at them with: tensorboard --logdir traces")

    def warn(self, case: ConvCase, outcome: Outcome) -> None:
        for reason in outcome.reasons_to_warn():
            self.warned.setdefault(reason, []).append(case.id)


#: Options of this suite; one that is there but empty is an unset variable of somebody's shell.
_OWN_OPTIONS = (
    *("grid", "shapes", *_NARROWED, "devices", "profile", "epochs", "repeats", "models", "samples", "mnist"),
    *("case_timeout", "shuffle_seed", "resume_from"),
)


def _refuse_empty(options: Mapping[str, Any]) -> None:
    for name in _OWN_OPTIONS:
        if options[name] is not None and not str(options[name]).strip(" ,"):
            raise ValueError(f"--{name.replace('_', '-')} is empty: give a value, or leave it out")


def _refuse_several_processes(options: Mapping[str, Any]) -> None:
    """pytest-xdist's workers would measure at the same time, and spoil each other."""
    if options.get("numprocesses") or options.get("tx") or options.get("dist", "no") != "no":
        raise ValueError("measuring needs one process at a time: leave out -n and --dist (pytest-xdist)")


def choose_shapes(grid: str | None, shapes_file: str | None) -> tuple[str, Sequence[Shape]]:
    if grid and shapes_file:
        raise ValueError("--grid and --shapes exclude each other: give one of them")
    if shapes_file:
        return shapes_file, read_shapes(Path(shapes_file))
    name = grid or _DEFAULT_GRID
    return name, grids.load_grid(name).shapes


def choose_ceilings(cases: Sequence[ConvCase]) -> tuple[Ceiling, ...]:
    def used(values: Sequence[str], name: str) -> list[str]:
        return [value for value in values if any(getattr(case, name) == value for case in cases)]

    devices = sorted({case.device for case in cases})
    return list_ceilings(devices, used(DTYPES, "dtype"), used(MODES, "mode"))


def _budget(options: Mapping[str, Any]) -> Budget:
    precision = options.get("benchmark_precision")
    confidence = float(options.get("benchmark_confidence") or Budget.confidence)
    if not 0 < confidence < 1:
        raise ValueError(f"--benchmark-confidence must lie between 0 and 1, not {confidence:g}")
    return Budget(
        max_time=_seconds(options, "benchmark_max_time"),
        min_rounds=options["benchmark_min_rounds"],
        min_time=_seconds(options, "benchmark_min_time"),
        calibration_precision=options["benchmark_calibration_precision"],
        precision=None if precision is None else float(precision),
        confidence=confidence,
        disable_gc=options["benchmark_disable_gc"],
    )


def _seconds(options: Mapping[str, Any], name: str) -> float:
    seconds = float(options[name])
    if not 0 < seconds < float("inf"):
        raise ValueError(f"--{name.replace('_', '-')} must be a number of seconds over 0, not {seconds:g}")
    return seconds


def _mnist(
    options: Mapping[str, Any],
) -> tuple[dict[str, tuple[str, int]], Callable[[Mapping[str, Any]], Experiment]]:
    """The trainings by id, and what makes the experiment once the environment is known.

    The article's in full where bench_mnist.py is asked for by name, else a short one in its place.
    """
    in_full = any("bench_mnist" in argument for argument in options["file_or_dir"])
    epochs = _count("--epochs", options["epochs"], 25 if in_full else 1)
    first, last = _repeats(options["repeats"], 5 if in_full else 1)
    models = _words(options["models"]) or list(MODELS)
    for model in models:
        if model not in MODELS:
            raise ValueError(f"--models has no {model!r}; there are: {', '.join(MODELS)}")
    path = Path(options["mnist"]) if options["mnist"] else None
    if path and not path.exists():
        raise ValueError(f"--mnist: there is no {path}")
    samples = None if options["samples"] is None else _count("--samples", options["samples"], 0)
    if samples == 1:
        raise ValueError("--samples must be at least 2: one to train on, one to validate with")
    # Whoever asks for certain shapes does not ask for trainings.
    asked = in_full or not (options["grid"] or options["shapes"])
    trainings = {
        f"{model}-{repeat + 1}": (model, repeat)
        for repeat in range(first - 1, last if asked else 0)
        for model in dict.fromkeys(models)
    }
    storage = _storage(options) / "mnist"
    return trainings, lambda environment: Experiment(
        epochs, lambda: data.load_mnist(path), environment, storage, in_full=in_full, first=samples
    )


def _storage(options: Mapping[str, Any]) -> Path:
    """Where pytest-benchmark saves; ``ValueError`` where that is no folder."""
    uri = str(options["benchmark_storage"])
    path = uri.removeprefix("file://")
    if "://" in path:
        raise ValueError(f"--benchmark-storage must be a folder (file://PATH), not {uri!r}")
    if not path:
        raise ValueError("--benchmark-storage is empty: give a folder, or leave it out")
    return Path(path)


def _repeats(text: str | None, default: int) -> tuple[int, int]:
    """``5`` is the repeats 1 to 5, ``4-5`` these two: a repeat is known by its number, which seeds it."""
    if text is None:
        return 1, default
    first, dash, last = text.partition("-")
    found = (int(first), int(last)) if dash and first.isdecimal() and last.isdecimal() else None
    if not dash:
        found = (1, _count("--repeats", text, default))
    if not found or not 1 <= found[0] <= found[1]:
        raise ValueError(f"--repeats must be a number such as 5 or a range such as 4-5, not {text!r}")
    return found


def _count(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {text!r}")
    return int(text)


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _choice(name: str, text: str | None) -> list[str]:
    words = _words(text)
    for word in words:
        if word not in _NARROWED[name]:
            raise ValueError(f"--{name} has no {word!r}; there are: {', '.join(_NARROWED[name])}")
    return list(dict.fromkeys(words))


def _seed(text: str | None) -> int:
    if text is None:
        return time.time_ns() % 2**32
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"--shuffle-seed must be a whole number, not {text!r}") from None
