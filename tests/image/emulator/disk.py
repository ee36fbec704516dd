"""Cards for emulated boxes: copies of an image, their partitions, and files on the boot partition.

A copy is larger than the image, as a card is: its data partition has to grow. Holes stay holes, so that a
copy takes a second and no more space than what is in it. Partitions are found by the labels in the GPT (UEFI
specification, 5.3), files are put on the FAT partition by mtools and read from the data partition by debugfs.
"""

from __future__ import annotations

import lzma
import struct
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from image.emulator.tools import Tools, ToolsError

SECTOR = 512
GROWN = 512 << 20  # bytes that a card has more than the image
BOOT, SLOT_A, SLOT_B, DATA = "MEETINGBOX", "slot-a", "slot-b", "meetingbox-data"
CONFIG = "meetingbox.toml"
WORDS = "extra.env"  # what the boot loaders add to the kernel's arguments
ENTRY = struct.Struct("<16s16sQQQ72s")
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
ENTRIES_MAX = 128


class DiskError(Exception):
    """What should be an image is none; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Partition:
    """``start``, ``size``: in bytes. ``kind``: its type, a GUID."""

    label: str
    start: int
    size: int
    kind: str


def partitions(disk: Path) -> dict[str, Partition]:
    """The partitions of a disk with a GPT, by their labels. Raises DiskError where there is none."""
    with disk.open("rb") as file:
        file.seek(SECTOR)
        head = file.read(SECTOR)
        fields = HEADER.unpack_from(head.ljust(HEADER.size, b"\0"))
        if fields[0] != b"EFI PART":
            raise DiskError(f"{disk} has no GPT")
        first, count, each = fields[10], fields[11], fields[12]
        if not (0 < count <= ENTRIES_MAX and ENTRY.size <= each <= 4096):
            raise DiskError(f"{disk} has a GPT with {count} entries of {each} bytes")
        file.seek(first * SECTOR)
        table = file.read(count * each)
    found: dict[str, Partition] = {}
    for i in range(count):
        entry = table[i * each : i * each + ENTRY.size]
        if len(entry) < ENTRY.size:
            raise DiskError(f"{disk} ends within its GPT")
        kind, _, start, end, _, name = ENTRY.unpack(entry)
        if kind != bytes(16):
            label = name.decode("utf-16-le", "replace").rstrip("\0")
            kind_name = str(uuid.UUID(bytes_le=kind))
            found[label] = Partition(label, start * SECTOR, (end + 1 - start) * SECTOR, kind_name)
    return found


def unpacked(image: Path, folder: Path) -> Path:
    """The image itself: ``image``, or what is in it where it is compressed, below ``folder``."""
    if image.suffix != ".xz":
        return image
    target = folder / image.stem
    if not target.exists() or target.stat().st_mtime < image.stat().st_mtime:
        part = target.with_suffix(".part")
        with lzma.open(image) as packed, part.open("wb") as file:
            while data := packed.read(1 << 20):
                if data.count(0) == len(data):
                    file.seek(len(data), 1)  # a hole
                else:
                    file.write(data)
            file.truncate()
        part.rename(target)
    return target


class Card:
    """A card with an image on it, of its own. ``path``: the file."""

    def __init__(self, tools: Tools, image: Path, path: Path, grown: int = GROWN) -> None:
        self._tools = tools
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", image, path], check=True)
        with path.open("r+b") as file:
            file.truncate(image.stat().st_size + grown)
        self.partitions = partitions(path)

    def duplicate(self, path: Path) -> Card:
        """Another card with the same on it, in its state of now."""
        return Card(self._tools, self.path, path, grown=0)

    def remove(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)

    # --- the boot partition ---------------------------------------------------------------------

    def put(self, name: str, data: bytes) -> None:
        """Write a file into the root of the boot partition, over what is there."""
        source = self.path.with_suffix(".put")
        source.write_bytes(data)
        try:
            self._mtools("mcopy", "-o", source, f"::{name}")
        finally:
            source.unlink()

    def take(self, name: str) -> bytes:
        """A file in the root of the boot partition; ToolsError where there is none."""
        target = self.path.with_suffix(".taken")
        try:
            self._mtools("mcopy", "-n", f"::{name}", target)
            return target.read_bytes()
        finally:
            target.unlink(missing_ok=True)

    def erase(self, name: str) -> None:
        """Delete a file or folder of the boot partition; nothing happens where there is none."""
        try:
            self._mtools("mdeltree", f"::{name}")
        except ToolsError as error:
            if "not found" not in str(error).lower():
                raise

    def make_folder(self, name: str) -> None:
        """Make a folder in the root of the boot partition, in the place of what is there."""
        self.erase(name)
        self._mtools("mmd", f"::{name}")

    def add_kernel_words(self, words: str) -> None:
        """Have the boot loader add these to the kernel's arguments (an environment block of GRUB's, which
        U-Boot reads as well).
        """
        text = f"# GRUB Environment Block\nextra={words}\n".encode()
        if len(text) > 1024:
            raise ValueError(f"too many words for the kernel: {words}")
        self.put(WORDS, text.ljust(1024, b"#"))

    def _mtools(self, program: str, *arguments: str | Path) -> bytes:
        at = f"{self.path}@@{self.partitions[BOOT].start}"
        environment = {"MTOOLS_SKIP_CHECK": "1", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        return self._tools.run(program, "-i", at, *arguments, env=environment).stdout

    # --- the data partition ---------------------------------------------------------------------

    def data(self, path: str) -> bytes | None:
        """A file of the data partition, as the kernel left it there; None where there is none.

        Of a card that was not shut down the journal is not looked at: a file may be older, or not there.
        """
        at = f"{self.path}?offset={self.partitions[DATA].start}"
        done = self._tools.run("debugfs", "-R", f"cat {path}", at)
        if b"File not found" in done.stderr or b"Ext2 inode" in done.stderr:
            return None
        return done.stdout

    def data_names(self, folder: str) -> list[str]:
        """What is in a folder of the data partition; nothing where there is no such folder."""
        at = f"{self.path}?offset={self.partitions[DATA].start}"
        lines = self._tools.run("debugfs", "-R", f"ls -p {folder}", at).stdout.decode().splitlines()
        names = [fields[5] for line in lines if len(fields := line.split("/")) > 5]
        return [name for name in names if name not in (".", "..", "")]
