"""What a box makes for itself alone, once; and how a file on its card has it erased."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from provision.boxes_disk import Disk

from appliance.app import pin, state_files
from appliance.provision import apply, disk, first_boot, reset, system

UUID4 = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}\n")
KEPT = ("data/machine-id", "data/ssh/ssh_host_ed25519_key", "data/meetingbox/identity.key")


@pytest.fixture
def box(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def kept(box: Disk) -> list[bytes]:
    return [(box / name).read_bytes() for name in KEPT]


class TestTheFirstStart:
    def test_everything_is_made_and_is_another_one_in_every_box(self, tmp_path: Path) -> None:
        boxes = [Disk(tmp_path / str(n)) for n in range(20)]
        for box in boxes:
            first_boot.run(box.root)
        for name in KEPT:
            assert len({(box / name).read_bytes() for box in boxes}) == len(boxes), name

    def test_it_is_made_once(self, box: Disk) -> None:
        first_boot.run(box.root)
        first = kept(box)
        first_boot.run(box.root)
        assert kept(box) == first

    def test_only_who_may_reads_it(self, box: Disk) -> None:
        first_boot.run(box.root)
        modes = {name: stat.S_IMODE((box / name).stat().st_mode) for name in KEPT}
        assert list(modes.values()) == [0o444, 0o600, 0o600]
        assert stat.S_IMODE((box / "data/meetingbox").stat().st_mode) == 0o700

    def test_the_box_finds_its_identity(self, box: Disk) -> None:
        first_boot.run(box.root)
        made = (box / "data/meetingbox/identity.key").read_bytes()
        assert state_files.load_identity(box / "data/meetingbox").to_bytes() == made
        assert (first_boot.IDENTITY, apply.PIN) == (state_files.IDENTITY, pin.PIN)

    def test_the_machine_id_is_the_systems_where_it_has_one(self, box: Disk) -> None:
        running = "0123456789abcdef0123456789abcdef\n"
        (box / "etc/machine-id").write_text(running)
        first_boot.run(box.root)
        assert (box / "data/machine-id").read_text() == running
        (box / "etc/machine-id").unlink()  # another start, and nothing put it in place
        first_boot.run(box.root)
        assert (box / "etc/machine-id").read_text() == running

    @pytest.mark.parametrize("nothing", ["", "uninitialized\n", "0" * 32, "no id"])
    def test_it_is_a_random_one_where_the_system_has_none(self, box: Disk, nothing: str) -> None:
        (box / "etc/machine-id").write_text(nothing)
        first_boot.run(box.root)
        assert UUID4.fullmatch((box / "etc/machine-id").read_text())

    def test_ssh_takes_the_host_key(self, box: Disk) -> None:
        first_boot.run(box.root)
        key = box / system.HOST_KEY.lstrip("/")
        done = subprocess.run(["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True)
        public = key.with_name(key.name + ".pub")
        assert public.read_text().split()[:2] == done.stdout.split()[:2]
        public.unlink()
        first_boot.run(box.root)
        assert public.read_text().split()[:2] == done.stdout.split()[:2]

    def test_without_a_data_partition_that_can_be_written_it_does_not_fail(self, box: Disk) -> None:
        (box / "data").rmdir()
        (box / "data").write_text("")
        first_boot.run(box.root)


class TestHostName:
    @pytest.mark.parametrize(
        ("serial", "name"),
        [
            ("10000000a1b2c3d4", "meetingbox-a1b2c3d4"),
            ("10000000A1B2C3D4\n", "meetingbox-a1b2c3d4"),
            ("c3d4", "meetingbox-48a6ba0f"),
            ("0000000000000000", "meetingbox-48a6ba0f"),
            ("", "meetingbox-48a6ba0f"),
        ],
    )
    def test_it_has_the_boards_serial_number_or_one_made_of_the_machine_id(
        self, serial: str, name: str
    ) -> None:
        made = system.host_name(serial, "0123456789abcdef0123456789abcdef")
        assert re.fullmatch(r"meetingbox-[0-9a-f]{8}", made)
        if serial.strip("0\n") and len(serial) > 8:
            assert made == name
        else:
            assert made != "meetingbox-c3d4"
            assert "01234567" not in made

    def test_without_either_it_has_no_number(self) -> None:
        assert system.host_name("", "") == "meetingbox"


class TestFactoryReset:
    @pytest.mark.parametrize("name", reset.NAMES)
    def test_everything_is_another_one_and_the_file_is_gone(self, box: Disk, name: str) -> None:
        box.start('[system]\nname = "Galley"\n')
        first = kept(box)
        (box / "data/meetingbox/settings.toml").write_text('name = "Canteen"\n')
        (box / "data/meetingbox/deep").mkdir()
        (box / "data/meetingbox/deep/file").write_text("x")
        (box.card.parent / name).write_text("")
        mounted = (
            (box / "data/meetingbox").stat().st_ino
        )  # where the box looks for it: another folder would not be
        assert box.start() == ""
        assert (box / "data/meetingbox").stat().st_ino == mounted
        assert not set(kept(box)) & set(first)
        assert (box / "etc/machine-id").read_bytes() == first[0]  # until it is switched off
        assert sorted(p.name for p in (box / "data/meetingbox").iterdir()) == ["identity.key"]
        assert [p.name for p in box.card.parent.iterdir()] == ["meetingbox.toml"]
        assert not (box / reset.DONE).exists()
        assert "Galley" in box.box  # what stands on the card stays in force

    def test_a_folder_of_that_name_does_it_too(self, box: Disk) -> None:
        box.start("# none\n")
        first = kept(box)
        (box.card.parent / "factory-reset").mkdir()
        box.start()
        assert kept(box)[2] != first[2]
        assert not (box.card.parent / "factory-reset").exists()

    def test_what_was_taken_off_the_card_must_be_written_again(self, box: Disk) -> None:
        wifi = '[network.wifi]\ncountry = "DE"\nssid = "Conference"\npassphrase = "open sesame"\n'
        box.start(wifi)
        (box.card.parent / "factory-reset").write_text("")
        assert box.start().startswith("Write network.wifi.passphrase into meetingbox.toml again")

    def test_a_card_that_can_not_be_written_has_it_done_once(
        self, box: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(disk, "remove", refuse)
        box.start("# none\n")
        first = kept(box)
        (box.card.parent / "factory-reset").write_text("")
        box.start()
        second = kept(box)
        assert second[2] != first[2]
        box.start()
        assert kept(box) == second
        monkeypatch.undo()
        box.start()
        assert kept(box) == second
        assert not (box.card.parent / "factory-reset").exists()
        assert not (box / reset.DONE).exists()
        (box.card.parent / "factory-reset").write_text("again")
        box.start()
        assert kept(box)[2] != second[2]

    def test_links_lead_nowhere(self, box: Disk) -> None:
        box.start("# none\n")
        outside = box / "outside"
        outside.mkdir()
        (outside / "file").write_text("x")
        (box / "data/meetingbox/link").symlink_to(outside)
        (box.card.parent / "factory-reset").write_text("")
        box.start()
        assert (outside / "file").exists()
        assert not os.path.lexists(box / "data/meetingbox/link")
