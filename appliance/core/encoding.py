"""Bytes that are signed, hashed or authenticated, without ambiguity.

``lp`` joins items so that no two different lists give the same bytes: without the lengths,
("ab", "c") and ("a", "bc") would sign alike.
"""

from __future__ import annotations

import struct


def lp(*items: bytes) -> bytes:
    """Length-prefixed concatenation: each item's length as 4 bytes, big-endian, then the item."""
    return b"".join(struct.pack(">I", len(item)) + item for item in items)


def u8(value: int) -> bytes:
    """One byte. Raises OverflowError where it does not fit, as the others here do."""
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    """Two bytes, big-endian."""
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    """Four bytes, big-endian."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Eight bytes, big-endian."""
    return value.to_bytes(8, "big")
