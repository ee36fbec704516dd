"""When a decoded picture is handed on: evenly where two came together, late never.

Over a line that loses packets and has some round trip, a repaired frame comes together with the one
after it. Shown at once, the later one would overwrite the earlier before anybody saw it, and a second of
30 pictures would look like one of 25. So the rules are:

1. A picture with nothing behind it is handed on at once.
2. One with one or two behind it that came together with it (closer than the gap) is handed on at once
   too, and the next one a gap later. The gap is a part of the time between two pictures, so whoever
   is late catches up within the next: no delay stays.
3. With more behind it, or with frames behind it that came in their own time, the decoder is late:
   nothing is converted until the last one. Late is worse than lost.
"""

from __future__ import annotations

from collections import deque

from appliance.core import limits

CLOCK_RATE = 90_000  # RTP units a second
_SHORTEST = CLOCK_RATE // 125  # between two pictures; less is a change of layer
_LONGEST = CLOCK_RATE // 4  # more is a pause
_REMEMBERED = 5  # intervals; the shortest counts, because frames may be missing between two


class PicturePacer:
    """Decides for one stream. Times are monotonic seconds; call it for every frame, in decoding order."""

    def __init__(self) -> None:
        self._intervals: deque[int] = deque(maxlen=_REMEMBERED)
        self._timestamp: int | None = None
        self._catching_up = False
        self._due = 0.0  # of the picture that came together with the last one
        self._follower: float | None = None  # when that one arrived

    @property
    def gap(self) -> float:
        """Seconds between two pictures that came together."""
        if not self._intervals:
            return limits.PICTURE_GAP_MAX
        interval = min(self._intervals) / CLOCK_RATE
        return min(limits.PICTURE_GAP_SHARE * interval, limits.PICTURE_GAP_MAX)

    def shows(self, timestamp: int, arrived: float, following: float | None, behind: int) -> bool:
        """Whether a frame is to be shown, or only decoded.

        ``timestamp``: its RTP timestamp. ``arrived``: when it came. ``behind``: how many frames are queued
        behind it; ``following``: when the first of these came.
        """
        if self._timestamp is not None:
            interval = (timestamp - self._timestamp) & 0xFFFFFFFF
            if _SHORTEST <= interval <= _LONGEST:
                self._intervals.append(interval)
        self._timestamp = timestamp
        if following is None:
            self._catching_up = False
        elif behind > limits.PICTURES_TOGETHER_MAX or following - arrived >= self.gap:
            self._catching_up = True
        return not self._catching_up

    def due(self, arrived: float) -> float:
        """When the picture may be handed on; a time that is over for most."""
        return self._due if arrived == self._follower else 0.0

    def shown(self, arrived: float, following: float | None, now: float) -> None:
        """A picture was handed on at ``now``; ``following``: when the first frame behind it came."""
        self._follower = None
        if following is not None and following - arrived < self.gap:
            self._follower, self._due = following, now + self.gap
