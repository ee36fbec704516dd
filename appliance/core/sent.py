"""The frames of one stream that were sent lately: what a lost packet is sent again from.

Nothing is copied: the payloads are those that every peer shares, and a packet's header is written anew
when somebody asks for it. What is older than any receiver waits for is let go, so that a stream keeps a
handful of small objects alive, not minutes of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from appliance.core.limits import RTP_HISTORY_FRAMES, RTP_HISTORY_NS


class SentFrame(NamedTuple):
    """``first``: sequence number of its first packet. ``timestamp``: RTP units. ``sent_ns``: monotonic.

    ``extension``: the header extension of its packets. ``marker``: the marker bit of its last packet.
    """

    first: int
    payloads: Sequence[bytes]
    timestamp: int
    extension: bytes
    marker: bool
    sent_ns: int


class SentPacket(NamedTuple):
    """Everything of a sent packet but the stream's own numbers."""

    payload: bytes
    timestamp: int
    extension: bytes
    marker: bool


class SentFrames:
    """At most ``RTP_HISTORY_FRAMES`` frames, none older than ``RTP_HISTORY_NS`` before the newest."""

    def __init__(self) -> None:
        self._frames: deque[SentFrame] = deque(maxlen=RTP_HISTORY_FRAMES)

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: SentFrame) -> None:
        """Keep the newest frame, and let go what is too old beside it."""
        frames = self._frames
        frames.append(frame)
        oldest = frame.sent_ns - RTP_HISTORY_NS
        while frames[0].sent_ns < oldest:
            frames.popleft()

    def find(self, sequence_number: int) -> SentPacket | None:
        """The packet of this number, of the newest frame that had it; None when it is no longer kept."""
        for first, payloads, timestamp, extension, marker, _ in reversed(self._frames):
            index = sequence_number - first & 0xFFFF
            if index < len(payloads):
                last = index == len(payloads) - 1
                return SentPacket(payloads[index], timestamp, extension, marker and last)
        return None

    def clear(self) -> None:
        """Let go everything."""
        self._frames.clear()
