"""Cards with an image: their partitions, and files on them."""

from __future__ import annotations

import lzma
import uuid
from pathlib import Path

import pytest
from image.emulator import disk
from image.emulator.disk import ENTRY, HEADER, SECTOR, DiskError, partitions, unpacked
from image.slot import Entry, parsed

LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")


def gpt(path: Path, *labels: str, size: int = 1 << 20) -> None:
    """A disk with partitions of 8 sectors each, from sector 40 on."""
    entries = b""
    for i, label in enumerate(labels):
        first = 40 + 8 * i
        name = label.encode("utf-16-le").ljust(72, b"\0")
        entries += ENTRY.pack(LINUX.bytes_le, uuid.uuid4().bytes, first, first + 7, 0, name)
    head = HEADER.pack(b"EFI PART", 0x10000, 92, 0, 0, 1, 0, 34, 100, bytes(16), 2, 128, 128, 0)
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(SECTOR)
        file.write(head)
        file.seek(2 * SECTOR)
        file.write(entries)


def test_partitions_are_found_by_their_labels(tmp_path: Path) -> None:
    gpt(tmp_path / "disk", "MEETINGBOX", "slot-a", "meetingbox-data")
    found = partitions(tmp_path / "disk")
    assert list(found) == ["MEETINGBOX", "slot-a", "meetingbox-data"]
    assert found["slot-a"].start == 48 * SECTOR
    assert found["slot-a"].size == 8 * SECTOR
    assert found["slot-a"].kind == str(LINUX)


@pytest.mark.parametrize("content", [b"", bytes(4096), b"\0" * 512 + b"EFI PART"])
def test_what_has_no_partitions_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "disk").write_bytes(content)
    with pytest.raises(DiskError):
        partitions(tmp_path / "disk")


def test_a_table_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    gpt(tmp_path / "disk", "MEETINGBOX", size=2 * SECTOR)
    with (tmp_path / "disk").open("r+b") as file:
        file.truncate(2 * SECTOR + 128 * 100)
    with pytest.raises(DiskError, match="ends within"):
        partitions(tmp_path / "disk")


def test_a_packed_image_keeps_its_holes(tmp_path: Path) -> None:
    data = b"begin" + bytes(8 << 20) + b"end"
    (tmp_path / "box.img.xz").write_bytes(lzma.compress(data, preset=0))
    folder = tmp_path / "out"
    folder.mkdir()
    plain = unpacked(tmp_path / "box.img.xz", folder)
    assert plain == folder / "box.img"
    assert plain.read_bytes() == data
    assert plain.stat().st_blocks * 512 < 4 << 20
    assert unpacked(plain, folder) == plain


def test_words_for_the_kernel_have_a_bound(tmp_path: Path) -> None:
    gpt(tmp_path / "disk", "MEETINGBOX")

    class NoTools:
        def run(self, *_arguments: object, **_options: object) -> None:
            raise AssertionError("nothing may be written")

    card = disk.Card(NoTools(), tmp_path / "disk", tmp_path / "card", grown=4096)  # type: ignore[arg-type]
    assert card.path.stat().st_size == (tmp_path / "disk").stat().st_size + 4096
    with pytest.raises(ValueError, match="too many words"):
        card.add_kernel_words("x" * 1024)


LISTING = """\
drwxr-xr-x 0/0               123 2025-01-01 00:00 squashfs-root
drwxr-xr-x 0/0                27 2025-01-01 00:00 squashfs-root/etc
-rw-r----- 0/42             4711 2025-01-01 00:00 squashfs-root/etc/shadow
lrwxrwxrwx 0/0                 7 2025-01-01 00:00 squashfs-root/bin -> usr/bin
crw-rw-rw- 0/0              1,  3 2025-01-01 00:00 squashfs-root/dev/null
-rwsr-xr-x 0/0                 9 2025-01-01 00:00 squashfs-root/opt/two words
Parallel unsquashfs: Using 2 processors
"""


def test_the_listing_of_a_slot() -> None:
    assert list(parsed(LISTING)) == [
        Entry("d", 123, ""),
        Entry("d", 27, "etc"),
        Entry("-", 4711, "etc/shadow"),
        Entry("l", 7, "bin"),
        Entry("c", 0, "dev/null"),
        Entry("-", 9, "opt/two words"),
    ]
