"""In what order a run begins."""

from types import SimpleNamespace

import pytest

from bench.contract.cases import ConvCase
from bench.session import run
from bench.session.framework import LoadedFramework
from bench.session.run import Run
from bench.tracing import capturing, implementations
from tests.bench.session.test_options import NONE_GIVEN

ENVIRONMENT = {"fingerprint": "0123456789"}
NOBODY = SimpleNamespace(goes_on=False, watch=None)


@pytest.fixture
def done(monkeypatch, tmp_path):
    """What a run does that is slow or waits, in order, in the place of doing it."""
    done = []

    class Turns:
        campaign = None

        def __init__(self, supervisor):
            pass

        def start(self):
            done.append("turn")

    def load(devices, faults):
        done.append("framework")
        return LoadedFramework(SimpleNamespace(name="made"), ("CPU:0",), ENVIRONMENT)

    monkeypatch.setattr(run, "Turns", Turns)
    monkeypatch.setattr(run, "load_and_describe", load)
    monkeypatch.setattr(capturing, "check_profiler", lambda: done.append("profiler"))
    return done


def start(folder, **values):
    values = {"grid": "smoke", "benchmark_storage": f"file://{folder}", **values}
    return Run({**NONE_GIVEN, **values}, NOBODY)


def test_the_turn_is_awaited_before_the_framework_loads(done, tmp_path):
    start(tmp_path, profile="slow")
    assert done == ["profiler", "turn", "framework"]


@pytest.mark.parametrize(
    "values",
    [
        {"grid": "huge"},
        {"grid": None, "shapes": "no-such-file.csv"},
        {"grid": None, "case": "no-such-case"},
        {"modes": "fast"},
        {"profile": "x"},
        {"epochs": "x"},
        {"shuffle_seed": "x"},
        {"resume": True, "discard": True},
        {"benchmark_max_time": "0"},
        {"benchmark_storage": "odd://x"},
    ],
    ids=str,
)
def test_options_are_validated_before_anything_slow(done, tmp_path, values):
    with pytest.raises(ValueError):  # noqa: PT011
        start(tmp_path, **values)
    assert done == []


def test_faults_that_make_no_sense_are_refused_before_anything_slow(done, tmp_path, monkeypatch):
    (tmp_path / "faults.json").write_text("[]")
    monkeypatch.setenv("BENCH_FAULTS", str(tmp_path / "faults.json"))
    with pytest.raises(ValueError, match="BENCH_FAULTS: "):
        start(tmp_path)
    assert done == []


def test_a_run_that_only_begins_touches_no_journal(done, tmp_path):
    begun = start(tmp_path)
    assert begun.keeping.journal is None
    assert list(tmp_path.iterdir()) == []


def test_the_seed_orders_the_comparisons(done, tmp_path):
    orders = [
        start(tmp_path, grid="channels", shuffle_seed=seed).selection.comparisons for seed in ("1", "1", "2")
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert sorted(each.id for each in orders[0]) == sorted(each.id for each in orders[2])


def test_a_run_says_what_it_was_asked_to_do(done, tmp_path):
    (tmp_path / "mine.csv").write_text("name\nmine\n")
    shapes = str(tmp_path / "mine.csv")
    assert start(tmp_path, shuffle_seed="3").describe() == {
        "grid": "smoke", "shuffle_seed": 3, "in_turn": False,
    }  # fmt: skip
    assert start(tmp_path, grid=None, shapes=shapes, shuffle_seed="3").describe() == {
        "grid": shapes, "shuffle_seed": 3, "in_turn": False, "shapes": shapes,
    }  # fmt: skip
    # Ids may be longer than the name of a grid can be in a saved file.
    ids = ",".join(f"train-{batch}x32x32x64-f64-k3" for batch in range(1, 200))
    assert start(tmp_path, grid=None, case=ids).describe()["grid"] == "--case"


@pytest.fixture
def measured(done, tmp_path, monkeypatch):
    """A run that has measured a case on CPU and one on GPU, and in ``done`` the cases that it logs."""

    def log(cases, tell):
        done.extend(case.device for case in cases)
        return {case: {"dense forward": "jit:avx2"} for case in cases}

    monkeypatch.setattr(implementations, "capture", log)
    started = start(tmp_path)
    for device in ("CPU:0", "GPU:0"):
        case = ConvCase(device=device)
        started.measured[case.id] = (case, {})
    done.clear()
    return started


def list_rows(measured):
    return {case.device: info for case, info in measured.measured.values()}


def test_rows_of_cases_on_the_processor_say_what_ran_their_kernels(measured):
    told = []
    measured.capture(told.append, saves=True)
    assert told == ["noting which kernels ran: 1 cases"]
    assert list_rows(measured) == {
        "CPU:0": {"implementations": {"dense forward": "jit:avx2"}}, "GPU:0": {},
    }  # fmt: skip


def test_what_will_not_be_saved_is_not_found_out(measured, done):
    measured.capture(print, saves=False)
    assert done == []


@pytest.mark.parametrize(("replicate", "logged"), [(1, ["CPU:0"]), (2, []), (3, [])])
def test_of_a_campaign_only_the_first_replicate_finds_out_what_ran(
    measured, done, monkeypatch, replicate, logged
):
    monkeypatch.setattr(measured._turns, "campaign", {"id": "x", "replicate": replicate})
    measured.capture(print, saves=True)
    assert done == logged


def test_traces_are_captured_whatever_happens_to_the_implementations(measured, monkeypatch):
    traced = []
    monkeypatch.setattr(implementations, "capture", lambda cases, tell: 1 / 0)
    monkeypatch.setattr(measured, "trace", traced.append)
    with pytest.raises(ZeroDivisionError):
        measured.capture(print, saves=True)
    assert traced == [print]
