"""RTP packets as bytes (RFC 3550 section 5.1, header extensions of RFC 8285, repairs of RFC 4588).

Only what a box sends and reads: no contributing sources of our own, one-byte extensions for the
media's name (RFC 9143) and the audio level (RFC 6464). What else a packet carries is passed over.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER_BYTES = 12
ONE_BYTE_PROFILE = 0xBEDE  # RFC 8285 section 4.2
LEVEL_SILENT = 127  # RFC 6464 section 3

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
_SEQUENCE = struct.Struct("!H")
_VERSION = 0x80
_PADDING = 0x20
_HAS_EXTENSION = 0x10


class Packet(NamedTuple):
    """A parsed packet. ``timestamp``: 32 bits, in units of the payload's clock. ``payload``: without padding.
    ``level``: 0 (loud) to 127 (silent), None when it was not told. ``repair``: it was sent again (RFC 4588).
    """

    payload_type: int
    marker: bool
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes
    level: int | None = None
    repair: bool = False


def is_rtcp(data: bytes) -> bool:
    """Tell RTCP from RTP on one port (RFC 5761 section 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223


def parse(data: bytes, level_id: int = 0) -> Packet:
    """Read a packet; ``level_id``: the id negotiated for the audio level, 0 for none.

    Raises ValueError for what is not RTP.
    """
    if len(data) < HEADER_BYTES:
        raise ValueError("shorter than an RTP header")
    first, second, sequence_number, timestamp, ssrc = _HEADER.unpack_from(data)
    if first & 0xC0 != _VERSION:
        raise ValueError("not version 2 of RTP")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    end = len(data)
    level = None
    if first & _HAS_EXTENSION:
        if end < start + 4:
            raise ValueError("the header extension is truncated")
        profile, words = _EXTENSION.unpack_from(data, start)
        start += 4
        if level_id and profile == ONE_BYTE_PROFILE:
            level = _level(data, start, min(start + 4 * words, end), level_id)
        start += 4 * words
    if start > end:
        raise ValueError("the header is truncated")
    if first & _PADDING:
        padding = data[-1]
        if not 0 < padding <= end - start:
            raise ValueError("the padding is longer than the payload, or nothing")
        end -= padding
    return Packet(second & 0x7F, second > 0x7F, sequence_number, timestamp, ssrc, data[start:end], level)


def _level(data: bytes, at: int, end: int, level_id: int) -> int | None:
    while at < end:
        head = data[at]
        if head == 0:  # padding between elements
            at += 1
            continue
        if head >> 4 == 15:  # reserved: nothing after it is to be read
            return None
        if head >> 4 == level_id and at + 1 < end:
            return data[at + 1] & 0x7F
        at += 2 + (head & 0x0F)
    return None


def extensions(*elements: tuple[int, bytes]) -> bytes:
    """Return a header extension with these (id, 1 to 16 bytes); nothing for none.

    Raises ValueError for an id that a one-byte header can't have.
    """
    if not elements:
        return b""
    body = bytearray()
    for number, value in elements:
        if not 1 <= number <= 14 or not 1 <= len(value) <= 16:
            raise ValueError(f"no one-byte extension has id {number} and {len(value)} bytes")
        body.append(number << 4 | len(value) - 1)
        body += value
    body += bytes(-len(body) % 4)
    return _EXTENSION.pack(ONE_BYTE_PROFILE, len(body) // 4) + bytes(body)


def serialize(
    payload_type: int,
    marker: bool,
    sequence_number: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    extension: bytes = b"",
) -> bytes:
    """Return the packet's bytes; ``extension``: as ``extensions`` made it."""
    first = _VERSION | _HAS_EXTENSION if extension else _VERSION
    second = payload_type | 0x80 if marker else payload_type
    return _HEADER.pack(first, second, sequence_number, timestamp, ssrc) + extension + payload


def repair(sequence_number: int, payload: bytes) -> bytes:
    """Return the payload that carries a packet's payload again on its retransmission stream.

    RFC 4588 section 4; ``sequence_number``: the lost packet's own.
    """
    return _SEQUENCE.pack(sequence_number) + payload


def repaired(packet: Packet, payload_type: int, ssrc: int) -> Packet:
    """Return the packet that a retransmission carries. Raises ValueError for one that carries none."""
    if len(packet.payload) < 2:
        raise ValueError("a retransmission without a packet")
    (sequence_number,) = _SEQUENCE.unpack_from(packet.payload)
    return packet._replace(
        payload_type=payload_type,
        sequence_number=sequence_number,
        ssrc=ssrc,
        payload=packet.payload[2:],
        repair=True,
    )


def unwrap(value: int, near: int, bits: int) -> int:
    """Return the integer congruent to ``value`` modulo 2**bits that is nearest to ``near``."""
    half = 1 << (bits - 1)
    return near + ((value - near + half) & ((1 << bits) - 1)) - half
