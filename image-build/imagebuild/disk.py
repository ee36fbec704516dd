"""Slot, boot and data partitions, and the disk of them: from the same files the same, byte for byte."""

import os
import shutil
import uuid
from pathlib import Path

from imagebuild import chroot, slotstate
from imagebuild.common import BuildError

MIB = 1 << 20
BOOT_SIZE = 256 * MIB  # kernels and initramfs of two slots, firmware
SLOT_SIZE = 512 * MIB
DATA_SIZE = 96 * MIB  # as flashed; the first boot makes it as large as the card
SLOT_LIMIT = 450_000_000  # bytes of one slot's file system
LEVEL = 15  # of zstd
BLOCK = "256K"
_NAMES = uuid.UUID("5cf5a1a2-6ff6-5a0a-9a0f-0d2ba4f3c1f7")  # of ours, for fixed identifiers
# Types of partitions (UAPI.2, discoverable partitions; basic data, so that any PC shows the first).
_BASIC_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
_EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
_LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
_ROOT = {"amd64": "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "arm64": "b921b045-1df0-41c3-af44-4c6f280d3fae"}
_STATE = str(uuid.uuid5(_NAMES, "type slot-state"))


def slot(root: Path, target: Path, tools: Path, epoch: int, log: Path) -> None:
    """Make the root file system a slot. Raises BuildError when it is larger than a slot may be."""
    target.unlink(missing_ok=True)
    options = f"-noappend -comp zstd -Xcompression-level {LEVEL} -b {BLOCK} -no-exports -quiet -no-progress"
    argv = ["mksquashfs", root, target, *options.split(), "-mkfs-time", str(epoch)]
    chroot.run_in(tools, argv, [root, target.parent], log=log)
    size = target.stat().st_size
    if size > SLOT_LIMIT:
        raise BuildError(
            f"the slot has {size / 1e6:.1f} MB, more than {SLOT_LIMIT / 1e6:.0f}: take something out"
        )


def _fat(folder: Path, target: Path, tools: Path, epoch: int, log: Path) -> None:
    """A FAT file system with the files of `folder`, in order of their names, all of the commit's time."""
    with target.open("wb") as file:
        file.truncate(BOOT_SIZE)
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (epoch, epoch))
    binds = [target.parent, folder]
    env = {"SOURCE_DATE_EPOCH": str(epoch), "MTOOLS_SKIP_CHECK": "1"}
    # Clusters of 2 KiB: FAT32 has 65525 of them at least, and UEFI takes anything less for FAT16.
    make = ["mkfs.fat", "-F", "32", "-s", "4", "-n", "MEETINGBOX", "--invariant", target]
    chroot.run_in(tools, make, binds, env=env, log=log)
    for path in sorted(folder.rglob("*")):
        inside = f"::/{path.relative_to(folder)}"
        step = ["mmd", "-i", target, inside] if path.is_dir() else ["mcopy", "-m", "-i", target, path, inside]
        chroot.run_in(tools, step, binds, env=env, log=log)


def _state(target: Path, tools: Path, epoch: int, log: Path) -> None:
    """The partition with the slots' state; see slotstate."""
    with target.open("wb") as file:
        file.truncate(MIB)
    block = target.with_name(slotstate.FILE)
    block.write_bytes(slotstate.factory())
    os.utime(block, (epoch, epoch))
    env = {"SOURCE_DATE_EPOCH": str(epoch), "MTOOLS_SKIP_CHECK": "1"}
    make = ["mkfs.fat", "-F", "12", "-a", "-s", "2", "-f", "1", "-R", "1", "-r", "16", "-n", "SLOTSTATE"]
    chroot.run_in(tools, [*make, "--invariant", target], [target.parent], env=env, log=log)
    copy = ["mcopy", "-m", "-i", target, block, f"::/{slotstate.FILE}"]
    chroot.run_in(tools, copy, [target.parent], env=env, log=log)
    if target.read_bytes().find(slotstate.HEADER.encode()) != slotstate.AT:
        raise BuildError("the slots' state is not where boot loaders and boxes look for it")


def _ext4(target: Path, owner: int, tools: Path, epoch: int, log: Path) -> None:
    """The data partition as flashed: the box's folder, and nothing in it."""
    content = target.with_name("data")
    shutil.rmtree(content, ignore_errors=True)
    folder = content / "meetingbox"
    folder.mkdir(parents=True, mode=0o700)
    os.chown(folder, owner, owner)
    for path in [*content.iterdir(), content]:
        os.utime(path, (epoch, epoch))
    target.unlink(missing_ok=True)
    env = {"SOURCE_DATE_EPOCH": str(epoch), "E2FSPROGS_FAKE_TIME": str(epoch)}
    argv = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-I", "256", "-L", "data", "-m", "1", "-J", "size=16"]
    argv += ["-U", str(uuid.uuid5(_NAMES, "data")), "-d", str(content), "-E"]
    argv.append(
        f"hash_seed={uuid.uuid5(_NAMES, 'hash')},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0"
    )
    chroot.run_in(tools, [*argv, target, f"{DATA_SIZE // 1024}K"], [target.parent], env=env, log=log)


def make(work: Path, architecture: str, owner: int, tools: Path, epoch: int, log: Path) -> Path:
    """Put the disk together from `work`/boot and `work`/slot.squashfs; returns the image.

    `owner` is the id of the user of the box, who owns its folder on the data partition.
    """
    images = work / "images"
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir()
    _fat(work / "boot", images / "boot.vfat", tools, epoch, log)
    _ext4(images / "data.ext4", owner, tools, epoch, log)
    _state(images / "state.img", tools, epoch, log)
    (work / "slot.squashfs").rename(images / "slot.squashfs")
    # A Raspberry Pi 3 reads only the old kind of partition table: its first partition is in both.
    hybrid = architecture == "arm64"
    first = _BASIC_DATA if hybrid else _EFI_SYSTEM

    def partition(name: str, kind: str, size: int, image: str = "", more: str = "") -> str:
        lines = [
            f'partition-type-uuid = "{kind}"',
            f'partition-uuid = "{uuid.uuid5(_NAMES, f"partition {name}")}"',
        ]
        lines += [f"size = {size}"] + ([f'image = "{image}"'] if image else []) + ([more] if more else [])
        return f"partition {name} {{\n\t\t" + "\n\t\t".join(lines) + "\n\t}"

    partitions = [
        partition("MEETINGBOX", first, BOOT_SIZE, "boot.vfat", "partition-type = 0x0c" if hybrid else ""),
        partition("slot-state", _STATE, MIB, "state.img"),
        partition("slot-a", _ROOT[architecture], SLOT_SIZE, "slot.squashfs"),
        partition("slot-b", _ROOT[architecture], SLOT_SIZE),
        partition("meetingbox-data", _LINUX, DATA_SIZE, "data.ext4"),
    ]
    table = "hybrid" if hybrid else "gpt"
    settings = f'align = 1M\n\t\tpartition-table-type = "{table}"\n\t\t'
    settings += f'disk-uuid = "{uuid.uuid5(_NAMES, "disk")}"'
    disk = f"hdimage {{\n\t\t{settings}\n\t}}"
    config = work / "genimage.cfg"
    config.write_text("image disk.img {\n\t" + "\n\t".join([disk, *partitions]) + "\n}\n")
    out = work / "disk"
    for folder in (out, work / "genimage", work / "empty"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    argv: list[object] = ["genimage", "--config", config, "--inputpath", images, "--outputpath", out]
    argv += ["--rootpath", work / "empty", "--tmppath", work / "genimage"]
    chroot.run_in(tools, argv, [work], env={"SOURCE_DATE_EPOCH": str(epoch)}, log=log)
    return out / "disk.img"
