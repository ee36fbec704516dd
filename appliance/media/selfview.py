"""The self-view's way from the camera process to the screen: shared memory with two slots.

The camera writes every picture into the slot that it did not write last and announces it over the
socket; the reader copies it out once. Each slot begins with a sequence number that is odd while it is
being written: a reader that was so late that the slot is being used again sees that it changed, and
takes the next picture instead. Nobody waits.
"""

from __future__ import annotations

import mmap
import os
import struct

from appliance.core.limits import SELF_VIEW_MAX_PIXELS
from appliance.media.wire import SelfView

SLOTS = 2
_SEQUENCE = struct.Struct("=I")
_HEAD_BYTES = 64  # a cache line for the sequence number
_SLOT_BYTES = _HEAD_BYTES + SELF_VIEW_MAX_PIXELS * 3 + mmap.PAGESIZE & ~(mmap.PAGESIZE - 1)
SIZE_BYTES = SLOTS * _SLOT_BYTES


def fit_self_view(width: int, height: int) -> tuple[int, int] | None:
    """Return the size that is really made for a wanted one: None for nothing, reduced if too large."""
    if width < 2 or height < 2:
        return None
    if width * height > SELF_VIEW_MAX_PIXELS:
        factor = (SELF_VIEW_MAX_PIXELS / (width * height)) ** 0.5
        width, height = int(width * factor), int(height * factor)
    return width, height


def create_memory() -> int:
    """Return a file descriptor of new shared memory for a writer and a reader; the caller closes it."""
    fd = os.memfd_create("meetingbox-self-view", os.MFD_CLOEXEC)
    try:
        os.ftruncate(fd, SIZE_BYTES)  # pages that are never written take no memory
    except OSError:
        os.close(fd)
        raise
    return fd


class SelfViewWriter:
    """The camera's end. ``fd`` is closed; the mapping lives until ``close``."""

    def __init__(self, fd: int) -> None:
        try:
            self._map = mmap.mmap(fd, SIZE_BYTES)
        finally:
            os.close(fd)
        self._slot = 0
        self._sequence = 0

    def write(self, plane: memoryview, stride: int, width: int, height: int, captured_ns: int) -> SelfView:
        """Copy an RGB picture of rows of ``stride`` bytes into the next slot; return its announcement."""
        self._slot = (self._slot + 1) % SLOTS
        self._sequence = self._sequence + 2 & 0xFFFF_FFFF
        at = self._slot * _SLOT_BYTES
        _SEQUENCE.pack_into(self._map, at, self._sequence - 1)
        row, start = width * 3, at + _HEAD_BYTES
        if stride == row:
            self._map[start : start + row * height] = plane[: row * height]
        else:
            for offset in range(0, height * stride, stride):
                self._map[start : start + row] = plane[offset : offset + row]
                start += row
        _SEQUENCE.pack_into(self._map, at, self._sequence)
        return SelfView(self._slot, self._sequence, width, height, captured_ns)

    def close(self) -> None:
        """Give the memory back."""
        self._map.close()


class SelfViewReader:
    """The network's end. ``fd`` stays the caller's."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE_BYTES, prot=mmap.PROT_READ)

    def read(self, picture: SelfView) -> bytes | None:
        """Return a copy of an announced picture's RGB bytes, or None if it was written over already."""
        size = picture.width * picture.height * 3
        if not 0 <= picture.slot < SLOTS or not 0 < size <= SELF_VIEW_MAX_PIXELS * 3:
            return None
        at = picture.slot * _SLOT_BYTES
        if _SEQUENCE.unpack_from(self._map, at)[0] != picture.sequence:
            return None
        start = at + _HEAD_BYTES
        rgb = self._map[start : start + size]
        if _SEQUENCE.unpack_from(self._map, at)[0] != picture.sequence:
            return None
        return rgb

    def close(self) -> None:
        """Give the memory back."""
        self._map.close()
