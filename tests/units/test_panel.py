"""Switching the panel: a wish in a file, and what is done about it with what the machine has."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from units.unit_files import SYSTEMD

PANEL = SYSTEMD / "lib/panel"
RANDR = """#!/bin/sh
[ -S "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY" ] || exit 1
if [ $# -eq 0 ]; then
	printf 'HDMI-A-1 "TV"\\n  Enabled: yes\\nHDMI-A-2 "Monitor"\\n  Enabled: no\\n'
else
	echo "wlr-randr $*" >>"$CALLS"
fi
"""
CEC = """#!/bin/sh
case "$*" in
*--*--*) echo "cec-ctl $*" >>"$CALLS" ;;
*) printf 'Driver Info:\\n\\tPhysical Address           : 2.0.0.0\\n' ;;
esac
"""


class Room:
    """A machine whose devices and programs are in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("bin", "sys/class/backlight", "dev", "run"):
            (folder / name).mkdir(parents=True)
        self.wish = folder / "panel.request"
        self.calls = folder / "calls"
        self.compositor = socket.socket(socket.AF_UNIX)

    def close(self) -> None:
        self.compositor.close()

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def with_outputs(self) -> None:
        self.program("wlr-randr", RANDR)
        self.compositor.bind(os.fspath(self.folder / "run/wayland-0"))

    def with_television(self) -> None:
        self.program("cec-ctl", CEC)
        (self.folder / "dev/cec0").touch()

    def with_backlight(self) -> Path:
        power = self.folder / "sys/class/backlight/rpi/bl_power"
        power.parent.mkdir()
        power.write_text("0\n")
        return power

    def switch(self, wish: str, **more: str) -> tuple[str, list[str]]:
        """Have it carried out; return what was logged, and the programs that were called."""
        self.calls.write_text("")
        self.wish.write_text(wish)
        done = subprocess.run(
            [str(PANEL), str(self.wish)],
            env={
                "PATH": f"{self.folder}/bin:/usr/bin:/bin",
                "PANEL_SYS": str(self.folder / "sys"),
                "PANEL_DEV": str(self.folder / "dev"),
                "XDG_RUNTIME_DIR": str(self.folder / "run"),
                "CALLS": str(self.calls),
                **more,
            },
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        assert not self.wish.exists()
        assert not list(self.folder.glob("panel.request*"))
        return done.stderr, self.calls.read_text().replace(f"{self.folder}/dev", "/dev").splitlines()


@pytest.fixture
def room(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Room(tmp_path)
    yield made
    made.close()


def test_a_touch_panel_by_its_backlight_alone(room: Room) -> None:
    power = room.with_backlight()
    room.with_outputs()
    room.with_television()
    assert room.switch("off") == ("panel.off\n", [])
    assert power.read_text() == "4\n"
    assert room.switch("on") == ("panel.on\n", [])
    assert power.read_text() == "0\n"


def test_a_monitor_by_its_signal(room: Room) -> None:
    room.with_outputs()
    assert room.switch("off")[1] == ["wlr-randr --output HDMI-A-1 --off", "wlr-randr --output HDMI-A-2 --off"]
    assert room.switch("on")[1] == ["wlr-randr --output HDMI-A-1 --on", "wlr-randr --output HDMI-A-2 --on"]


def test_a_television_is_woken_and_brought_to_our_input(room: Room) -> None:
    room.with_television()
    assert room.switch("on")[1] == [
        "cec-ctl --device /dev/cec0 --to 0 --image-view-on",
        "cec-ctl --device /dev/cec0 --to 15 --active-source phys-addr=2.0.0.0",
    ]


def test_a_television_on_which_others_may_look_at_something_else_is_not_put_to_standby(room: Room) -> None:
    room.with_television()
    assert room.switch("off")[1] == []
    assert room.switch("off", CEC_STANDBY="yes")[1] == ["cec-ctl --device /dev/cec0 --to 0 --standby"]


def test_with_nothing_to_switch_nothing_is_done(room: Room) -> None:
    assert room.switch("off") == ("panel.off\n", [])


@pytest.mark.parametrize("wish", ["", "offf", "on; reboot", "x" * 100_000])
def test_what_is_neither_on_nor_off(room: Room, wish: str) -> None:
    power = room.with_backlight()
    assert "panel.unknown" in room.switch(wish)[0]
    assert power.read_text() == "0\n"


def test_a_wish_can_not_be_used_to_read_or_remove_a_file_of_others(room: Room, tmp_path: Path) -> None:
    secret = tmp_path / "shadow"
    secret.write_text("root:x")
    room.wish.symlink_to(secret)
    done = subprocess.run([str(PANEL), str(room.wish)], capture_output=True, text=True, check=True)
    assert "root" not in done.stderr + done.stdout
    assert secret.read_text() == "root:x"


def test_without_a_wish_it_ends(room: Room) -> None:
    done = subprocess.run([str(PANEL), str(room.wish)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
