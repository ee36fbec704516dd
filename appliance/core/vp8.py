"""The RTP payload format of VP8 (RFC 7741): a descriptor in front of each piece of a frame."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.core.limits import PACKET_PAYLOAD

_EXTENDED = 0x80  # X: an octet that says which others follow
_START = 0x10  # S: a partition starts here
_PARTITION = 0x0F  # PID
_PICTURE_ID, _TL0_INDEX, _TEMPORAL, _KEY_INDEX = 0x80, 0x40, 0x20, 0x10
_LONG = 0x80  # M: the picture's number has 15 bits

_INTER = 0x01  # P, in the first octet of a frame: not a keyframe (RFC 6386 section 9.1)
_START_CODE = b"\x9d\x01\x2a"  # octets 3 to 5 of a keyframe


def descriptor_size(payload: bytes) -> int:
    """Return how many octets of a payload are its descriptor (section 4.2). ValueError: truncated."""
    size = 1
    if len(payload) > 1 and payload[0] & _EXTENDED:
        extensions = payload[1]
        size = 2
        if extensions & _PICTURE_ID:
            size += 2 if len(payload) > 2 and payload[2] & _LONG else 1
        if extensions & _TL0_INDEX:
            size += 1
        if extensions & (_TEMPORAL | _KEY_INDEX):
            size += 1
    if len(payload) <= size:
        raise ValueError("a VP8 payload without data")
    return size


def _starts_frame(payload: bytes) -> bool:
    return payload[0] & (_START | _PARTITION) == _START


def _is_keyframe(frame: bytes) -> bool:
    return len(frame) > 5 and not frame[0] & _INTER and frame[3:6] == _START_CODE


def starts_keyframe(payload: bytes) -> bool:
    """Whether an RTP payload carries the start of a keyframe; never raises."""
    try:
        return _starts_frame(payload) and _is_keyframe(payload[descriptor_size(payload) :][:6])
    except (ValueError, IndexError):
        return False


def depacketize(payloads: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return (the frame, is it a keyframe) of one frame's payloads, in order.

    Empty payloads are padding. Raises ValueError for a payload without data, and for anything but one
    beginning of a frame, in front.
    """
    parts: list[bytes] = []
    for payload in payloads:
        if not payload:
            continue
        if _starts_frame(payload) == bool(parts):
            raise ValueError("a VP8 frame starts in the middle, or not at all")
        parts.append(payload[descriptor_size(payload) :])
    frame = b"".join(parts)
    if frame and not frame[0] & _INTER and not _is_keyframe(frame):
        raise ValueError("a VP8 keyframe without its start code")
    return frame, bool(frame) and not frame[0] & _INTER


def split(frame: bytes) -> list[bytes]:
    """Split a frame into RTP payloads of at most ``PACKET_PAYLOAD`` bytes, of about one size.

    The descriptor is one octet: without layers, a picture's number says nothing that the RTP sequence
    does not.
    """
    if not frame:
        return []
    count = -(-len(frame) // (PACKET_PAYLOAD - 1))
    step = -(-len(frame) // count)
    return [
        (b"\x10" if start == 0 else b"\x00") + frame[start : start + step]
        for start in range(0, len(frame), step)
    ]
