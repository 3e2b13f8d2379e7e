"""pytest's door to a run, and nothing else: its hooks and fixtures, each of them a few lines."""

from __future__ import annotations

import time
import traceback
from functools import partial

import pytest

from bench.contract.cases import SCHEMA
from bench.contract.fingerprint import find_differences
from bench.frameworks.interface import Unsupported
from bench.frameworks.native_errors import keep_native_errors
from bench.machine import advice
from bench.processes.journal import JournalError
from bench.processes.supervised import SupervisorLink
from bench.session.options import declare_options
from bench.session.run import Run
from bench.timing.outcome import LASTING_ERRORS, name_lasting_error
from bench.timing.replay import Replay
from bench.timing.rows import record_outcome
from bench.tracing.capturing import ProfilingError
from bench.wiring.parameters import ID_PARAMETERS, check_grouping, describe_row, find_repeated
from bench.wiring.progress import CaseProgress
from bench.wiring.saving import Saving, prevent_saving, will_save
from bench.wiring.terminal import list_header_lines, write_line
from bench.wiring.watching import measure_watched

RUN = pytest.StashKey[Run]()
REPLAY = pytest.StashKey[Replay]()


def pytest_addoption(parser):
    declare_options(parser.getgroup("convolution cases"))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    return measure_watched(config)


def pytest_configure(config):
    if config.option.help or config.option.version:
        return
    # Before anything can go wrong: it also says that Python, and no native code, ended this process.
    supervisor = SupervisorLink()
    try:
        config.stash[RUN] = Run(vars(config.option), supervisor)
    except (ValueError, ProfilingError, JournalError) as error:
        if config.option.verbose > 0 and error.__cause__:
            # What the user's own code did wrong is told in one line, unless more is asked for.
            traceback.print_exception(error.__cause__)
        pytest.exit(str(error), returncode=2)


def pytest_report_header(config):
    return list_header_lines(config.stash[RUN])


def pytest_ignore_collect(collection_path, config):
    """Of what there is nothing to measure there is no test, not even a skipped one."""
    selection = config.stash[RUN].selection
    wanted = {
        "bench_layers.py": selection.cases,
        "bench_ceilings.py": selection.ceilings,
        "bench_remedies.py": selection.remedies,
        "bench_claims.py": selection.contrasts,
        "bench_mnist.py": selection.trainings,
        "bench_networks.py": selection.networks,
        "bench_blocks.py": selection.blocks,
    }
    return True if not wanted.get(collection_path.name, True) else None


def pytest_generate_tests(metafunc):
    selection = metafunc.config.stash[RUN].selection
    for parameter, field in ID_PARAMETERS.items():
        if parameter in metafunc.fixturenames:
            ids = list(getattr(selection, field))
            metafunc.parametrize(parameter, ids, ids=ids)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Give each test the timer that its samples will be replayed by.

    What a run measures, it measures once: the same samples twice would pass for a replicate.
    """
    run = config.stash[RUN]
    repeated = find_repeated(items)
    if repeated:
        pytest.exit(
            f"{repeated.nodeid} would be measured twice in one run (pytest-repeat?): a run is a replicate, "
            "so repeat the whole command instead",
            returncode=2,
        )
    # What is recommended for a network is known when its layers have been measured.
    items.sort(key=lambda item: "network_row" in item.fixturenames)
    for item in items:
        own_loop = run.options.in_turn and "case_id" in item.fixturenames
        if "replay" in item.fixturenames and not own_loop:
            item.stash[REPLAY] = Replay(run.options.timer)
            item.add_marker(pytest.mark.benchmark(timer=item.stash[REPLAY].timer))


def pytest_collection_finish(session):
    config = session.config
    run = config.stash[RUN]
    try:
        check_grouping(config.option.benchmark_group_by, session.items)
    except ValueError as error:
        pytest.exit(str(error), returncode=2)
    of_layers = [item for item in session.items if "case_id" in item.fixturenames]
    of_trainings = [item for item in session.items if "training_id" in item.fixturenames]
    run.expect(
        cases=[run.selection.cases[item.callspec.params["case_id"]].case for item in of_layers],
        trainings=[run.selection.trainings[item.callspec.params["training_id"]] for item in of_trainings],
    )
    write = partial(write_line, config)
    run.mnist.write = write
    if run.network:
        run.network.tell = write
    if config.pluginmanager.has_plugin("terminalreporter"):
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
    for line in lines:
        write_line(session.config, line)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """What cannot be measured says why, in its row; what cannot be kept need not be measured."""
    try:
        with keep_native_errors(hidden=False):
            return (yield)
    except JournalError as error:
        pytest.exit(str(error), returncode=2)
    except tuple(LASTING_ERRORS.values()) as reason:
        pyfuncitem.config.stash[RUN].refuse(pyfuncitem.funcargs, str(reason), name_lasting_error(reason))
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
    """Capture after the last timing, before pytest-benchmark saves: its own wrapper is inside this one.

    Whatever happens to what is captured, the timings are saved. Half a run is not: its journal is kept.
    """
    run = session.config.stash.get(RUN, None)
    if not run:
        return (yield)
    write = partial(write_line, session.config)
    # --exitfirst, --maxfail and --stepwise end a run early, and with the status of one that failed.
    ended_by_itself = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    whole = ended_by_itself and run.finished == len(session.items)
    saver = session.config._benchmarksession
    if run.keeping.journal and not whole:
        prevent_saving(saver)
    try:
        if whole:
            run.capture(write, saves=will_save(saver))
    finally:
        saving = Saving(saver, run.options.storage)
        try:
            result = yield
        except OSError as error:
            saving.remove_half_written()
            pytest.exit(f"cannot save the results: {error}; mend that, and save with --resume", returncode=2)
        finally:
            # Whatever comes after saving (--benchmark-compare-fail), what is saved is saved.
            saved = run.was_generated and saving.has_saved()
            if session.items:
                for line in run.end(whole=whole, saved=saved):
                    write(line)
    return result


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    for text in advice.warn_of_cases(config.stash[RUN].warned):
        terminalreporter.write_line(f"warning: {text}", yellow=True)


def pytest_benchmark_update_machine_info(config, machine_info):
    run = config.stash[RUN]
    machine_info["identity"] = run.id
    machine_info["environment"] = run.environment
    machine_info["run"] = run.describe()


def pytest_benchmark_update_json(config, output_json):
    run = config.stash[RUN]
    run.was_generated = True
    output_json["not_measured"] = run.not_measured
    if run.network:
        output_json["refused_networks"] = run.network.refused


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
def benchmark(benchmark, run):
    """pytest-benchmark's own. Its row says in parameters what it measured, and every row in the same ones."""
    parameters = benchmark.params or {}
    benchmark.params = describe_row(run.selection.find_measured(parameters), parameters)
    return benchmark


@pytest.fixture
def case(run, case_id):
    return run.selection.cases[case_id].case


@pytest.fixture
def comparison(run, case_id):
    return run.selection.cases[case_id].comparison


@pytest.fixture
def replay(request):
    return request.node.stash.get(REPLAY, None)


@pytest.fixture
def ceiling(run, limit):
    return run.selection.ceilings[limit]


@pytest.fixture
def remedy(run, remedy_id):
    return run.selection.remedies[remedy_id]


@pytest.fixture
def contrast(run, contrast_id):
    return run.selection.contrasts[contrast_id]


@pytest.fixture
def block(run, block_id):
    return run.selection.blocks[block_id]


@pytest.fixture
def network_row(run, network_id):
    return run.selection.networks[network_id]


@pytest.fixture
def measure_against(run, benchmark, replay):
    """Measures a case in lock-step with another, as this test's row."""

    def measure(base, case):
        benchmark.extra_info["schema"] = SCHEMA
        if benchmark.disabled:
            benchmark(run.measurements.prepare(case).call)
            return
        record_outcome(benchmark, replay, run.measurements.measure_against(base, case))

    return measure
