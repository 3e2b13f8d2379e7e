"""A run: what one session measures, with what, and what has come of it so far."""

from __future__ import annotations

import dataclasses
import pkgutil
import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.contract.cases import ConvCase
from bench.mnist import data
from bench.mnist.experiment import Experiment
from bench.processes.journal import make_id
from bench.processes.supervised import SupervisorLink
from bench.processes.turns import Turns
from bench.session.found_network import FoundNetwork, find_network
from bench.session.framework import load_and_describe
from bench.session.keeping import Keeping
from bench.session.networks import NetworkRun
from bench.session.options import parse_options
from bench.session.selection import choose_comparisons, choose_shapes, select
from bench.timing.measuring import Measurements
from bench.timing.outcome import Outcome
from bench.tracing import capturing, implementations, networks
from bench.tracing.choosing import choose_cases
from bench.tracing.experiments.running import run_experiments
from bench.workloads.agreement import check_agreement
from bench.workloads.faults import inject_fault, load_faults
from bench.workloads.preparing import Workload, prepare


class Run:
    """One session's options, framework, selection and measurements.

    ``values`` maps the names of pytest's options to their values. Raises ``ValueError``, ``ProfilingError``
    or ``JournalError`` with one sentence about what is wrong.
    """

    def __init__(self, values: Mapping[str, Any], supervisor: SupervisorLink) -> None:
        # What the user got wrong is told before anything slow begins.
        self.options = parse_options(values)
        #: The grid's name, or the shapes file.
        self.grid, shapes = choose_shapes(self.options)
        self._faults = load_faults()
        if self.options.profile:
            capturing.check_profiler()
        self._turns = Turns(supervisor)
        # A framework that loads would disturb whoever's turn it is.
        self._turns.start()
        loaded = load_and_describe(self.options.devices, self._faults)
        self.framework = loaded.framework
        self.environment = loaded.environment
        # First of what Keras makes: names that it gives by counting are the same in every process.
        found = find_network(self.options, loaded.devices)
        comparisons = choose_comparisons(
            self.grid, found.list_shapes() if found else shapes, self.options, loaded.devices
        )
        self.keeping = Keeping(self.options, self.environment["fingerprint"], supervisor)
        first_run = self.keeping.read_first_run()
        #: What this run is known by wherever its file is met.
        self.id: str = first_run.get("id") or make_id()
        self.seed = _choose_seed(self.options.shuffle_seed, first_run)
        random.Random(self.seed).shuffle(comparisons)
        self.selection = select(
            self.grid, comparisons, self.options, loaded.devices, self.framework.name, found
        )
        self.mnist = self._create_experiment()
        self.measurements = self._create_measurements()
        #: How many tests are over.
        self.finished = 0
        #: Whether pytest-benchmark has made the content of a result file.
        self.was_generated = False
        #: The cases measured so far with their rows' ``extra_info``, which is saved at the end.
        self.measured: dict[str, tuple[ConvCase, dict[str, Any]]] = {}
        #: Cases that could not be measured, as the result file lists them.
        self.not_measured: list[dict[str, Any]] = []
        #: Ids of cases that a person should be warned about, by reason.
        self.warned: dict[str, list[str]] = {}
        #: The network that is measured, if there is one.
        self.network = self._create_network_run(found) if found else None

    def _create_experiment(self) -> Experiment:
        path = self.options.mnist
        return Experiment(
            self.options.epochs,
            lambda: data.load_mnist(path),
            self.environment,
            self.options.storage / "mnist",
            sample_count=self.options.samples,
        )

    def _create_measurements(self) -> Measurements:
        comparisons = self.selection.comparisons
        return Measurements(
            prepare=self._prepare_checked,
            budget=self.options.budget,
            clock=pkgutil.resolve_name(self.options.timer),
            warmup_calls=self.options.warmup_calls,
            turns=self._turns,
            places={comparison.id: place for place, comparison in enumerate(comparisons)},
        )

    def _create_network_run(self, found: FoundNetwork) -> NetworkRun:
        return NetworkRun(
            found.network,
            found.layers,
            self.framework,
            self.measurements,
            self.measured,
            self.not_measured,
        )

    def _prepare_checked(self, case: ConvCase) -> Workload:
        """The workload of ``case``, once it has computed what NumPy does. Raises ``Disagreement``."""
        unchecked = check_agreement(self.framework, case)
        workload = prepare(self.framework, case)
        call = inject_fault(workload.call, case, self._faults)
        return dataclasses.replace(workload, call=call, unchecked=unchecked)

    def expect(self, cases: Iterable[ConvCase], trainings: Iterable[tuple[str, int]]) -> None:
        """Note what will be measured: the cases and trainings whose tests pytest has selected."""
        self.measurements.selected = set(cases)
        self.mnist.wanted = list(trainings)

    def begin(self) -> list[str]:
        """Open the journal, now that something will be measured; what there is to tell of it, a line each.

        Raises ``JournalError``.
        """
        lines = self.keeping.begin({**self.describe(), "id": self.id})
        self.measurements.journal = self.keeping.journal
        return lines

    def describe(self) -> dict[str, Any]:
        """What this run was asked to do, for the saved file."""
        facts = {"grid": self.grid, "shuffle_seed": self.seed, "in_turn": self.options.in_turn}
        if self.options.shapes:
            facts["shapes"] = self.options.shapes
        if self._turns.campaign:
            facts["campaign"] = self._turns.campaign
        return facts

    def add(self, case: ConvCase, extra_info: dict[str, Any], outcome: Outcome) -> None:
        """Note that ``case`` was measured; ``extra_info`` is its row's."""
        self.measured[case.id] = (case, extra_info)
        for reason in outcome.list_warnings():
            self.warned.setdefault(reason, []).append(case.id)

    def refuse(self, measured: Mapping[str, Any], reason: str, kind: str) -> None:
        """Note that a case, a block or a network was not measured: that among ``measured``, by its fixture.

        ``kind`` is one of :data:`bench.contract.cases.REFUSALS`.
        """
        if "case" in measured:
            self.not_measured.append({"case": measured["case"].as_dict(), "reason": reason, "kind": kind})
        for fixture in ("block", "network_row"):
            if fixture in measured and self.network:
                self.network.refuse(measured[fixture], reason, kind)

    def capture(self, tell: Callable[[str], None], *, saves: bool) -> None:
        """Once all is timed, capture what the rows say besides times; ``saves``: whether they will be saved.

        Whatever happens to the one, the others are captured.
        """
        self.measurements.let_go()
        with ExitStack() as captures:  # which are done from the last to the first
            captures.callback(self.trace, tell)
            if self.network and self.options.network.save_converted:
                captures.callback(self.network.save_converted, self.options.network.save_converted, tell)
            if self.network and saves:
                captures.callback(self.trace_network, tell)
            if saves:
                captures.callback(self.note_implementations, tell)

    def note_implementations(self, tell: Callable[[str], None]) -> None:
        """Put into the rows of cases on CPU which of oneDNN's implementations ran each of their kernels.

        In a campaign only the first replicate does so: the others run the same, and are shorter for it.
        """
        if self._turns.campaign and self._turns.campaign["replicate"] > 1:
            return
        cases = [case for case, _ in self.measured.values() if case.device.startswith("CPU")]
        if not cases:
            return
        tell(f"noting which kernels ran: {len(cases)} cases")
        for case, found in implementations.capture(cases, tell).items():
            self.measured[case.id][1]["implementations"] = found

    def trace(self, tell: Callable[[str], None]) -> None:
        """Capture the cases that ``--profile`` chooses, and put their folders into their rows."""
        if not (self.options.profile and self.measured):
            return
        ratios = {
            case.comparison: info["paired"]["ratio"]
            for case, info in self.measured.values()
            if case.is_separable and info["paired"]
        }
        telling = {comparison.id for comparison in self.selection.comparisons if comparison.telling}
        measured = [case for case, _ in self.measured.values()]
        cases = choose_cases(self.options.profile, ratios, telling, measured)
        folder = self._name_trace_folder()
        tell(f"capturing traces of {len(cases)} cases in {folder}")
        traced = capturing.capture(cases, folder, tell, self._onednn_version)
        for case, trace in traced.items():
            self.measured[case.id][1]["trace"] = str(trace)
        if self.options.experiments and traced:
            tell(f"testing why the kernels of these {len(traced)} cases take their time")
            run_experiments(traced, self.environment, tell)
        tell("look at them with: tensorboard --logdir traces")

    def trace_network(self, tell: Callable[[str], None]) -> None:
        """Trace the network as it is and as recommended, and put the folders into the rows."""
        targets = self.network.list_targets(self._name_trace_folder())
        if not targets:
            return
        tell(f"tracing {self.network.network.name}: {len(targets)} times")
        network = self.network.network
        folders = networks.capture(
            network, self.network.layers, list(targets), self.options.network.unsafe, tell
        )
        for target, folder in folders.items():
            targets[target]["trace"] = str(folder)

    @property
    def _onednn_version(self) -> str:
        """As oneDNN prints it; empty where it is not known."""
        return (self.environment.get("onednn_details") or {}).get("version", "")

    def _name_trace_folder(self) -> Path:
        """A new folder for traces of this run."""
        return Path("traces", f"{time.strftime('%Y%m%d-%H%M%S')}-{self.environment['fingerprint']}")

    def end(self, *, whole: bool, saved: bool) -> list[str]:
        """Give up what is kept and has been saved.

        ``whole`` says whether every test ran, ``saved`` whether the results were written. Returns what there
        is to tell of the rest, a line each.
        """
        lines = []
        if whole and saved:
            self.mnist.forget()
        elif self.mnist.trained:
            lines.append(
                "the trainings were not saved; their epochs are kept: the same command with "
                "--benchmark-autosave saves them"
            )
        return lines + self.keeping.end(whole=whole, saved=saved)


def _choose_seed(asked: int | None, first_run: Mapping[str, Any]) -> int:
    """The seed asked for, that of the run that is gone on with, or one from the clock."""
    if asked is not None:
        return asked
    known = first_run.get("shuffle_seed")
    return time.time_ns() % 2**32 if known is None else known
