"""The RTP payload format of H.264 (RFC 6184, packetization mode 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from appliance.core.limits import PACKET_PAYLOAD

NAL_IDR = 5
NAL_SPS = 7
NAL_STAP_A = 24
NAL_FU_A = 28

START_CODE = b"\x00\x00\x00\x01"
_SHORT_START_CODE = START_CODE[1:]


def starts_keyframe(payload: bytes) -> bool:
    """Whether an RTP payload carries the start of a sequence parameter set; never raises."""
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind == NAL_STAP_A:
        position = 1
        while position + 2 < len(payload):
            if payload[position + 2] & 0x1F == NAL_SPS:
                return True
            position += 2 + int.from_bytes(payload[position : position + 2], "big")
        return False
    if kind == NAL_FU_A:
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 0x1F == NAL_SPS
    return kind == NAL_SPS


def depacketize(payloads: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return (annex-B data, is it a keyframe) of one frame's payloads, in order.

    Empty payloads are padding. Raises ValueError for anything but single NAL units, STAP-A and
    whole FU-A sequences (RFC 6184 sections 5.6, 5.7.1, 5.8).
    """
    parts: list[bytes] = []
    keyframe = False
    fragment = -1  # NAL unit type of the fragmented unit that is open
    for payload in payloads:
        if not payload:
            continue
        kind = payload[0] & 0x1F
        if kind == NAL_FU_A:
            if len(payload) < 3:
                raise ValueError("FU-A without data")
            header = payload[1]
            if header & 0x80:
                if fragment >= 0 or header & 0x40:
                    raise ValueError("FU-A starts inside another, or starts and ends at once")
                fragment = header & 0x1F
                keyframe |= fragment == NAL_IDR
                parts.append(START_CODE + bytes(((payload[0] & 0xE0) | fragment,)) + payload[2:])
            elif fragment != header & 0x1F:
                raise ValueError("FU-A continues what was not started")
            else:
                parts.append(payload[2:])
            if header & 0x40:
                fragment = -1
            continue
        if fragment >= 0:
            raise ValueError("FU-A was not ended")
        if kind == NAL_STAP_A:
            position = 1
            if len(payload) < 4:
                raise ValueError("STAP-A without a unit")
            while position < len(payload):
                size = int.from_bytes(payload[position : position + 2], "big")
                start, position = position + 2, position + 2 + size
                if size == 0 or position > len(payload):
                    raise ValueError("STAP-A is truncated")
                keyframe |= payload[start] & 0x1F == NAL_IDR
                parts.append(START_CODE)
                parts.append(payload[start:position])
        elif 1 <= kind < NAL_STAP_A:
            keyframe |= kind == NAL_IDR
            parts.append(START_CODE)
            parts.append(payload)
        else:
            raise ValueError(f"NAL unit type {kind} is not for packetization mode 1")
    if fragment >= 0:
        raise ValueError("FU-A was not ended")
    return b"".join(parts), keyframe


def split(data: bytes) -> list[bytes]:
    """Split an annex-B frame into RTP payloads of at most ``PACKET_PAYLOAD`` bytes.

    Small units that follow each other share a STAP-A, as parameter sets do. A large one becomes FU-As of
    one size, only the last may be shorter: they leave in one call (core/datagrams.py).
    """
    payloads: list[bytes] = []
    together: list[bytes] = []
    room = 0
    for unit in _units(data):
        if together and len(unit) + 2 > room:
            payloads.append(_aggregated(together))
            together = []
        if len(unit) > PACKET_PAYLOAD:
            payloads += _fragments(unit)
            continue
        if not together:
            room = PACKET_PAYLOAD - 1
        together.append(unit)
        room -= len(unit) + 2
    if together:
        payloads.append(_aggregated(together))
    return payloads


def _units(data: bytes) -> Iterator[bytes]:
    """The NAL units of an annex-B stream; a start code has three bytes or four, zeros behind are padding."""
    start = data.find(_SHORT_START_CODE)
    while start >= 0:
        start += len(_SHORT_START_CODE)
        end = data.find(_SHORT_START_CODE, start)
        unit = data[start : end if end >= 0 else len(data)].rstrip(b"\0")
        if unit:
            yield unit
        start = end


def _aggregated(units: list[bytes]) -> bytes:
    """A single NAL unit, or a STAP-A with the strictest of their header bits (section 5.7.1)."""
    if len(units) == 1:
        return units[0]
    forbidden = max(unit[0] & 0x80 for unit in units)
    importance = max(unit[0] & 0x60 for unit in units)
    head = bytes((forbidden | importance | NAL_STAP_A,))
    return head + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _fragments(unit: bytes) -> Iterator[bytes]:
    """FU-As (section 5.8)."""
    indicator, kind = unit[0] & 0xE0 | NAL_FU_A, unit[0] & 0x1F
    count = -(-(len(unit) - 1) // (PACKET_PAYLOAD - 2))
    size = -(-(len(unit) - 1) // count)
    for start in range(1, len(unit), size):
        end = start + size
        first_or_last = 0x80 if start == 1 else 0x40 if end >= len(unit) else 0
        yield bytes((indicator, first_or_last | kind)) + unit[start:end]
