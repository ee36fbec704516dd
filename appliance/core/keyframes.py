"""Merging of keyframe requests: many receivers ask, one keyframe answers them all.

The first request for a stream is served at once. Requests within ``KEYFRAME_REPEAT_AFTER`` after a
keyframe wait until that time is over and are then answered together by one keyframe, unless one
came for another reason in the meantime.
"""

from __future__ import annotations

from appliance.core.layers import Stream
from appliance.core.limits import KEYFRAME_REPEAT_AFTER


class KeyframeMerger:
    """``now`` is monotonic seconds everywhere."""

    def __init__(self) -> None:
        self._served_at: dict[Stream, float] = {}
        self._waiting: set[Stream] = set()

    def request(self, stream: Stream, now: float) -> bool:
        """Note a receiver's request; return True if the encoder is to be asked now."""
        served_at = self._served_at.get(stream)
        if served_at is None or now - served_at >= KEYFRAME_REPEAT_AFTER:
            self._served_at[stream] = now
            self._waiting.discard(stream)
            return True
        self._waiting.add(stream)
        return False

    def keyframe(self, stream: Stream, now: float) -> None:
        """Note that the encoder made a keyframe: whoever waits for one has it."""
        self._served_at[stream] = now
        self._waiting.discard(stream)

    def due(self, now: float) -> frozenset[Stream]:
        """Return the streams whose waiting requests are to be answered now, and count them as served."""
        ready = frozenset(
            stream for stream in self._waiting if now - self._served_at[stream] >= KEYFRAME_REPEAT_AFTER
        )
        for stream in ready:
            self._served_at[stream] = now
        self._waiting -= ready
        return ready

    def next_due(self) -> float | None:
        """Return when ``due`` has something to say, or None while nobody waits."""
        if not self._waiting:
            return None
        return min(self._served_at[stream] for stream in self._waiting) + KEYFRAME_REPEAT_AFTER

    def forget(self, stream: Stream) -> None:
        """The stream is no longer encoded; its next encoder begins with a keyframe."""
        self._served_at.pop(stream, None)
        self._waiting.discard(stream)
