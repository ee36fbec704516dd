"""In a call the screen follows at a pace, everywhere else at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.core import limits
from appliance.core.call_view import CallView, JoiningView
from appliance.core.view import Phase, Snapshot
from appliance.core.view_pace import ViewPace

HOME = Snapshot("Bridge")
CALL = Snapshot("Bridge", Phase.IN_CALL, call=CallView(42, 0.0, JoiningView(False, None)))
LOUDER = replace(CALL, call=replace(CALL.call, meter=1))
ARRIVING = replace(CALL, call=replace(CALL.call, arriving=True))


@pytest.fixture
def pace() -> ViewPace:
    pace = ViewPace()
    assert pace.show(CALL, 100.0)
    return pace


def test_the_first_snapshot_is_shown_at_once() -> None:
    assert ViewPace().wait(CALL, True, 100.0) <= 0


def test_home_follows_at_once(pace: ViewPace) -> None:
    pace.show(HOME, 100.0)
    assert pace.wait(replace(HOME, name="Galley"), False, 100.0) <= 0


def test_a_call_follows_at_its_pace(pace: ViewPace) -> None:
    assert pace.wait(LOUDER, True, 100.01) == pytest.approx(limits.VIEWS_EVERY - 0.01)
    assert pace.wait(LOUDER, True, 100.01 + limits.VIEWS_EVERY) <= 0


def test_a_box_that_arrives_in_a_crowd_follows_more_slowly(pace: ViewPace) -> None:
    pace.show(ARRIVING, 100.0)
    assert pace.wait(CALL, True, 100.0) == pytest.approx(limits.ARRIVAL_VIEWS_EVERY)
    assert pace.spin_every == limits.ARRIVAL_VIEWS_EVERY
    pace.show(CALL, 101.0)
    assert pace.spin_every == limits.SPINNER_EVERY


@pytest.mark.parametrize("newest", [HOME, replace(CALL, call=replace(CALL.call, room=7))])
def test_another_screen_is_shown_at_once(pace: ViewPace, newest: Snapshot) -> None:
    assert pace.wait(newest, True, 100.0) <= 0


def test_what_says_nothing_new_delays_nothing(pace: ViewPace) -> None:
    same = replace(CALL)
    assert not pace.show(same, 110.0)
    assert pace.shown is same
    assert pace.wait(LOUDER, True, 110.0) <= 0
