"""Files of the root file system: what the shell makes of them, without building anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from imagebuild import disk, reproduce, rootfs
from imagebuild.common import HERE, BuildError

FILES = HERE / "rootfs"
SCRIPT = FILES / "etc/initramfs-tools/scripts/slot"
# What the initramfs has: klibc's commands, kmod, udev, and what the hook `slot` puts there.
THERE = {
    "e2fsck",
    "mkdir",
    "modprobe",
    "mount",
    "mv",
    "sync",
    "udevadm",
    "wait",
    "panic",  # a function of initramfs-tools
}
BUILTIN = {
    "case",
    "echo",
    "esac",
    "for",
    "if",
    "in",
    "read",
    "return",
    "then",
    "fi",
    "do",
    "done",
    "local",
    ":",
    "[",
}


def test_the_scripts_are_shell() -> None:
    for path in (SCRIPT, FILES / "etc/initramfs-tools/hooks/slot", FILES / "usr/lib/meetingbox/grow"):
        subprocess.run(["sh", "-n", path], check=True)
    for path in (FILES / "etc/initramfs-tools/hooks/slot", FILES / "usr/lib/meetingbox/grow"):
        assert os.access(path, os.X_OK)


def test_the_initramfs_script_calls_only_what_the_initramfs_has() -> None:
    text = re.sub(r"(^|\s)#.*", "", SCRIPT.read_text()).replace("\\\n", " ")
    text = re.sub(r"\bfor \w+ in [^;]*", "for", re.sub(r'"[^"]*"', '""', text))
    functions = set(re.findall(r"^(\w+)\(\)", text, re.MULTILINE))
    called = set(
        re.findall(r"(?:^|[;&|{]|\bthen\b|\bdo\b|\|\||&&|!)[ \t]*([a-z_][\w.]*)(?=\s|$)", text, re.MULTILINE)
    )
    unknown = {word for word in called if word not in THERE | BUILTIN | functions}
    unknown -= set(re.findall(r"^\s*(\w+)=", text, re.MULTILINE))
    assert not unknown, f"the initramfs has no {unknown}"


@pytest.fixture
def new_root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for folder in ("data", "etc"):
        (root / folder).mkdir(parents=True)
    return root


def machine_id(root: Path, shell: str = "dash") -> str:
    """Run the function `machine_id` of the initramfs on a root that is mounted at `root`."""
    script = f'rootmnt="{root}"\n. "{SCRIPT}"\nmachine_id\n'
    subprocess.run([shutil.which(shell) or "sh", "-euc", script], check=True, timeout=20)
    return (root / "etc/machine-id").read_text()


class TestTheMachineId:
    def test_it_is_made_once_and_kept(self, new_root: Path) -> None:
        first = machine_id(new_root)
        assert re.fullmatch(r"[0-9a-f]{32}\n", first)
        assert (new_root / "data/machine-id").read_text() == first
        assert machine_id(new_root) == first

    def test_two_boxes_have_two(self, tmp_path: Path, new_root: Path) -> None:
        other = tmp_path / "other"
        shutil.copytree(new_root, other)
        assert machine_id(new_root) != machine_id(other)

    @pytest.mark.parametrize("damage", ["", "\n", "abc\n", "g" * 32 + "\n", "0" * 33 + "\n", "A" * 32 + "\n"])
    def test_a_damaged_one_is_made_anew(self, new_root: Path, damage: str) -> None:
        (new_root / "data/machine-id").write_text(damage)
        made = machine_id(new_root)
        assert re.fullmatch(r"[0-9a-f]{32}\n", made)
        assert (new_root / "data/machine-id").read_text() == made

    def test_a_data_partition_that_takes_nothing_leaves_a_box_for_one_day(self, new_root: Path) -> None:
        (new_root / "data").rmdir()
        (new_root / "data").write_text("no folder")
        assert re.fullmatch(r"[0-9a-f]{32}\n", machine_id(new_root))


class TestCleaningUp:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "etc").mkdir()
        return tmp_path

    def test_a_password_in_the_image_stops_the_build(self, root: Path) -> None:
        (root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\nadmin:$y$j9T$abc:19000:0:99999:7:::\n")
        with pytest.raises(BuildError, match="admin has a password"):
            rootfs.fix_shadow(root)

    def test_the_day_of_the_build_is_not_in_it(self, root: Path) -> None:
        (root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\nbox:!*:20000::::::\n")
        rootfs.fix_shadow(root)
        assert (root / "etc/shadow").read_text() == "root:*::0:99999:7:::\nbox:!*:::::::\n"

    def test_no_file_is_newer_than_the_commit(self, root: Path) -> None:
        (root / "etc/new").write_text("")
        (root / "etc/old").write_text("")
        os.utime(root / "etc/old", (1000, 1000))
        (root / "etc/link").symlink_to("nowhere")
        rootfs.clamp(root, 2000)
        for name, time in (("new", 2000), ("old", 1000), ("link", 2000), (".", 2000), ("..", 2000)):
            assert (root / "etc" / name).lstat().st_mtime == time


class TestComparing:
    def test_parts_that_differ_are_named(self, tmp_path: Path) -> None:
        places = reproduce.parts()
        end = max(at + size for at, size in places.values())
        one, two = tmp_path / "one", tmp_path / "two"
        for path in (one, two):
            with path.open("wb") as file:
                file.truncate(end)
        assert reproduce.differing(one, two) == []
        with two.open("r+b") as file:
            for label in ("slot-state", "meetingbox-data"):
                at, size = places[label]
                file.seek(at + size - 1)
                file.write(b"\1")
        assert reproduce.differing(one, two) == ["slot-state", "meetingbox-data"]

    def test_a_slot_has_room_for_more_than_it_may_hold(self) -> None:
        assert disk.SLOT_LIMIT < disk.SLOT_SIZE
