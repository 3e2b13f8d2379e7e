import dataclasses

import pytest

from bench.contract.cases import ConvCase
from bench.machine import advice
from bench.machine.disturbance import Disturbance
from bench.plan.comparisons import Comparison
from bench.timing.lockstep import Budget
from bench.timing.measuring import Measurements
from bench.workloads.preparing import Workload
from tests.bench.fake_clock import FakeClock

DENSE = ConvCase(layer="conv2d")
SEPARABLE = ConvCase(layer="separable_conv2d")
SECONDS = {"conv2d": 0.02, "separable_conv2d": 0.01}


@pytest.fixture
def clock():
    return FakeClock()


def measurements(clock, prepare=None, selected=(DENSE, SEPARABLE)):
    def ready(case):
        return Workload(clock.taking(SECONDS[case.layer], case.layer), first_call_seconds=0.5)

    return Measurements(prepare or ready, Budget(max_time=0.1), clock, selected=set(selected))


def test_the_first_case_measures_both_and_the_second_only_reads(clock):
    comparison = Comparison("c", (DENSE, SEPARABLE))
    session = measurements(clock)
    dense = session.measure_case(comparison, DENSE)
    calls = len(clock.called)
    separable = session.measure_case(comparison, SEPARABLE)
    assert len(clock.called) == calls
    assert dense.paired.ratio == 1.0
    assert separable.paired.ratio == pytest.approx(0.5, rel=1e-4)
    assert len(separable.samples.slices) == len(dense.samples.slices)


def test_what_the_contract_wants_of_a_row_is_there(clock):
    info = measurements(clock).measure_case(Comparison("c", (DENSE, SEPARABLE)), SEPARABLE).as_extra_info()
    assert info["first_call_seconds"] == 0.5
    assert info["settled"] is True
    assert info["paired"]["rounds"] == len(info["paired"]["ratios"])
    assert info["control"] is None
    assert set(info["noise"]) == {"steal", "involuntary_switches", "held_back", "contaminated"}


def test_a_case_whose_partner_was_not_selected_is_measured_alone(clock):
    session = measurements(clock, selected=[SEPARABLE])
    outcome = session.measure_case(Comparison("c", (DENSE, SEPARABLE)), SEPARABLE)
    assert outcome.paired is None
    assert outcome.samples.rounds
    assert set(clock.called) == {"separable_conv2d"}


def test_an_error_of_one_layer_is_raised_in_its_own_test_only(clock):
    def prepare(case):
        if case == DENSE:
            raise RuntimeError("no memory left")
        return Workload(clock.taking(0.01), 0.0)

    session = measurements(clock, prepare)
    comparison = Comparison("c", (DENSE, SEPARABLE))
    assert session.measure_case(comparison, SEPARABLE).paired is None
    with pytest.raises(RuntimeError, match="no memory left"):
        session.measure_case(comparison, DENSE)


def test_a_control_measures_the_dense_layer_against_a_second_copy(clock):
    prepared = []

    def prepare(case):
        prepared.append(case)
        return Workload(clock.taking(SECONDS[case.layer]), 0.0)

    session = measurements(clock, prepare)
    comparison = Comparison("c", (DENSE, SEPARABLE), control=True)
    assert session.measure_case(comparison, DENSE).control.ratio == pytest.approx(1.0)
    assert session.measure_case(comparison, SEPARABLE).control is None
    assert prepared == [DENSE, SEPARABLE, DENSE]


def test_parts_share_the_lock_step_but_are_no_pair(clock):
    part = ConvCase(layer="depthwise_conv2d", use_bias=False)
    session = measurements(clock, lambda case: Workload(clock.taking(0.01), 0.0), (DENSE, SEPARABLE, part))
    comparison = Comparison("c", (DENSE, SEPARABLE, part))
    outcome = session.measure_case(comparison, part)
    assert outcome.paired is None
    assert len(outcome.samples.slices) == len(session.measure_case(comparison, DENSE).samples.slices)


def test_a_warning_is_given_for_each_thing_that_went_wrong(clock):
    session = measurements(clock)
    assert session.measure_case(Comparison("c", (DENSE,)), DENSE).list_warnings() == []
    session.budget = Budget(max_time=0.01, min_rounds=2)
    outcome = session.measure_case(Comparison("hasty", (DENSE,)), DENSE)
    assert outcome.list_warnings() == [advice.FEW_ROUNDS]
    outcome.disturbance = Disturbance(steal=0.2, involuntary_switches=0)
    outcome.settling = dataclasses.replace(outcome.settling, settled=False)
    assert outcome.list_warnings() == [advice.UNSETTLED, advice.CONTAMINATED, advice.FEW_ROUNDS]
