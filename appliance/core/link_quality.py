"""What the bars on a tile mean: how much of what one peer sends is lost lately, and its round trip.

The bars fall with the first look that is worse, and rise by one only after ``QUALITY_UP_AFTER`` of better
ones: bars that dance are no help.
"""

from __future__ import annotations

from collections import deque

from appliance.core import limits


class LinkQuality:
    """Of one link. ``value``: 3 good, 2 fair, 1 bad, 0 not known yet. Times are monotonic seconds.

    ``loss``: 0 to 1, over ``QUALITY_SPAN``. ``rtt_ms``: the round trip of the last look.
    """

    def __init__(self) -> None:
        self.value = 0
        self.loss = 0.0
        self.rtt_ms: float | None = None
        self._counts: deque[tuple[float, int, int]] = deque()  # when, packets received, packets lost
        self._worse_at = 0.0  # the last look that was not better than ``value``

    def look(self, received: int, lost: int, rtt_ms: float | None, now: float) -> None:
        """Take what came and was lost since the connection began, and the last round trip."""
        counts = self._counts
        if counts and received < counts[-1][1]:
            counts.clear()  # another connection counts anew
        counts.append((now, received, lost))
        while len(counts) > 2 and counts[1][0] <= now - limits.QUALITY_SPAN:
            counts.popleft()
        got, gone = received - counts[0][1], max(0, lost - counts[0][2])  # one that came late is not lost
        self.loss = gone / (got + gone) if got + gone else 0.0
        self.rtt_ms = rtt_ms
        if rtt_ms is None:
            return
        found = _judged(self.loss, rtt_ms)
        if found <= self.value or not self.value:
            self.value, self._worse_at = found, now
        elif now - self._worse_at >= limits.QUALITY_UP_AFTER:
            self.value, self._worse_at = self.value + 1, now


def _judged(loss: float, rtt_ms: float) -> int:
    if loss <= limits.QUALITY_GOOD_LOSS and rtt_ms <= limits.QUALITY_GOOD_RTT_MS:
        return 3
    return 2 if loss <= limits.QUALITY_FAIR_LOSS and rtt_ms <= limits.QUALITY_FAIR_RTT_MS else 1
