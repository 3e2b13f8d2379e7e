"""pytest wiring and nothing else: options, parametrisation, pytest-benchmark's hooks."""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext

import pytest

from bench.contract.cases import DIED, DIRECTIONS, DISAGREES, DTYPES, MODES, SCHEMA, UNSUPPORTED
from bench.contract.fingerprint import find_differences
from bench.frameworks.interface import Unsupported
from bench.frameworks.native_errors import keep_native_errors
from bench.machine import advice
from bench.mnist.models import MODELS
from bench.plan import grids
from bench.processes.journal import JournalError
from bench.processes.supervised import SupervisorLink, is_watched
from bench.processes.supervisor import parse_case_timeout, supervise
from bench.session.progress import CaseProgress
from bench.session.run import Run
from bench.timing.outcome import Died
from bench.timing.replay import Replay
from bench.tracing.capturing import ProfilingError
from bench.workloads.agreement import Disagreement

RUN = pytest.StashKey[Run]()
REPLAY = pytest.StashKey[Replay]()

#: What rows can be grouped by: ``--benchmark-group-by=param:direction,param:shape``.
LAYER_PARAMETERS = ("layer", "direction", "mode", "device", "dtype", "shape")


def pytest_addoption(parser):
    group = parser.getgroup("convolution cases")
    group.addoption("--grid", metavar="NAME", help=f"the shapes to measure: {', '.join(grids.NAMES)}")
    group.addoption("--shapes", metavar="FILE", help="measure the shapes in this CSV or JSON file instead")
    for name, values in (("directions", DIRECTIONS), ("modes", MODES), ("dtypes", DTYPES)):
        group.addoption(f"--{name}", metavar="A,B", help=f"only these of {', '.join(values)}")
    group.addoption(
        "--devices", metavar="A,B", help="only these, such as CPU:0,GPU:0 (default: all there are)"
    )
    group.addoption(
        "--in-turn",
        action="store_true",
        help="measure each layer alone by pytest-benchmark's own loop instead of in lock-step",
    )
    group.addoption(
        "--profile",
        metavar="CHOICE",
        help="after timing, trace into traces/: 'all' cases, the layers of the 'slow' comparisons, of the N "
        "slowest, or of the 'telling' ones (those that the grid marks, and the slowest)",
    )
    group.addoption("--epochs", metavar="N", help="epochs of each MNIST training (25, like the article's)")
    group.addoption(
        "--repeats", metavar="N", help="how often each MNIST model is trained (5), or which repeats (4-5)"
    )
    group.addoption("--models", metavar="A,B", help=f"only these MNIST models: {', '.join(MODELS)}")
    group.addoption("--samples", metavar="N", help="train on the first N samples only: a trial")
    group.addoption("--mnist", metavar="PATH", help="where MNIST is (default: Keras's cache, or a download)")
    group.addoption(
        "--remedies",
        action="store_true",
        help="measure what could be done about every case, not only about the grid's telling ones",
    )
    group.addoption(
        "--resume", action="store_true", help="go on with a run that was killed, where it was killed"
    )
    group.addoption(
        "--resume-from",
        metavar="JOURNAL",
        help="go on with a run that was set aside in this file",
    )
    group.addoption(
        "--discard", action="store_true", help="give up what unfinished runs in this environment have kept"
    )
    group.addoption(
        "--case-timeout",
        metavar="SECONDS",
        default="600",
        help="end a comparison that takes longer (600), record it as failed, and go on",
    )
    group.addoption("--shuffle-seed", metavar="N", help="the order of comparisons (default: from the clock)")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Let another process measure, and watch it: what kills it shall not end the sweep."""
    option = config.option
    unwatched = ("help", "version", "collectonly", "usepdb", "trace", "in_turn", "benchmark_disable")
    if is_watched() or any(getattr(option, name, False) for name in unwatched):
        return None
    try:
        timeout = parse_case_timeout(vars(option))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "pytest", *map(str, config.invocation_params.args)]
    return supervise(command, timeout, config.invocation_params.dir)


def pytest_configure(config):
    if config.option.help or config.option.version:
        return
    # Before anything can go wrong: it also says that Python, and no native code, ended this process.
    supervisor = SupervisorLink()
    try:
        config.stash[RUN] = Run(vars(config.option), supervisor)
    except (ValueError, ProfilingError, JournalError) as error:
        pytest.exit(str(error), returncode=2)


def pytest_report_header(config):
    run = config.stash[RUN]
    facts = run.environment
    return [
        f"environment {facts['fingerprint']}: {facts['backend']} {facts.get(facts['backend'], '')}, "
        f"Keras {facts['keras']}, oneDNN {facts['onednn']}, {facts['cores']} cores of {facts['cpu']}",
        f"grid {run.grid}: {len(run.comparisons)} comparisons, {len(run.cases)} cases, "
        f"shuffled by seed {run.seed}",
        *(f"warning: {text}" for text in advice.warn_of_machine(facts)),
    ]


def pytest_ignore_collect(collection_path, config):
    """Without remedies, claims or trainings to measure there is no test of them, not even a skipped one."""
    run = config.stash[RUN]
    wanted = {
        "bench_remedies.py": run.remedies,
        "bench_claims.py": run.contrasts,
        "bench_mnist.py": run.trainings,
    }
    return True if not wanted.get(collection_path.name, True) else None


def pytest_generate_tests(metafunc):
    run = metafunc.config.stash[RUN]
    if "case" in metafunc.fixturenames:
        values = [_layer_parameters(case) for case, _ in run.cases.values()]
        metafunc.parametrize(LAYER_PARAMETERS, values, ids=list(run.cases))
    ids = (
        ("limit", run.ceilings),
        ("remedy_id", run.remedies),
        ("contrast_id", run.contrasts),
        ("training_id", run.trainings),
    )
    for name, chosen in ids:
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, list(chosen), ids=list(chosen))


def _layer_parameters(case):
    return tuple(getattr(case, name) for name in LAYER_PARAMETERS)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Give each layer's test the timer that its samples will be replayed by.

    What a run measures, it measures once: twice the same samples would pass for a replicate.
    """
    run = config.stash[RUN]
    seen = set()
    for item in items:
        measured = _measured_by(item)
        if measured in seen:
            pytest.exit(
                f"{item.nodeid} would be measured twice in one run (pytest-repeat?): a run is a replicate, "
                "so repeat the whole command instead",
                returncode=2,
            )
        seen.add(measured)
        own_loop = run.in_turn and "case" in item.fixturenames
        replayed = {"case", "remedy", "contrast", "ceiling", "training_id"}
        if replayed.intersection(item.fixturenames) and not own_loop:
            item.stash[REPLAY] = Replay(run.timer_name)
            item.add_marker(pytest.mark.benchmark(timer=item.stash[REPLAY].timer))


def _measured_by(item):
    """What a test measures: its function and those of its parameters that are ours."""
    ours = (*LAYER_PARAMETERS, "limit", "remedy_id", "contrast_id", "training_id")
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    named = tuple((name, parameters[name]) for name in ours if name in parameters)
    return item.nodeid.partition("[")[0], named or item.nodeid


def _case_of(item):
    return item.config.stash[RUN].case_with(tuple(item.callspec.params[name] for name in LAYER_PARAMETERS))


def pytest_collection_finish(session):
    config = session.config
    run = config.stash[RUN]
    run.measurements.selected = {_case_of(item)[0] for item in session.items if "case" in item.fixturenames}
    run.mnist.wanted = [
        run.trainings[item.callspec.params["training_id"]]
        for item in session.items
        if "training_id" in item.fixturenames
    ]
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter:
        capture = config.pluginmanager.get_plugin("capturemanager")

        def write(line):
            """On the terminal at once, whatever a test's output goes to."""
            with capture.global_and_fixture_disabled() if capture else nullcontext():
                reporter.ensure_newline()
                reporter.write_line(line)

        run.mnist.write = write
        config.pluginmanager.register(CaseProgress(len(session.items), time.monotonic, write))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Only a run that measures touches what another has kept."""
    option = session.config.option
    if not session.items or option.collectonly or option.setuponly or option.setupplan:
        return
    try:
        lines = session.config.stash[RUN].begin()
    except JournalError as error:
        pytest.exit(str(error), returncode=2)
    _write_lines(session.config, lines)


def _write_lines(config, lines):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for line in lines if reporter else ():
        reporter.ensure_newline()
        reporter.write_line(line)


#: The errors that say why a case cannot be measured.
_KINDS = {Unsupported: UNSUPPORTED, Disagreement: DISAGREES, Died: DIED}


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """What cannot be measured says why, in its row; what cannot be kept need not be measured."""
    try:
        with keep_native_errors(hidden=False):
            return (yield)
    except JournalError as error:
        pytest.exit(str(error), returncode=2)
    except tuple(_KINDS) as reason:
        if "case" in pyfuncitem.funcargs:
            run = pyfuncitem.config.stash[RUN]
            run.refuse(pyfuncitem.funcargs["case"], str(reason), _KINDS[type(reason)])
        if isinstance(reason, Unsupported):
            pytest.skip(str(reason))
        pytest.fail(str(reason), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    result = yield
    item.config.stash[RUN].finished += 1
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    """Trace after the last timing, before pytest-benchmark saves: its own wrapper is inside this one.

    Whatever happens to the traces, the timings are saved. Half a run is not: its journal is kept.
    """
    run = session.config.stash.get(RUN, None)
    if not run:
        return (yield)
    # --exitfirst, --maxfail and --stepwise end a run early, and with the status of one that failed.
    is_whole = run.finished == len(session.items) and exitstatus in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
    )
    saver = session.config._benchmarksession
    if run.journal and not is_whole:
        saver.save = saver.autosave = saver.json = None
    try:
        if run.profile and run.measured and is_whole:
            reporter = session.config.pluginmanager.get_plugin("terminalreporter")
            run.trace(reporter.write_line if reporter else lambda text: None)
    finally:
        saved_before = set(run.storage.rglob("*.json"))
        try:
            result = yield
        except OSError as error:
            for file in set(run.storage.rglob("*.json")) - saved_before:
                _remove_half_written(file)
            pytest.exit(f"cannot save the results: {error}; mend that, and save with --resume", returncode=2)
        finally:
            # Whatever comes after saving (--benchmark-compare-fail), what is saved is saved.
            saved = run.was_generated and (
                bool(set(run.storage.rglob("*.json")) - saved_before)
                if saver.save or saver.autosave
                else bool(saver.json)
            )
            if session.items:
                _write_lines(session.config, run.end(whole=is_whole, saved=saved))
    return result


def _remove_half_written(file):
    """What a full disk left of a file; another run may have saved a whole one beside it."""
    try:
        json.loads(file.read_bytes())
    except ValueError:
        file.unlink()


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    for text in advice.warn_of_cases(config.stash[RUN].warned):
        terminalreporter.write_line(f"warning: {text}", yellow=True)


def pytest_benchmark_update_machine_info(config, machine_info):
    run = config.stash[RUN]
    machine_info["identity"] = run.id
    machine_info["environment"] = run.environment
    machine_info["run"] = run.facts()


def pytest_benchmark_update_json(config, output_json):
    run = config.stash[RUN]
    run.was_generated = True
    output_json["not_measured"] = run.not_measured


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_compare_machine_info(benchmarksession, machine_info, compared_benchmark):
    """Warn of what differs between the environments, and of nothing that always does.

    pytest-benchmark's own check, which comes next, warns of every jitter of the clock rate; it is
    shown two equal sides.
    """
    saved = compared_benchmark["machine_info"]
    different = find_differences(saved.get("environment", {}), machine_info["environment"])
    if different:
        said = "; ".join(map(str, different))
        benchmarksession.logger.warning(f"The saved run had another environment: {said}")
    compared_benchmark["machine_info"] = machine_info


@pytest.fixture(scope="session")
def run(request):
    return request.config.stash[RUN]


@pytest.fixture
def case(request, layer, direction, mode, device, dtype, shape):
    """The case of this test. Asking for its parameters is what lets the test be parametrised by them."""
    return _case_of(request.node)[0]


@pytest.fixture
def comparison(request):
    return _case_of(request.node)[1]


@pytest.fixture
def replay(request):
    return request.node.stash.get(REPLAY, None)


@pytest.fixture
def ceiling(run, limit):
    return run.ceilings[limit]


@pytest.fixture
def remedy(run, remedy_id):
    return run.remedies[remedy_id]


@pytest.fixture
def contrast(run, contrast_id):
    return run.contrasts[contrast_id]


@pytest.fixture
def measure_against(run, benchmark, replay):
    """Measures a case in lock-step with another, as this test's row."""

    def measure(base, case):
        benchmark.extra_info["schema"] = SCHEMA
        if benchmark.disabled:
            benchmark(run.measurements.prepare(case).call)
            return
        outcome = run.measurements.against(base, case)
        replay.record(benchmark, outcome.workload.call, outcome.samples.rounds, outcome.samples.iterations)
        benchmark.extra_info.update(outcome.extra_info())

    return measure
