"""Budgets of guesses: how many, how often, and that a restart gives nothing back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.guesses import Bucket, GuessBudgets, MemberGuesses, OwnBudgets, ShutOut, Window
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


def test_a_key_press_is_told_when_the_room_has_a_guess_again() -> None:
    budgets = GuessBudgets()
    assert budgets.next_press(42, 5.0) == 5.0
    for at in range(limits.GUESSES_PER_ROOM):
        budgets.press(42).spend(float(at))
    assert budgets.next_press(42, 20.0) == limits.GUESSES_SPAN
    assert budgets.next_press(43, 20.0) == 20.0


def ids() -> Iterator[bytes]:
    """Ids of wrong proofs, none twice."""
    return (number.to_bytes(8, "big") for number in itertools.count(1))


def member_with(wrong: int) -> MemberGuesses:
    """A member at which strangers were wrong so often at 0.0."""
    member = GuessBudgets().member(42)
    for event in itertools.islice(ids(), wrong):
        assert member.allows("", 0.0)
        member.spend("", event, 0.0)
    return member


def test_strangers_share_one_budget_and_cannot_shut_out_who_has_its_own() -> None:
    member = member_with(limits.STRANGER_GUESSES)
    assert not member.allows("", 0.0)
    assert member.allows("friend", 0.0)
    assert not member.allows("", limits.STRANGER_GUESSES_SPAN - 0.1)
    assert member.allows("", limits.STRANGER_GUESSES_SPAN)


def test_who_has_its_own_budget_cannot_shut_out_strangers_nor_another() -> None:
    member = GuessBudgets().member(42)
    for event in itertools.islice(ids(), limits.MET_GUESSES):
        assert member.allows("friend", 0.0)
        member.spend("friend", event, 0.0)
    assert not member.allows("friend", 0.0)
    assert member.allows("", 0.0)
    assert member.allows("other friend", 0.0)
    assert member.strangers.wrong == 0
    assert member.allows("friend", limits.MET_GUESSES_SPAN)


def test_a_person_admits_one_stranger() -> None:
    member = member_with(limits.STRANGER_GUESSES)
    member.admit(0.0)
    assert member.shut_out(0.0) == ShutOut(limits.STRANGER_GUESSES_SPAN, admitted=True)
    assert member.allows("", 0.0)
    member.spend("", b"admitted", 0.0)
    assert not member.allows("", 0.0)
    member.admit(0.0)
    member.met("y")
    assert not member.allows("", 0.0)


def test_an_admission_is_for_now_and_not_for_later() -> None:
    member = member_with(limits.STRANGER_GUESSES)
    member.admit(0.0)
    assert member.allows("", limits.ADMIT_FOR - 0.1)
    assert not member.allows("", limits.ADMIT_FOR)


def test_after_too_many_wrong_proofs_strangers_come_in_by_hand_only() -> None:
    member = GuessBudgets().member(42)
    now = 0.0
    for event in itertools.islice(ids(), limits.WRONG_PROOFS_MAX):
        now += limits.STRANGER_GUESS_EVERY
        assert member.allows("", now)
        member.spend("", event, now)
    assert member.by_hand
    assert not member.allows("", now + 1e6)
    assert member.shut_out(now + 1e6) == ShutOut(None, admitted=False)
    assert member.allows("friend", now)
    member.admit(now)
    assert member.allows("", now)
    member.meeting_over()
    assert not member.by_hand
    assert member.allows("", now + limits.STRANGER_GUESSES_SPAN)


def test_leaving_and_joining_again_gives_strangers_nothing_back() -> None:
    member = member_with(limits.STRANGER_GUESSES)
    member.meeting_over()
    assert not member.allows("", 1.0)
    assert member.strangers.told(1.0) == []


def test_a_restart_gives_nothing_back() -> None:
    budgets = GuessBudgets()
    press = budgets.press(42)
    press.spend(1000.0)
    press.spend(1500.0)
    for event in itertools.islice(ids(), limits.STRANGER_GUESSES):
        budgets.member(42).spend("", event, 2000.0)
    friend = "0f" * 16
    for event in itertools.islice(ids(), limits.MET_GUESSES):
        budgets.member(42).spend(friend, event, 1900.0)
    again = GuessBudgets.from_state(budgets.to_state(2000.0), 7.0)  # the clock begins anew
    assert not again.member(42).allows("", 7.0)
    assert again.member(42).strangers.wrong == limits.STRANGER_GUESSES
    assert again.member(42).strangers.next_at(7.0) == 7.0 + limits.STRANGER_GUESSES_SPAN
    assert not again.member(42).allows(friend, 7.0)
    assert again.press(42).own.available(friend, 7.0) == 0
    assert again.to_state(7.0) == budgets.to_state(2000.0)
    assert again.member(42).allows(friend, 7.0 + limits.MET_GUESSES_SPAN - 100)
    for _ in range(limits.GUESSES_PER_PRESS):
        again.press(42).spend(7.0)
    assert again.press(42).available(7.0) == limits.GUESSES_PER_ROOM - 2 - limits.GUESSES_PER_PRESS


def test_own_budgets_are_bounded() -> None:
    own = OwnBudgets()
    for number in range(limits.OWN_BUDGETS_MAX + 10):
        own.spend(str(number), 0.0)
    assert len(own.to_state(0.0)) == limits.OWN_BUDGETS_MAX


def test_untouched_budgets_are_not_kept() -> None:
    budgets = GuessBudgets()
    for room in range(1, 100):
        budgets.press(room)
        budgets.member(room)
    assert len(budgets.to_state(0.0)) < 50


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"v":1,"rooms":[{"room":1}]}'])
def test_a_damaged_state_is_said_so(data: bytes) -> None:
    with pytest.raises(StartError) as caught:
        GuessBudgets.from_state(data, 0.0)
    assert caught.value.code == "guesses.state"
