"""What a box keeps between starts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.app.state_files import (
    GUESSES,
    IDENTITY,
    MET,
    MET_KEYS,
    load_guesses,
    load_identity,
    load_met,
    load_met_keys,
    save,
)
from appliance.core import limits
from appliance.core.acquaintances import Acquaintances, Met
from appliance.core.guesses import GuessBudgets
from appliance.core.recognition import MetBoxes
from appliance.errors import StartError


def test_it_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    first = load_identity(tmp_path / "state")
    assert load_identity(tmp_path / "state").box_id == first.box_id


def test_nobody_else_can_read_what_is_kept(tmp_path: Path) -> None:
    met = MetBoxes()
    met.remember(42, "0a" * 16, bytes(32))
    (tmp_path / "met-keys.new").write_bytes(b"half")  # of a lost start, with another mode
    (tmp_path / "met-keys.new").chmod(0o644)
    save(tmp_path, MET_KEYS, met.to_state())
    assert stat.S_IMODE((tmp_path / MET_KEYS).stat().st_mode) == 0o600
    assert load_met_keys(tmp_path).to_state() == met.to_state()
    (tmp_path / MET_KEYS).write_bytes(b"damaged")
    assert load_met_keys(tmp_path).in_room(42) == ()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    load_identity(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state" / IDENTITY).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_half_written_file_of_a_lost_start_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "identity.new").write_bytes(b"half")
    load_identity(tmp_path)
    assert (tmp_path / IDENTITY).stat().st_size == 32


def test_a_damaged_identity_is_said_and_never_silently_replaced(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).write_bytes(b"short")
    with pytest.raises(StartError) as error:
        load_identity(tmp_path)
    assert error.value.code == "start.identity"
    assert (tmp_path / IDENTITY).read_bytes() == b"short"


def test_a_state_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StartError) as error:
        load_identity(tmp_path / "state")
    assert error.value.code == "start.state"


def test_guesses_survive_a_restart(tmp_path: Path) -> None:
    budgets = GuessBudgets()
    press = budgets.press(42)
    for _ in range(limits.GUESSES_PER_PRESS):
        press.spend(10.0)
    save(tmp_path, GUESSES, budgets.to_state(10.0))
    again = load_guesses(tmp_path, 5.0)
    left = limits.GUESSES_PER_ROOM - limits.GUESSES_PER_PRESS
    assert again.press(42).available(5.0) == min(left, limits.GUESSES_PER_PRESS)
    for _ in range(left):
        again.press(42).spend(5.0)
    assert again.press(42).available(5.0) == 0


def test_boxes_that_were_met_survive_a_restart(tmp_path: Path) -> None:
    met = Acquaintances()
    met.meet("Bridge", "aa")
    save(tmp_path, MET, met.to_state())
    assert load_met(tmp_path).meet("Bridge", "bb") is Met.CHANGED


@pytest.mark.parametrize("name", [GUESSES, MET])
def test_a_damaged_file_does_not_keep_the_box_from_starting(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00 not json")
    assert load_guesses(tmp_path, 0.0).press(1).available(0.0) > 0
    assert load_met(tmp_path).meet("Bridge", "aa") is Met.NEW


def test_a_folder_that_can_not_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    save(tmp_path / "not there", GUESSES, b"{}")
