"""Made-up meetings, and what is kept between them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.app.meeting import is_common, load_budgets, make_up, save_budgets
from appliance.core import limits
from appliance.core.guesses import GuessBudgets


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


def test_guesses_survive_a_restart(tmp_path: Path) -> None:
    budgets = GuessBudgets()
    press = budgets.press(42)
    for _ in range(limits.GUESSES_PER_PRESS):
        press.spend(10.0)
    save_budgets(tmp_path, budgets, 10.0)
    again = load_budgets(tmp_path, 5.0)
    left = limits.GUESSES_PER_ROOM - limits.GUESSES_PER_PRESS
    assert again.press(42).available(5.0) == min(left, limits.GUESSES_PER_PRESS)
    for _ in range(left):
        again.press(42).spend(5.0)
    assert again.press(42).available(5.0) == 0


def test_a_damaged_file_of_guesses_does_not_keep_the_box_from_starting(tmp_path: Path) -> None:
    (tmp_path / "guesses.json").write_bytes(b"\x00 not json")
    assert load_budgets(tmp_path, 0.0).press(1).available(0.0) > 0


def test_a_folder_that_can_not_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    save_budgets(tmp_path / "not there", GuessBudgets(), 0.0)
