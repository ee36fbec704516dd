"""What is in a slot of an image: the listing of its squashfs and files out of it, and nothing is mounted."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from image.emulator.disk import SLOT_A, DiskError, partitions
from image.emulator.tools import Tools

MAGIC = b"hsqs"  # of squashfs, little-endian
BYTES_USED_AT = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """``kind``: d for a folder, l for a link, - for a file. ``path``: without a slash before it."""

    kind: str
    size: int
    path: str


class Slot:
    """One slot of an image. ``size``: of what is in use of it, in bytes."""

    def __init__(self, tools: Tools, image: Path, label: str = SLOT_A) -> None:
        self._tools = tools
        self._image = image
        self._at = partitions(image)[label].start
        with image.open("rb") as file:
            file.seek(self._at)
            head = file.read(96)
        if head[:4] != MAGIC:
            raise DiskError(f"{label} of {image} holds no squashfs")
        self.size: int = struct.unpack_from("<Q", head, BYTES_USED_AT)[0]

    def entries(self) -> list[Entry]:
        """Everything that is in it."""
        listing = self._tools.run("unsquashfs", "-o", str(self._at), "-lln", self._image).stdout
        return list(parsed(listing.decode()))

    def read(self, path: str) -> bytes:
        """A file out of it."""
        return self._tools.run("unsquashfs", "-o", str(self._at), "-cat", self._image, path).stdout


def parsed(listing: str) -> Iterator[Entry]:
    """The lines of ``unsquashfs -lln``: ``-rw-r--r-- 0/0  1234 2025-01-01 00:00 squashfs-root/etc/fstab``.

    Device nodes have two numbers where others have a size; a link's target is left out.
    """
    line_of = re.compile(r"([-dlcbps])\S{9} +\d+/\d+ +(\d+(?:, *\d+)?) +\S+ +\S+ +squashfs-root/?(.*)")
    for line in listing.splitlines():
        found = line_of.fullmatch(line)
        if found:
            kind, size, path = found.groups()
            if kind == "l":
                path = path.partition(" -> ")[0]
            yield Entry(kind, 0 if "," in size else int(size), path)
