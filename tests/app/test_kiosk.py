"""The pipe through which a box hears where its display server is."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from appliance import kiosk
from appliance.core import limits
from appliance.errors import DeviceError


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "screen"
    os.mkfifo(path)
    return path


def test_nothing_was_promised() -> None:
    environment = {"WAYLAND_DISPLAY": "wayland-7"}
    kiosk.wait_for_screen(environment)
    assert environment == {"WAYLAND_DISPLAY": "wayland-7"}


def test_a_name_that_was_said_before_and_one_that_is_said_later(pipe: Path) -> None:
    with pipe.open("r+b", buffering=0) as held:
        held.write(b"wayland-0\n")
        environment = {kiosk.PIPE: str(pipe)}
        kiosk.wait_for_screen(environment)
        assert environment == {"WAYLAND_DISPLAY": "wayland-0"}
    environment = {kiosk.PIPE: str(pipe)}
    waiting = threading.Thread(target=kiosk.wait_for_screen, args=(environment,))
    waiting.start()
    with pipe.open("r+b", buffering=0) as held:
        held.write(b"way")
        held.write(b"land-1\n")
        waiting.join(10)
    assert environment == {"WAYLAND_DISPLAY": "wayland-1"}


def test_nobody_says_anything(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DISPLAY_SERVER_WITHIN", 0.05)
    with pytest.raises(DeviceError) as caught:
        kiosk.wait_for_screen({kiosk.PIPE: str(pipe)})
    assert caught.value.code == "device.screen.server"


def test_a_line_without_end_is_no_name_for_ever(pipe: Path) -> None:
    environment = {kiosk.PIPE: str(pipe)}
    with pipe.open("r+b", buffering=0) as held:
        held.write(b"x" * 2 * kiosk.NAME_MAX_BYTES)
        kiosk.wait_for_screen(environment)
    assert environment["WAYLAND_DISPLAY"] == "x" * kiosk.NAME_MAX_BYTES


def test_no_pipe(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        kiosk.wait_for_screen({kiosk.PIPE: str(tmp_path / "none")})
    assert "No such file" in caught.value.sentence


class TestProvisioning:
    def test_nothing_was_promised(self) -> None:
        environment = {"PATH": "/bin"}
        kiosk.wait_for_provisioning(environment)
        assert environment == {"PATH": "/bin"}

    def test_it_waits_until_the_card_was_read(self, tmp_path: Path) -> None:
        done = tmp_path / "done"
        environment = {kiosk.PROVISIONED: str(done)}
        waiting = threading.Thread(target=kiosk.wait_for_provisioning, args=(environment,))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        done.touch()
        waiting.join(10)
        assert not waiting.is_alive()
        assert environment == {}

    def test_a_card_that_nobody_reads_holds_up_no_box(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(limits, "PROVISIONED_WITHIN", 0.05)
        kiosk.wait_for_provisioning({kiosk.PROVISIONED: str(tmp_path / "done")})
        assert "provision.late" in caplog.text


class TestFirstPage:
    def test_nobody_waits(self) -> None:
        environment = {"PATH": "/bin"}
        kiosk.let_the_rest_start(environment)
        assert environment == {"PATH": "/bin"}

    def test_who_waits_goes_on_though_somebody_else_has_the_file_open(self, tmp_path: Path) -> None:
        page = (tmp_path / "first-page").open("w")
        fcntl.flock(page, fcntl.LOCK_EX)
        ours = os.dup(page.fileno())
        environment = {kiosk.FIRST_PAGE: str(ours)}
        with page, (tmp_path / "first-page").open() as waits:
            with pytest.raises(BlockingIOError):
                fcntl.flock(waits, fcntl.LOCK_EX | fcntl.LOCK_NB)
            kiosk.let_the_rest_start(environment)
            fcntl.flock(waits, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert environment == {}
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(ours)

    @pytest.mark.parametrize("number", ["999999", "five"])
    def test_a_number_that_is_no_file_is_told_and_no_more(
        self, number: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        kiosk.let_the_rest_start({kiosk.FIRST_PAGE: number})
        assert "display.first-page" in caplog.text
