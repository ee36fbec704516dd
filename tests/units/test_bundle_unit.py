"""The unit that writes a report onto a stick: mounts, has it written, lets go, and tells what came of it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from units.unit_files import SYSTEMD

BUNDLE = SYSTEMD / "lib/bundle"
LOOP_DEVICE = os.makedev(7, 99)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and os.environ.get("CI") != "true", reason="makes a device node: needs root"
)


class Machine:
    """Its programs note what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.request, self.stick = folder / "bundle.request", folder / "stick"
        self.calls = folder / "calls"
        for name in ("bin", "media", "result"):
            (folder / name).mkdir()
        self.program("mount", "true")
        self.program("umount", "true")
        self.program("meetingbox", """printf '{"state": "written", "file": "report.zip", "bytes": 7}\\n'""")

    def program(self, name: str, last: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.calls}\n{last}\n')
        path.chmod(0o755)

    def plug(self) -> None:
        os.mknod(self.stick, stat.S_IFBLK | 0o600, LOOP_DEVICE)

    def ask(self) -> tuple[dict[str, object], list[str]]:
        """One run of the unit: what it told, and what it called."""
        self.request.touch()
        self.calls.write_text("")
        subprocess.run(
            [str(BUNDLE)],
            env={
                "PATH": f"{self.folder}/bin:/usr/bin:/bin",
                "RUNTIME_DIRECTORY": str(self.folder / "result"),
                "BUNDLE_REQUEST": str(self.request),
                "BUNDLE_STICK": str(self.stick),
                "BUNDLE_FOLDER": str(self.folder / "media"),
                "MEETINGBOX_COMMAND": str(self.folder / "bin/meetingbox"),
            },
            check=True,
            timeout=20,
        )
        assert not self.request.exists()
        told: dict[str, object] = json.loads((self.folder / "result/result.json").read_text())
        return told, self.calls.read_text().replace(str(self.folder), "").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_report_is_written(machine: Machine) -> None:
    machine.plug()
    told, calls = machine.ask()
    assert told == {"state": "written", "file": "report.zip", "bytes": 7}
    assert calls == [
        "mount -t vfat,exfat,ext4 -o nosuid,nodev,noexec,noatime /stick /media",
        "meetingbox doctor --bundle /media --json",
        "umount /media",
    ]


def test_without_a_stick(machine: Machine) -> None:
    assert machine.ask() == ({"state": "failed", "code": "bundle.no-stick"}, [])


def test_a_stick_that_can_not_be_mounted(machine: Machine) -> None:
    machine.plug()
    machine.program("mount", "exit 32")
    told, calls = machine.ask()
    assert told == {"state": "failed", "code": "bundle.stick"}
    assert len(calls) == 1


def test_a_refusal_is_handed_on_and_the_stick_let_go(machine: Machine) -> None:
    machine.plug()
    machine.program("meetingbox", """printf '{"state": "failed", "code": "bundle.full"}\\n'; exit 1""")
    told, calls = machine.ask()
    assert told == {"state": "failed", "code": "bundle.full"}
    assert calls[-1] == "umount /media"


def test_a_program_that_dies_without_a_word(machine: Machine) -> None:
    machine.plug()
    machine.program("meetingbox", "exit 139")
    assert machine.ask()[0] == {"state": "failed", "code": "bundle.failed"}


def test_a_stick_that_was_pulled_out_while_it_was_written(machine: Machine) -> None:
    machine.plug()
    machine.program("umount", "exit 1")
    assert machine.ask()[0] == {"state": "failed", "code": "bundle.stick"}
