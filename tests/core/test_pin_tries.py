"""Tries of the admin PIN: five a minute, then waits that grow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.pin_tries import PinTries


def fail(tries: PinTries, at: float, times: int = limits.PIN_TRIES) -> None:
    for _ in range(times):
        tries.wrong(at)


def test_five_wrong_ones_make_a_wait_and_four_do_not() -> None:
    tries = PinTries()
    fail(tries, 10.0, limits.PIN_TRIES - 1)
    assert tries.wait_until(10.0) is None
    assert tries.left(10.0) == 1
    tries.wrong(11.0)
    assert tries.wait_until(11.0) == 11.0 + limits.PIN_WAIT
    assert tries.wait_until(11.0 + limits.PIN_WAIT) is None


def test_each_wait_in_a_row_is_twice_as_long_up_to_the_longest() -> None:
    tries, now, waits = PinTries(), 0.0, []
    for _ in range(7):
        fail(tries, now)
        until = tries.wait_until(now)
        assert until is not None
        waits.append(until - now)
        now = until
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, 960.0, 960.0]


def test_the_right_one_makes_all_good() -> None:
    tries = PinTries()
    fail(tries, 0.0)
    tries.right()
    assert tries.wait_until(0.0) is None
    fail(tries, 0.0)
    assert tries.wait_until(0.0) == limits.PIN_WAIT


def test_the_waits_are_forgotten_after_an_hour_of_peace() -> None:
    tries = PinTries()
    fail(tries, 0.0)
    later = limits.PIN_WAIT + limits.PIN_FORGOTTEN_AFTER
    assert tries.left(later) == limits.PIN_TRIES
    fail(tries, later)
    assert tries.wait_until(later) == later + limits.PIN_WAIT


@given(st.lists(st.floats(0.0, 40.0), max_size=60))
def test_whatever_the_pace_no_minute_sees_more_than_five(pauses: list[float]) -> None:
    tries, now, made = PinTries(), 0.0, []
    for pause in pauses:
        now += pause
        if tries.wait_until(now) is None:
            tries.wrong(now)
            made.append(now)
    for i, first in enumerate(made):
        within = [at for at in made[i:] if at - first < limits.PIN_TRIES_SPAN]
        assert len(within) <= limits.PIN_TRIES
