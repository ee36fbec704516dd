"""One budget for the strangers of a room, whoever saw their wrong proofs and however it is told."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.guesses import Bucket
from appliance.core.strangers import StrangerGuesses

Told = list[tuple[bytes, float]]


def event(number: int) -> bytes:
    return number.to_bytes(8, "big")


@given(st.lists(st.floats(0, 700), max_size=80))
def test_five_in_any_ten_minutes_and_never_faster_than_one_every_two_minutes(gaps: list[float]) -> None:
    strangers, bucket = StrangerGuesses(), Bucket(limits.STRANGER_GUESSES, limits.STRANGER_GUESS_EVERY, 0.0)
    now, taken = 0.0, []
    for number, gap in enumerate(gaps):
        now += gap
        if strangers.available(now):
            strangers.spend(event(number), now)
            taken.append(now)
            assert bucket.take(now), "faster than one every 120 s after a burst of five"
    for start in taken:
        within = [at for at in taken if start <= at < start + limits.STRANGER_GUESSES_SPAN]
        assert len(within) <= limits.STRANGER_GUESSES


def test_it_says_when_the_next_one_may_try() -> None:
    strangers = StrangerGuesses()
    for number in range(limits.STRANGER_GUESSES):
        assert strangers.next_at(100.0 + number) == 100.0 + number
        strangers.spend(event(number), 100.0 + number)
    assert strangers.next_at(110.0) == 100.0 + limits.STRANGER_GUESSES_SPAN
    assert strangers.available(strangers.next_at(110.0)) == 1


def test_what_one_member_saw_counts_at_every_member_once() -> None:
    here, there = StrangerGuesses(), StrangerGuesses()
    for number in range(limits.STRANGER_GUESSES):
        here.spend(event(number), 50.0 + number)
    told = here.told(60.0)
    assert there.heard(told, 1060.0)  # another clock
    assert not there.heard(told, 1061.0)
    assert there.wrong == limits.STRANGER_GUESSES
    assert there.available(1060.0) == 0
    assert there.next_at(1060.0) == 1050.0 + limits.STRANGER_GUESSES_SPAN
    assert not here.heard(there.told(1061.0), 61.0)  # it comes back, and is nothing new
    assert here.wrong == limits.STRANGER_GUESSES


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(0, 20))
def test_whatever_order_and_however_often_it_is_told_the_sum_is_the_same(
    seed: int, members: int, events: int
) -> None:
    rng = random.Random(seed)
    boxes = [StrangerGuesses() for _ in range(members)]
    messages: list[Told] = []
    for number in range(events):
        seen_by = rng.choice(boxes)
        seen_by.spend(event(number), float(number))
        messages.append(seen_by.told(100.0) if rng.random() < 0.5 else [(event(number), 100.0 - number)])
    for _ in range(3):
        rng.shuffle(messages)
        for message in messages:
            for box in boxes:
                if rng.random() < 0.9:
                    box.heard(message, 100.0)
    for box in boxes:  # a newcomer is told everything, too
        for other in boxes:
            box.heard(other.told(100.0), 100.0)
    assert {box.wrong for box in boxes} == {events}
    assert len({box.available(100.0) for box in boxes}) == 1
    assert len({round(box.next_at(100.0), 6) for box in boxes}) == 1


def test_what_was_long_ago_shuts_nobody_out_of_a_newcomer() -> None:
    strangers = StrangerGuesses()
    strangers.heard([(event(n), 7200.0) for n in range(20)], 0.0)
    assert strangers.wrong == 20
    assert strangers.available(0.0) == limits.STRANGER_GUESSES


def test_a_member_that_lies_shuts_strangers_out_and_fills_no_memory() -> None:
    strangers = StrangerGuesses()
    for number in range(0, 10_000, 10):
        strangers.heard([(event(n), 0.0) for n in range(number, number + 10)], float(number))
    assert strangers.wrong == limits.STRANGER_EVENTS_MAX
    assert strangers.available(9990.0) == 0
    assert len(strangers.told(9990.0)) == limits.STRANGER_EVENTS_MAX


def test_a_member_that_lies_cannot_give_a_guess_back() -> None:
    strangers = StrangerGuesses()
    for number in range(limits.STRANGER_GUESSES):
        strangers.spend(event(number), 0.0)
    strangers.heard([(event(n), 86_400.0) for n in range(1000)], 1.0)
    assert strangers.available(1.0) == 0


def test_an_event_of_the_meeting_before_counts_again_when_a_member_tells_it() -> None:
    """Who leaves and comes back to the same meeting counts what the others kept counting, once."""
    here, there = StrangerGuesses(), StrangerGuesses()
    here.spend(event(1), 0.0)
    there.heard(here.told(0.0), 0.0)
    here.meeting_over()
    assert here.wrong == 0
    here.heard(there.told(5.0), 5.0)
    assert here.wrong == 1
    assert here.available(5.0) == limits.STRANGER_GUESSES - 1


def test_no_age_is_told_that_no_message_holds() -> None:
    strangers = StrangerGuesses()
    strangers.spend(event(1), 0.0)
    ((_, ago),) = strangers.told(10 * limits.STRANGER_EVENT_AGE_MAX)
    assert ago == limits.STRANGER_EVENT_AGE_MAX
