"""Made-up meetings."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.app.meeting import is_common, make_up
from appliance.core import limits


@given(st.integers(0, 2**32))
def test_a_made_up_meeting_is_one_that_can_be_typed_and_not_guessed_first(seed: int) -> None:
    room, password = make_up(random.Random(seed).randrange)
    assert limits.ROOM_MIN <= room <= limits.ROOM_MAX
    assert len(password) == limits.MADE_UP_DIGITS
    assert password.isdecimal()
    assert not is_common(password)


@pytest.mark.parametrize(
    "password", ["123456", "654321", "000000", "111222", "121212", "123123", "778888", "456789", "987654"]
)
def test_what_people_try_first_is_common(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize("password", ["502938", "731946", "200417", "918273"])
def test_an_ordinary_number_is_not(password: str) -> None:
    assert not is_common(password)
