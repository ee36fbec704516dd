"""When people are told that others are in the room and none of them answers."""

from __future__ import annotations

from appliance.core.limits import UNANSWERED_AFTER
from appliance.core.unanswered import Unanswered

NOW = 100.0


def test_a_moment_of_silence_is_no_news() -> None:
    room = Unanswered()
    assert not room.look(True, NOW)
    assert not room.look(True, NOW + UNANSWERED_AFTER - 0.1)
    assert not room.lasts(NOW + UNANSWERED_AFTER - 0.1)


def test_people_are_told_once() -> None:
    room = Unanswered()
    room.look(True, NOW)
    assert [room.look(True, NOW + UNANSWERED_AFTER + n) for n in range(3)] == [True, False, False]
    assert room.lasts(NOW + UNANSWERED_AFTER)


def test_who_answers_ends_it_and_it_is_not_told_again() -> None:
    room = Unanswered()
    room.look(True, NOW)
    assert room.look(True, NOW + UNANSWERED_AFTER)
    room.look(False, NOW + 2 * UNANSWERED_AFTER)
    assert not room.lasts(NOW + 2 * UNANSWERED_AFTER)
    room.look(True, NOW + 3 * UNANSWERED_AFTER)
    assert not room.look(True, NOW + 4 * UNANSWERED_AFTER)
    assert room.lasts(NOW + 4 * UNANSWERED_AFTER)
