from bench.timing.settling import settle
from tests.bench.fake_clock import FakeClock


def test_a_steady_call_settles_at_once_but_is_called_for_the_least_time():
    clock = FakeClock()
    settling = settle(clock.taking(0.001), clock, at_least_seconds=0.02)
    assert settling.settled
    assert 19 <= settling.calls <= 21


def test_a_call_that_still_gets_faster_is_called_on():
    clock = FakeClock()
    durations = [1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.03, 0.03]
    settling = settle(clock.taking(durations), clock, limit_seconds=10)
    assert settling.settled
    assert settling.calls == 8


def test_a_call_that_never_settles_is_given_up_at_the_limit_and_said_so():
    clock = FakeClock()
    settling = settle(clock.taking([2.0 * 0.5**n for n in range(40)]), clock, limit_seconds=3.0)
    assert not settling.settled
    assert settling.calls == 3


def test_a_slow_call_is_made_no_more_often_than_needed():
    clock = FakeClock()
    assert settle(clock.taking(0.4), clock).calls == 3


def test_a_warm_up_asked_for_is_given():
    clock = FakeClock()
    assert settle(clock.taking(0.001), clock, at_least_calls=100).calls == 100
