"""A card's file into an image, or onto a card that is not mounted.

The FAT partition is found in the partition table (GPT, UEFI specification 5.3; or MBR), by its name or by
the label of its file system; mtools writes into it without mounting anything.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.core import limits
from appliance.errors import StartError
from appliance.provision import disk
from appliance.provision.card import FILE

LABEL = "MEETINGBOX"
_SECTOR = 512
_GPT_ENTRIES_MAX = 128
_GPT_ENTRY_MAX = 4096
_OFFSET_MAX = 1 << 50  # no card is that large


def put(text: bytes, target: Path) -> str:
    """Write a card's text: into the folder where a card is mounted, an image, or a card's device.

    Returns where it went. Raises StartError when that is not possible; the file that was there stays then.
    """
    try:
        if target.is_dir():
            disk.write(target / FILE, text)
            return str(target / FILE)
        offset = find(target)
        _mcopy(text, target, offset)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError("provision.put", f"{target}: the card can't be written: {reason}.") from None
    return f"{FILE} in the partition {LABEL} of {target}"


def find(image: Path) -> int:
    """Where the card's FAT begins in an image, in bytes. Raises StartError when there is none, OSError."""
    with image.open("rb") as stream:

        def read(offset: int, length: int) -> bytes:
            if offset > _OFFSET_MAX:
                return b""
            stream.seek(offset)
            return stream.read(length)

        for offset, name in _partitions(read):
            if name.upper() == LABEL or _fat_label(read(offset, _SECTOR)) == LABEL:
                return offset
    sentence = f"{image} has no partition {LABEL}: is it an image, or a card, of a meetingbox?"
    raise StartError("provision.no-card", sentence)


def _partitions(read: Callable[[int, int], bytes]) -> Iterator[tuple[int, str]]:
    """Offset and name of each partition; of an image without a table, of the whole."""
    for sector in (512, 4096):
        header = read(sector, 92)
        if header[:8] == b"EFI PART" and len(header) == 92:
            start, count, size = struct.unpack_from("<QII", header, 72)
            table = read(start * sector, min(count, _GPT_ENTRIES_MAX) * min(size, _GPT_ENTRY_MAX))
            for at in range(0, len(table) - 127, max(size, 128)):
                first = struct.unpack_from("<Q", table, at + 32)[0]
                name = table[at + 56 : at + 128].decode("utf-16-le", "replace").rstrip("\0")
                if any(table[at : at + 16]):
                    yield first * sector, name
            return
    first = read(0, _SECTOR)
    yield 0, ""
    if first[510:] == b"\x55\xaa":
        for at in range(446, 510, 16):
            if first[at + 4]:
                yield struct.unpack_from("<I", first, at + 8)[0] * _SECTOR, ""


def _fat_label(sector: bytes) -> str:
    """The label in a boot sector of FAT16 or FAT32; empty: it is none."""
    if len(sector) < _SECTOR or sector[510:] != b"\x55\xaa":
        return ""
    for at in (71, 43):
        if sector[at + 11 : at + 14] == b"FAT":
            return sector[at : at + 11].decode("ascii", "replace").rstrip()
    return ""


def _mcopy(text: bytes, image: Path, offset: int) -> None:
    if shutil.which("mcopy") is None:
        sentence = "mcopy is missing (Debian: apt install mtools); or mount the card and name its folder."
        raise StartError("provision.mtools", sentence)
    drive = f"{image}@@{offset}"
    # The new file is there whole before it takes the old one's name.
    try:
        _mtools(["mcopy", "-o", "-i", drive, "-", f"::{FILE}.new"], text)
        if _mtools(["mcopy", "-i", drive, f"::{FILE}.new", "-"]) != text:
            sentence = f"{image}: what was written does not come back: is the card full, or worn out?"
            raise StartError("provision.put", sentence)
    except StartError:
        _mtools(["mdel", "-i", drive, f"::{FILE}.new"], may_fail=True)
        raise
    _mtools(["mdel", "-i", drive, f"::{FILE}"], may_fail=True)
    _mtools(["mren", "-i", drive, f"::{FILE}.new", f"::{FILE}"])
    with image.open("rb") as stream:
        os.fsync(stream.fileno())


def _mtools(command: list[str], given: bytes = b"", may_fail: bool = False) -> bytes:
    environment = os.environ | {"MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": os.devnull, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            timeout=limits.COMMAND_WITHIN,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise StartError("provision.mtools", f"{command[0]} does not end.") from None
    if done.returncode != 0 and not may_fail:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines else str(done.returncode)
        raise StartError("provision.mtools", f"{command[0]}: {reason}")
    return done.stdout
