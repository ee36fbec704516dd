"""A box that comes into a crowd keeps quiet, and never for long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.arrival import Arrival
from appliance.core.layers import Layer
from appliance.core.limits import ARRIVAL_CROWD, ARRIVAL_LINGER, ARRIVAL_MAX, ARRIVAL_STALL
from appliance.core.sending import ARRIVING, Demand, decide


def test_two_boxes_are_no_crowd() -> None:
    arrival = Arrival(0.0)
    for building in (0, 1, 0, ARRIVAL_CROWD - 1):
        assert not arrival.look(building, 0.1)
    assert not arrival.quiet
    assert arrival.deadline() is None


def test_a_crowd_is_met_quietly_until_all_are_there_and_a_moment_longer() -> None:
    arrival = Arrival(0.0)
    assert arrival.look(ARRIVAL_CROWD, 0.3)
    assert arrival.quiet
    assert not arrival.look(1, 0.5)
    assert arrival.quiet
    assert not arrival.look(0, 0.6)
    assert arrival.deadline() == 0.6 + ARRIVAL_LINGER
    assert not arrival.look(0, 0.6 + ARRIVAL_LINGER - 0.01)
    assert arrival.look(0, 0.6 + ARRIVAL_LINGER)
    assert not arrival.quiet
    assert arrival.deadline() is None


def test_who_is_not_reached_is_not_waited_for() -> None:
    arrival = Arrival(0.0)
    arrival.look(7, 0.2)
    arrival.look(1, 1.0)
    assert arrival.deadline() == 1.0 + ARRIVAL_STALL
    assert arrival.look(1, 1.0 + ARRIVAL_STALL)
    assert not arrival.quiet


def test_others_that_come_later_meet_a_box_that_has_arrived() -> None:
    arrival = Arrival(0.0)
    assert not arrival.look(7, ARRIVAL_MAX)
    assert not arrival.quiet


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 15)), max_size=60))
def test_it_ends_in_time_whatever_happens(steps: list[tuple[float, int]]) -> None:
    arrival, now, quiet = Arrival(0.0), 0.0, False
    for wait, building in steps:
        now += wait
        changed = arrival.look(building, now)
        assert changed == (arrival.quiet is not quiet)
        quiet = arrival.quiet
        due = arrival.deadline()
        assert (due is not None) == quiet
        if due is not None:
            assert now < due <= ARRIVAL_MAX
            assert not quiet or due <= now + max(ARRIVAL_STALL, ARRIVAL_LINGER)


def test_meanwhile_everybody_gets_small_pictures_and_who_wants_none_gets_none() -> None:
    demands = [Demand(Layer.H, Layer.H, ""), Demand(None, Layer.H, ""), Demand(Layer.L, Layer.M, "loss")]
    sent = decide(demands, 0, quiet=True)
    assert [one.layer for one in sent] == [Layer.L, None, Layer.L]
    assert [one.capped_by for one in sent] == [ARRIVING, "", ""]
    assert [one.layer for one in decide(demands, 0)] == [Layer.H, None, Layer.L]
