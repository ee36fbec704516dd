"""A start after one that went well: the same files without the program; with it when anything changed."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from provision.boxes_disk import Disk
from provision.test_apply import GOOD
from units.unit_files import SYSTEMD

from appliance.provision import again, first_boot, keeping

SCRIPT = SYSTEMD / "lib/provision"
DONE = "run/meetingbox-provision/done"
PROGRAM = """#!/bin/sh
echo "program $*"
"""


@pytest.fixture
def box(tmp_path: Path) -> Disk:
    """A box that was started once with a good card."""
    box = Disk(tmp_path / "root")
    (box / again.SYSTEM).parent.mkdir(parents=True)
    (box / again.SYSTEM).write_text("{}\n")
    assert box.start(GOOD) == ""
    return box


def volatile(box: Disk) -> dict[str, tuple[int, bytes | str]]:
    """Every file that lives until the machine is switched off, with mode and content."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for top in ("etc", "run"):
        for path in (box / top).rglob("*"):
            content = os.readlink(path) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
            found[str(path.relative_to(box.root))] = (path.lstat().st_mode, content)
    return found


def off(box: Disk) -> None:
    """Switch it off: what is on no partition is gone. The system is started with the machine id."""
    for top in ("etc", "run"):
        shutil.rmtree(box / top)
        (box / top).mkdir()
    shutil.copy(box / first_boot.MACHINE_ID, box / "etc/machine-id")


def environment(box: Disk) -> dict[str, str]:
    program = box.root.parent / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return {**os.environ, "MEETINGBOX_COMMAND": str(program)}


def start(box: Disk) -> str:
    """Switch it on as its unit does; return what the script says, or the program."""
    done = subprocess.run(
        [SCRIPT, box.root],
        env=environment(box),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == ""
    (box / DONE).unlink()  # who waits for it goes on
    return done.stdout


AGAIN = "provision.again nothing has changed\n"


def test_nothing_has_changed(box: Disk) -> None:
    before = volatile(box)
    off(box)
    assert start(box) == AGAIN
    assert volatile(box) == before
    assert (box / "etc/wpa_supplicant/wpa_supplicant.conf").exists()
    assert stat.S_IMODE((box / keeping.FOLDER).stat().st_mode) == 0o700


def test_what_can_not_be_copied_is_made(box: Disk) -> None:
    off(box)
    (box / "etc/hosts").mkdir()
    said = subprocess.run(
        [SCRIPT, box.root], env=environment(box), capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("program ")
    assert "etc/hosts" in said.stderr


def test_time_and_again(box: Disk) -> None:
    """The program, run with nothing changed, writes nothing of what is kept: cards wear out."""
    kept = {path: path.lstat().st_mtime_ns for path in (box / again.FOLDER).rglob("*")}
    for _ in range(3):
        off(box)
        assert start(box) == AGAIN
    off(box)
    box.start()
    assert {path: path.lstat().st_mtime_ns for path in (box / again.FOLDER).rglob("*")} == kept


def another_card(box: Disk) -> None:
    box.write(box.card.read_text() + "# another one\n")


def no_card(box: Disk) -> None:
    box.card.unlink()


def a_folder_for_a_card(box: Disk) -> None:
    box.card.unlink()
    box.card.mkdir()


def another_system(box: Disk) -> None:
    (box / again.SYSTEM).write_text('{"version": "2"}\n')


def another_machine(box: Disk) -> None:
    (box / first_boot.SERIAL).write_text("10000000ffffffff\0")


def another_machine_id(box: Disk) -> None:
    (box / "etc/machine-id").write_text("0" * 31 + "1\n")


def no_identity(box: Disk) -> None:
    (box / first_boot.STATE / first_boot.IDENTITY).unlink()


def a_trap_for_an_identity(box: Disk) -> None:
    """The box's account may be somebody else's: what he puts there is not even opened."""
    no_identity(box)
    os.mkfifo(box / first_boot.STATE / first_boot.IDENTITY)


def a_link_for_an_identity(box: Disk) -> None:
    no_identity(box)
    (box / first_boot.STATE / first_boot.IDENTITY).symlink_to("/dev/zero")


def no_host_key(box: Disk) -> None:
    (box / "data/ssh/ssh_host_ed25519_key").unlink()


def damaged(box: Disk) -> None:
    (box / again.FOLDER / "files/etc/hostname").write_text("meetingbox-fffff\n")


def cut_short(box: Disk) -> None:
    (box / again.FOLDER / "sums").write_text((box / again.FOLDER / "sums").read_text()[:-9])


def nothing_on_the_disk(box: Disk) -> None:
    shutil.rmtree(box / "data")
    (box / "data").mkdir()


def a_reset(box: Disk) -> None:
    (box / "boot/firmware/factory-reset.txt").write_text("")


def a_reset_that_is_not_over(box: Disk) -> None:
    (box / "data/reset-done").write_text("factory-reset 0 1\n")


def a_second_time_in_this_start(box: Disk) -> None:
    (box / "run/meetingbox-provision").mkdir()


@pytest.mark.parametrize(
    "change",
    [
        another_card,
        no_card,
        a_folder_for_a_card,
        another_system,
        another_machine,
        another_machine_id,
        no_identity,
        a_trap_for_an_identity,
        a_link_for_an_identity,
        no_host_key,
        damaged,
        cut_short,
        nothing_on_the_disk,
        a_reset,
        a_reset_that_is_not_over,
        a_second_time_in_this_start,
    ],
)
def test_something_has_changed(box: Disk, change: Callable[[Disk], None]) -> None:
    off(box)
    change(box)
    assert start(box) == f"program provision boot --root {box.root}\n"


def test_nobody_waits_for_what_went_wrong(box: Disk) -> None:
    off(box)
    a_reset(box)
    told = environment(box)
    Path(told["MEETINGBOX_COMMAND"]).write_text("#!/bin/sh\nexit 3\n")
    assert subprocess.run([SCRIPT, box.root], env=told, check=False, timeout=30).returncode == 3
    assert (box / DONE).exists()


def test_another_card_is_kept_in_the_place_of_the_first(box: Disk) -> None:
    off(box)
    box.start('[system]\nname = "Bridge"\n')
    after = volatile(box)
    assert not (box / again.FOLDER / "files/etc/wpa_supplicant/wpa_supplicant.conf").exists()
    off(box)
    assert start(box) == AGAIN
    assert volatile(box) == after


@pytest.mark.parametrize("card", ["[system]\nname = 7\n", '[system]\ntime_zone = "Mars/Olympus"\n'])
def test_what_did_not_go_well_is_not_kept(box: Disk, card: str) -> None:
    (box / "usr/share/zoneinfo").mkdir(parents=True)
    off(box)
    assert box.start(card) != ""
    off(box)
    assert start(box).startswith("program ")


def test_secrets_that_are_on_the_card_still_are_taken_off_first(
    box: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("appliance.provision.disk.exchange", fails)
    off(box)
    box.start(GOOD.replace("sesame", "barley"))
    off(box)
    assert start(box).startswith("program ")


def test_a_system_that_is_no_image_is_never_the_same(tmp_path: Path) -> None:
    box = Disk(tmp_path / "root")
    assert box.start(GOOD) == ""
    assert not (box / again.FOLDER).exists()


def test_systems_made_from_what_was_not_committed_are_never_the_same(tmp_path: Path) -> None:
    box = Disk(tmp_path / "root")
    (box / again.SYSTEM).parent.mkdir(parents=True)
    (box / again.SYSTEM).write_text('{"changed": true, "commit": "1"}\n')
    assert box.start(GOOD) == ""
    assert not (box / again.FOLDER).exists()


def test_another_identity_changes_nothing(box: Disk) -> None:
    """A copy of a box takes one: nothing that is written at a start has anything of it."""
    off(box)
    (box / first_boot.STATE / first_boot.IDENTITY).write_bytes(bytes(range(32)))
    assert start(box) == AGAIN


def test_a_disk_that_is_full_is_no_reason_to_fail(box: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    off(box)
    monkeypatch.setattr(again, "_like", full)
    assert box.start('[system]\nname = "Bridge"\n') == ""
    off(box)
    assert start(box).startswith("program ")
