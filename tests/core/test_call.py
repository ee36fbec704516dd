"""The call state machine, every row of its table and every verdict on a join."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.call import TABLE, Call, CallEvent, CallState
from appliance.errors import LocalProtocolError


def joining(now: float = 100.0) -> Call:
    call = Call()
    call.join(now)
    return call


def test_every_state_is_reached_and_left_by_the_table() -> None:
    assert {state for state, _ in TABLE} == set(CallState)
    assert set(TABLE.values()) == set(CallState)


def test_leaving_while_idle_is_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError) as error:
        Call().leave()
    assert error.value.code == "call.illegal-event"


def test_one_acceptance_is_enough() -> None:
    call = joining()
    call.failed(100.1)
    call.proven()
    assert call.state is CallState.IN_CALL
    assert call.tick(200.0, pending=False) is None


def test_a_refusal_waits_for_those_still_answering() -> None:
    call = joining()
    call.failed(100.1)
    assert call.tick(100.1 + limits.JOIN_SETTLE, pending=True) is None
    assert call.deadline(pending=True) == pytest.approx(100.1 + limits.JOIN_PENDING_SETTLE)
    call.failed(100.6)
    assert call.tick(100.6 + limits.JOIN_SETTLE, pending=False) is CallEvent.REFUSED
    assert call.state is CallState.IDLE


def test_nobody_there_is_decided_soon_after_the_servers_were_reached() -> None:
    call = joining()
    call.servers_settled(100.2)
    assert call.deadline(pending=False) == pytest.approx(100.2 + limits.JOIN_ALONE_AFTER)
    assert call.tick(100.2 + limits.JOIN_ALONE_AFTER, pending=False) is CallEvent.ALONE
    assert call.state is CallState.IN_CALL


def test_nobody_there_is_not_decided_while_somebody_answers() -> None:
    call = joining()
    call.servers_settled(100.2)
    assert call.tick(100.2 + limits.JOIN_ALONE_AFTER, pending=True) is None
    assert call.tick(100.2 + limits.JOIN_ALONE_AFTER, pending=False) is CallEvent.ALONE


def test_a_person_never_waits_longer_than_the_bound() -> None:
    call = joining()
    assert call.tick(100.0 + limits.JOIN_GIVE_UP_AFTER, pending=True) is CallEvent.ALONE


def test_a_failed_attempt_of_another_never_ends_a_call() -> None:
    call = joining()
    call.proven()
    call.failed(101.0)
    assert call.tick(500.0, pending=False) is None
    assert call.state is CallState.IN_CALL


def test_a_second_join_starts_afresh() -> None:
    call = joining()
    call.failed(100.1)
    assert call.tick(101.0, pending=False) is CallEvent.REFUSED
    call.join(200.0)
    call.servers_settled(200.0)
    assert call.tick(200.0 + limits.JOIN_ALONE_AFTER, pending=False) is CallEvent.ALONE


@given(st.lists(st.sampled_from(["proven", "failed", "settled"])), st.booleans())
def test_whatever_happens_a_join_has_a_verdict_in_time(events: list[str], pending: bool) -> None:
    call = joining(0.0)
    for step, event in enumerate(events):
        now = step * 0.01
        match event:
            case "proven":
                call.proven()
            case "failed":
                call.failed(now)
            case "settled":
                call.servers_settled(now)
    call.tick(limits.JOIN_GIVE_UP_AFTER, pending)
    assert call.state is not CallState.JOINING
    assert "proven" not in events or call.state is CallState.IN_CALL
