"""The admin PIN: kept as a hash, the configuration's and the screen's."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from appliance.app.pin import PIN, AdminPin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_without_one_everything_fits(folder: Path) -> None:
    pin = AdminPin(folder)
    assert not pin.is_set
    assert pin.fits("")
    assert not (folder / PIN).exists()


def test_what_was_set_fits_after_a_restart_and_nothing_else_does(folder: Path) -> None:
    AdminPin(folder).set("4711")
    pin = AdminPin(folder)
    assert pin.is_set
    assert pin.fits("4711")
    assert not pin.fits("4712")
    assert not pin.fits("")


def test_the_file_is_for_its_user_alone_and_the_pin_is_not_in_it(folder: Path) -> None:
    pin = AdminPin(folder)
    pin.adopt("47114711")
    file = folder / PIN
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"4711" not in file.read_bytes()
    first = json.loads(file.read_bytes())["pin"]
    pin.set("47114711")
    assert json.loads(file.read_bytes())["pin"]["salt"] != first["salt"]  # two boxes' hashes don't compare


def test_the_configurations_is_taken_over_once(folder: Path) -> None:
    AdminPin(folder).adopt("1111")
    pin = AdminPin(folder)
    assert pin.fits("1111")
    pin.set("2222")  # on the screen
    pin.adopt("1111")  # the next start, with the same file
    assert pin.fits("2222")
    pin.set("")
    pin.adopt("1111")
    assert not AdminPin(folder).is_set


def test_another_one_in_the_configuration_helps_who_forgot_it(folder: Path) -> None:
    pin = AdminPin(folder)
    pin.adopt("1111")
    pin.set("2222")
    pin.adopt("3333")
    assert pin.fits("3333")
    pin.adopt("")  # it was taken out of the file, as it should
    assert pin.fits("3333")


def test_a_factory_reset_leaves_the_configurations_or_none(folder: Path) -> None:
    pin = AdminPin(folder)
    pin.set("2222")
    pin.forget()
    assert not pin.is_set
    assert not (folder / PIN).exists()
    pin.adopt("1111")
    pin.set("2222")
    pin.forget()
    assert AdminPin(folder).fits("1111")


HASH = {"salt": "AAAA", "digest": "AAAA", "cost": [1 << 30, 8, 1]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"half",
        b"[]",
        json.dumps({"v": 1, "pin": HASH}).encode(),
        json.dumps({"v": 1, "pin": HASH | {"cost": [3, 8, 1]}}).encode(),
        json.dumps({"v": 1, "pin": HASH | {"cost": [2, 1, 1000]}}).encode(),
        b'{"v": 1, "pin": ' + b" " * 5000 + b"null}",
    ],
)
def test_a_damaged_file_is_a_line_in_the_log_and_a_box_that_starts(folder: Path, caplog, data: bytes) -> None:
    (folder / PIN).write_bytes(data)
    assert not AdminPin(folder).is_set
    assert f"state.damaged {PIN}" in caplog.text
