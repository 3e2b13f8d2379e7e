import dataclasses
import json

import pytest

from bench.contract import experiments as names
from bench.contract.cases import ConvCase
from bench.contract.ceilings import COPY, MATRIX_PRODUCT
from bench.contract.cost import list_kernels
from bench.contract.experiments import EXPERIMENTS, Experiments
from bench.plan.ceilings import Ceiling
from bench.plan.experiments import PlannedArm, PlannedKernel
from bench.tracing.experiments import talking, turns
from bench.tracing.experiments.quick_limits import QuickLimits
from bench.tracing.experiments.running import run_experiments
from bench.tracing.experiments.turns import Runner, take_turns

SMALL = {"batch": 2, "height": 12, "width": 12, "in_channels": 6, "filters": 8}
SEPARABLE = ConvCase(layer="separable_conv2d", direction="train", **SMALL)
ENVIRONMENT = {
    "backend": "tensorflow",
    "onednn": "on",
    "onednn_details": {"isa": "Intel AVX2", "version": "3.7.3"},
    "cores": 2,
    "threads": {"intra_op": 0, "inter_op": 0},
}


def run(cases, folder, environment=ENVIRONMENT):
    """What is written of each case, or None; and what was told."""
    folders = {case: folder / case.id for case in cases}
    for each in folders.values():
        each.mkdir(exist_ok=True)
    told = []
    run_experiments(folders, environment, told.append)
    found = {}
    for case, each in folders.items():
        file = each / EXPERIMENTS
        found[case] = Experiments.from_dict(json.loads(file.read_text())) if file.exists() else None
    return found, told


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    """A real run of both directions of one layer, in short turns."""
    patch = pytest.MonkeyPatch()
    patch.setattr(turns, "_SLICE_SECONDS", 0.0)
    with patch.context():
        found, told = run(
            [SEPARABLE, dataclasses.replace(SEPARABLE, direction="forward")], tmp_path_factory.mktemp("e")
        )
    assert told == []
    return found


def test_every_kernel_of_every_direction_has_its_arms(examined):
    for case, experiments in examined.items():
        assert experiments.case == case
        assert experiments.kernels
        for kernel in experiments.kernels:
            arms = {arm.arm for arm in kernel.arms}
            assert {names.IN_STEP, names.ALONE, names.COPY, names.BATCH_4, names.ONE_THREAD} <= arms
            assert {names.WHOLE_LANES, names.OTHER, names.FRIENDLY, names.EMPTY} <= arms


def test_turns_of_all_arms_of_a_kernel_belong_together(examined):
    for experiments in examined.values():
        for kernel in experiments.kernels:
            counts = {len(arm.wall_seconds) for arm in kernel.arms if arm.arm != names.FRIENDLY}
            assert len(counts) == 1
            assert min(counts) >= 6
            assert min(counts) % 2 == 0


def test_onednns_clock_times_the_kernel_and_names_what_ran(examined):
    (experiments, _) = examined.values()
    for kernel in experiments.kernels:
        for arm in kernel.arms:
            if arm.arm in (names.ALONE, names.IN_STEP, names.ONE_THREAD):
                assert arm.implementation
                assert all(
                    inside < around for inside, around in zip(arm.seconds, arm.wall_seconds, strict=True)
                )
            if arm.process == names.WITHOUT_ONEDNN or arm.arm == names.EMPTY:
                assert arm.seconds == ()


def test_what_threads_bring_to_the_ceilings_is_measured_too(examined):
    (experiments, _) = examined.values()
    kinds = [scaling.kind for scaling in experiments.scalings]
    assert kinds[0] == names.PRODUCT
    assert kinds.count(names.STREAM) > 1
    sets = [scaling.working_set_bytes for scaling in experiments.scalings[1:]]
    assert sets == sorted(sets)


def test_a_backend_that_does_not_load_costs_sentences_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "no-such-backend")
    found, told = run([SEPARABLE], tmp_path)
    assert found == {SEPARABLE: None}
    assert "KERAS_BACKEND is 'no-such-backend'" in told[0]


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(talking, "_MODULE", "tests.bench.tracing.made_arm_child")


def test_a_process_that_dies_costs_the_layer_that_it_was_at(tmp_path, monkeypatch, made):
    monkeypatch.setenv("DIES_OF_BATCH", "3")
    forward = ConvCase(layer="separable_conv2d", **SMALL)
    cases = [dataclasses.replace(forward, batch=batch) for batch in (2, 3, 5)]
    found, told = run(cases, tmp_path)
    assert [experiments is not None for experiments in found.values()] == [True, False, True]
    assert len(told) == 1
    assert "the process 'as is' ended (1): out of luck" in told[0]


def test_an_arm_that_cannot_run_is_left_out(tmp_path, monkeypatch, made):
    monkeypatch.setenv("CANNOT_BATCH", "8")
    found, told = run([ConvCase(layer="separable_conv2d", **SMALL)], tmp_path)
    (experiments,) = found.values()
    arms = {arm.arm for kernel in experiments.kernels for arm in kernel.arms}
    assert names.BATCH_4 not in arms
    assert names.BATCH_2 in arms
    assert told == []


def test_a_kernel_that_takes_little_of_the_step_is_not_asked_about(tmp_path, made):
    found, _ = run([ConvCase(layer="separable_conv2d", **SMALL)], tmp_path)
    (experiments,) = found.values()
    assert [(kernel.operation, kernel.role) for kernel in experiments.kernels] == [("depthwise", "forward")]


def test_a_written_file_says_the_same_when_it_is_read(examined):
    for experiments in examined.values():
        assert Experiments.from_dict(json.loads(json.dumps(experiments.as_dict()))) == experiments


@pytest.mark.parametrize(
    "damage", [{"schema": 2}, {"kernels": [{}]}, {"threads": None}, {"case": {"layer": "?"}}]
)
def test_a_damaged_file_is_no_experiment(examined, damage):
    whole = next(iter(examined.values())).as_dict()
    with pytest.raises((KeyError, ValueError, TypeError)):
        Experiments.from_dict({**whole, **damage})


class MadeChild:
    """Notes who was asked, and answers."""

    def __init__(self):
        self.asked = []

    def ask(self, **request):
        self.asked.append(request["key"])
        return {"wall": 0.1, "kernels": {}}


def test_arms_take_turns_in_alternating_order():
    child = MadeChild()
    runners = [Runner(child, PlannedArm(names.ALONE, names.AS_IS, SEPARABLE), key, 0.1) for key in "abc"]
    take_turns(runners)
    assert "".join(child.asked[:6]) == "abccba"
    assert {child.asked.count(key) for key in "abc"} == {len(child.asked) // 3}
    assert len(child.asked) % 6 == 0


def test_only_kernels_surely_above_half_of_their_limit_are_let_go():
    kernel = PlannedKernel("dense", "forward", ConvCase())
    limits = QuickLimits()
    assert limits.may_be_slow(kernel, seconds=1e-9)  # nothing is known yet
    flops = 2 * 1024**3
    limits.add(Ceiling(MATRIX_PRODUCT, "CPU:0", size=1024), seconds=flops / 1e11)
    limits.add(Ceiling(COPY, "CPU:0", size=2**20), seconds=1e-4)
    (cost,) = list_kernels(kernel.case)
    least = cost.flops / 1e11
    assert limits.may_be_slow(kernel, seconds=least / 0.5)
    assert not limits.may_be_slow(kernel, seconds=least / 0.9)
    half = PlannedKernel("dense", "forward", ConvCase(dtype="float16"))
    assert limits.may_be_slow(half, seconds=least)
