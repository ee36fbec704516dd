"""Budgets of guesses: how many, how often, and that a restart gives nothing back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.guesses import Bucket, GuessBudgets, Window
from appliance.errors import StartError


@given(st.lists(st.floats(0, 400), max_size=40))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(gaps: list[float]) -> None:
    bucket = Bucket(5, 120.0, 0.0)
    now, taken = 0.0, 0
    for gap in gaps:
        now += gap
        taken += bucket.take(now)
    assert taken <= 5 + now / 120.0 + 1e-6


def test_a_bucket_says_when_it_has_one_again() -> None:
    bucket = Bucket(2, 0.5, 10.0)
    assert bucket.take(10.0)
    assert bucket.take(10.0)
    assert not bucket.take(10.0)
    assert bucket.next_at(10.0) == pytest.approx(10.5)
    assert bucket.available(bucket.next_at(10.0)) == 1


@given(st.lists(st.floats(0, 900), max_size=60))
def test_a_window_never_gives_more_than_its_limit_in_any_span(gaps: list[float]) -> None:
    window = Window(10, 3600.0)
    now, taken = 0.0, []
    for gap in gaps:
        now += gap
        if window.available(now) > 0:
            window.take(now)
            taken.append(now)
    for start in taken:
        assert sum(start <= at < start + 3600.0 for at in taken) <= 10


def test_a_key_press_has_five_guesses_and_an_hour_ten() -> None:
    budgets = GuessBudgets()
    for _ in range(2):
        press = budgets.press(42)
        for left in range(limits.GUESSES_PER_PRESS, 0, -1):
            assert press.available(0.0) == left
            press.spend(0.0)
        assert press.available(0.0) == 0
    assert budgets.press(42).available(0.0) == 0
    assert budgets.press(42).available(limits.GUESSES_SPAN - 1) == 0
    assert budgets.press(42).available(limits.GUESSES_SPAN) == limits.GUESSES_PER_PRESS
    assert budgets.press(43).available(0.0) == limits.GUESSES_PER_PRESS


def test_strangers_share_one_budget_and_cannot_shut_out_who_was_met() -> None:
    member = GuessBudgets().member(42, 0.0)
    member.met("friend")
    for stranger in "abcde":
        assert member.allows(stranger, 0.0)
        member.spend(stranger, 0.0)
    assert not member.allows("f", 0.0)
    assert member.allows("friend", 0.0)
    assert member.allows("f", limits.STRANGER_GUESS_EVERY)


def test_who_was_met_has_a_budget_of_its_own() -> None:
    member = GuessBudgets().member(42, 0.0)
    member.met("friend")
    for _ in range(limits.MET_GUESSES):
        assert member.allows("friend", 0.0)
        member.spend("friend", 0.0)
    assert not member.allows("friend", 0.0)
    assert member.allows("stranger", 0.0)
    assert member.allows("friend", limits.MET_GUESSES_SPAN)


def test_a_person_admits_one_stranger() -> None:
    member = GuessBudgets().member(42, 0.0)
    for _ in range(limits.STRANGER_GUESSES):
        member.spend("x", 0.0)
    assert not member.allows("x", 0.0)
    member.admit()
    assert member.allows("x", 0.0)
    member.spend("x", 0.0)
    assert not member.allows("x", 0.0)
    member.admit()
    member.met("y")
    assert not member.allows("x", 0.0)


def test_after_too_many_wrong_proofs_strangers_come_in_by_hand_only() -> None:
    member = GuessBudgets().member(42, 0.0)
    now = 0.0
    while not member.by_hand:
        now += limits.STRANGER_GUESS_EVERY
        assert member.allows("x", now)
        member.spend("x", now)
    assert member.wrong == limits.WRONG_PROOFS_MAX
    assert not member.allows("x", now + 1e6)
    member.meeting_over()
    assert member.allows("x", now + 1e6)


def test_what_another_member_tells_counts() -> None:
    member = GuessBudgets().member(42, 0.0)
    for _ in range(limits.STRANGER_GUESSES):
        member.spent_elsewhere(0.0)
    assert not member.allows("x", 0.0)


def test_a_restart_gives_nothing_back() -> None:
    budgets = GuessBudgets()
    press = budgets.press(42)
    press.spend(1000.0)
    press.spend(1500.0)
    for _ in range(limits.STRANGER_GUESSES):
        budgets.member(42, 2000.0).spend("x", 2000.0)
    again = GuessBudgets.from_state(budgets.to_state(2000.0), 7.0)  # the clock begins anew
    assert not again.member(42, 7.0).allows("x", 7.0)
    assert again.member(42, 7.0).wrong == limits.STRANGER_GUESSES
    assert again.member(42, 7.0).allows("x", 7.0 + limits.STRANGER_GUESS_EVERY)
    hourly = again.to_state(7.0)
    assert hourly == budgets.to_state(2000.0)
    for _ in range(limits.GUESSES_PER_PRESS):
        again.press(42).spend(7.0)
    assert again.press(42).available(7.0) == limits.GUESSES_PER_ROOM - 2 - limits.GUESSES_PER_PRESS


def test_untouched_budgets_are_not_kept() -> None:
    budgets = GuessBudgets()
    for room in range(1, 100):
        budgets.press(room)
        budgets.member(room, 0.0)
    assert len(budgets.to_state(0.0)) < 50


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"v":1,"rooms":[{"room":1}]}'])
def test_a_damaged_state_is_said_so(data: bytes) -> None:
    with pytest.raises(StartError) as caught:
        GuessBudgets.from_state(data, 0.0)
    assert caught.value.code == "guesses.state"
