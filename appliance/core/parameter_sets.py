"""H.264 parameter sets in front of every keyframe, whatever the encoder gives out (RFC 6184 section 8.4).

Hardware encoders give them once, in a buffer of their own or in front of the first picture; a receiver
that comes later could not begin. Here they are remembered, and put where they are missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.core.h264 import NAL_IDR, NAL_SPS, START_CODE

NAL_PPS = 8
_SLICES = frozenset(range(1, NAL_IDR + 1))
_MARK = b"\x00\x00\x01"


def nal_units(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (type, start, end) of each NAL unit of an Annex B stream, its start code left out."""
    at = data.find(_MARK)
    while at >= 0:
        start = at + len(_MARK)
        at = data.find(_MARK, start)
        end = len(data) if at < 0 else at
        while end > start and data[end - 1] == 0:
            end -= 1  # a longer start code, or trailing zeros
        if end > start:
            yield data[start] & 0x1F, start, end


class ParameterSets:
    """Remembers the newest sequence and picture parameter sets of one stream."""

    def __init__(self, extradata: bytes | None = None) -> None:
        self._sets: dict[int, bytes] = {}
        if extradata:
            self.complete(extradata)

    def complete(self, data: bytes) -> tuple[bytes, bool] | None:
        """Take what an encoder gave out; return (access unit, is it a keyframe) ready to be sent.

        None: there is no picture in it. ValueError: a keyframe, and its sets were never seen.
        """
        here: set[int] = set()
        for kind, start, end in nal_units(data):
            if kind in (NAL_SPS, NAL_PPS):
                self._sets[kind] = data[start:end]
                here.add(kind)
            elif kind == NAL_IDR:
                if here == {NAL_SPS, NAL_PPS}:
                    return data, True
                if len(self._sets) < 2:
                    raise ValueError("a keyframe, but no parameter sets yet")
                sets = (START_CODE + self._sets[kind] for kind in (NAL_SPS, NAL_PPS))
                return b"".join((*sets, data)), True
            elif kind in _SLICES:
                return data, False
        return None
