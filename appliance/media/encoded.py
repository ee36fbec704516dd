"""One encoded picture of one layer, as it leaves the encoder."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.core.layers import Codec, Layer, Stream

CLOCK_RATE = 90_000  # RTP units a second, RFC 6184 section 8.2.1 and RFC 7741 section 4.1


def rtp_timestamp(captured_ns: int) -> int:
    """Return the RTP timestamp (90 kHz, modulo 2**32) of a time on the monotonic clock.

    Every layer and every restart of the camera shares this one time line.
    """
    return captured_ns * 9 // 100_000 & 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """An H.264 access unit in Annex B format, or a VP8 frame.

    ``keyframe``: it needs no other; in H.264 an IDR picture, its parameter sets in front.
    ``timestamp``: RTP units of the capture time. ``captured_ns``: CLOCK_MONOTONIC when the picture was
    taken, nanoseconds. ``width``, ``height``: pixels.
    """

    layer: Layer
    keyframe: bool
    data: bytes
    timestamp: int
    captured_ns: int
    width: int
    height: int
    codec: Codec = Codec.H264

    @property
    def stream(self) -> Stream:
        """What it is a part of."""
        return Stream(self.layer, self.codec)
