"""The light of an idle screen, and how its page wanders."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.idle import Idleness, Light, wander

MINUTE = 60.0


def test_it_dims_and_then_goes_off() -> None:
    idle = Idleness(5, 30, now=100.0)
    assert idle.light(100.0 + 5 * MINUTE - 0.1) is Light.FULL
    assert idle.light(100.0 + 5 * MINUTE) is Light.DIM
    assert idle.light(100.0 + 30 * MINUTE) is Light.OFF


def test_an_act_wakes_it_and_the_minutes_begin_anew() -> None:
    idle = Idleness(5, 30, now=0.0)
    assert idle.light(40 * MINUTE) is Light.OFF
    idle.act(40 * MINUTE)
    assert idle.light(40 * MINUTE) is Light.FULL
    assert idle.light(45 * MINUTE) is Light.DIM


def test_an_act_of_earlier_takes_nothing_back() -> None:
    idle = Idleness(5, 0, now=100.0)
    idle.act(50.0)
    assert idle.light(100.0 + 5 * MINUTE - 1) is Light.FULL


@pytest.mark.parametrize(
    ("dim", "off", "seen"),
    [
        (0, 0, {Light.FULL}),
        (5, 0, {Light.FULL, Light.DIM}),
        (0, 5, {Light.FULL, Light.OFF}),
        (30, 5, {Light.FULL, Light.OFF}),
    ],
)
def test_zero_is_never_and_what_is_due_first_counts(dim, off, seen) -> None:
    idle = Idleness(dim, off, now=0.0)
    assert {idle.light(minute * MINUTE) for minute in range(10_000)} == seen


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 20_000))
def test_until_it_is_said_to_change_it_does_not(dim, off, now) -> None:
    idle = Idleness(dim, off, now=0.0)
    at = idle.changes_at(now)
    assert at > now
    if math.isfinite(at):
        assert idle.light((now + at) / 2) is idle.light(now)
    else:
        assert idle.light(now + 1e9) is idle.light(now)


def test_a_page_wanders_by_small_steps_over_all_of_its_room_and_stays_in_it() -> None:
    places = [wander(minute) for minute in range(2 * limits.IDLE_STEPS[0] * limits.IDLE_STEPS[1])]
    for (x, y), (nx, ny) in zip(places, places[1:] + places[:1], strict=True):
        assert abs(nx - x) == limits.IDLE_STEP[0]
        assert abs(ny - y) == limits.IDLE_STEP[1]
    for axis in range(2):
        reach = limits.IDLE_STEP[axis] * limits.IDLE_STEPS[axis]
        seen = {place[axis] for place in places}
        assert max(seen) - min(seen) == reach
        assert abs(max(seen) + min(seen)) <= limits.IDLE_STEP[axis]
    assert len(set(places)) > 100
