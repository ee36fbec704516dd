"""A room number, then a password: what is taken, what is refused and why, and that nothing gets lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import keypad, limits
from appliance.core.keypad import Keypad, Ready, Step


def after(pad: Keypad, text: str) -> Keypad:
    for char in text:
        pad = keypad.typed(pad, char)
    return pad


def at_password(room: str = "42", password: str = "") -> Keypad:
    pad = keypad.proceed(after(Keypad(), room))
    assert isinstance(pad, Keypad)
    return after(pad, password)


class TestRoom:
    @given(st.text(alphabet="0123456789", max_size=8))
    def test_only_numbers_in_range_can_be_typed(self, text: str) -> None:
        pad = after(Keypad(), text)
        assert pad.room == "" or limits.ROOM_MIN <= int(pad.room) <= limits.ROOM_MAX
        assert not pad.room.startswith("0")

    def test_the_highest_room_has_four_digits(self) -> None:
        assert after(Keypad(), "1000").room == "1000"

    def test_a_digit_too_many_is_not_taken_and_says_why(self) -> None:
        pad = after(Keypad(), "4201")
        assert (pad.room, pad.problem) == ("420", keypad.ROOM_RANGE)
        assert keypad.typed(keypad.deleted(pad), "5").problem is None

    def test_a_letter_is_not_taken_and_says_why(self) -> None:
        assert after(Keypad(), "4x") == Keypad(room="4", problem=keypad.ROOM_DIGITS)

    def test_next_without_a_number_stays(self) -> None:
        assert keypad.proceed(Keypad()) == Keypad(problem=keypad.ROOM_EMPTY)

    def test_next_goes_on_to_the_password(self) -> None:
        assert at_password("7").step is Step.PASSWORD

    def test_back_leaves_the_keypad(self) -> None:
        assert keypad.back(after(Keypad(), "42")) is None


class TestPassword:
    def test_both_together_are_ready(self) -> None:
        assert keypad.proceed(at_password("42", "1234")) == Ready(42, "1234")

    def test_a_short_password_stays_as_it_was_typed_and_says_why(self) -> None:
        pad = keypad.proceed(at_password("42", "123"))
        assert isinstance(pad, Keypad)
        assert (pad.password, pad.problem) == ("123", keypad.PASSWORD_SHORT)

    def test_a_password_too_long_keeps_its_beginning(self) -> None:
        pad = at_password("42", "x" * (limits.PASSWORD_MAX_CHARS + 1))
        assert (len(pad.password), pad.problem) == (limits.PASSWORD_MAX_CHARS, keypad.PASSWORD_LONG)

    def test_any_printable_character_is_taken(self) -> None:
        assert at_password("42", "Zoë 5字!").password == "Zoë 5字!"
        assert at_password("42", "a\n\tb\x00").password == "ab"

    def test_all_but_the_last_typed_character_are_masked(self) -> None:
        pad = at_password("42", "17402")
        assert pad.visible == "••••2"
        assert keypad.deleted(pad).visible == "••••"
        assert keypad.masked(pad).visible == "•••••"
        assert keypad.toggled(pad).visible == "17402"

    def test_back_keeps_the_room_and_forgets_the_password(self) -> None:
        assert keypad.back(at_password("42", "secret")) == Keypad(room="42")

    def test_the_password_is_in_no_representation(self) -> None:
        assert "hunter22" not in repr(at_password("42", "hunter22"))
        assert "hunter22" not in repr(keypad.proceed(at_password("42", "hunter22")))


def test_a_preset_starts_with_its_password() -> None:
    assert keypad.for_room(12) == Keypad(step=Step.PASSWORD, room="12")


@pytest.mark.parametrize("room", [0, 1001, -5])
def test_a_preset_out_of_range_is_refused(room: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        keypad.for_room(room)
