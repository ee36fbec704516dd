"""The box's identity on disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.app.identity_file import FILE, load_or_make
from appliance.errors import StartError


def test_it_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    first = load_or_make(tmp_path / "state")
    assert load_or_make(tmp_path / "state").box_id == first.box_id


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    load_or_make(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state" / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_half_written_file_of_a_lost_start_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "identity.new").write_bytes(b"half")
    load_or_make(tmp_path)
    assert (tmp_path / FILE).stat().st_size == 32


def test_a_damaged_identity_is_said_and_never_silently_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"short")
    with pytest.raises(StartError) as error:
        load_or_make(tmp_path)
    assert error.value.code == "start.identity"
    assert (tmp_path / FILE).read_bytes() == b"short"


def test_a_state_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StartError) as error:
        load_or_make(tmp_path / "state")
    assert error.value.code == "start.state"
