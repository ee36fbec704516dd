"""How much loss our encoder is to expect on a link, by what its receiver reports of our sound.

FEC takes its bits from the sound itself: it must be worth it. What libopus is told has two steps, since a
third one was never better than these (docs/decisions.md). FEC comes at once, when so many packets of the last
seconds were lost that it is no chance, and goes slowly. Silence, in which nothing is sent, is neither
good nor bad.

There is one encoder for all peers, and it follows the worst.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from appliance.core import limits


class _Count(NamedTuple):
    """What a report said, and how many seconds of sound there were before it."""

    at: float
    highest: int
    lost: int


class SoundLoss:
    """Of one link. Times are monotonic seconds. ``expected``: percent."""

    def __init__(self) -> None:
        self.expected = limits.SOUND_EXPECTED_LOSS
        self._counts: deque[_Count] = deque()  # their times leave out silence
        self._told_at = 0.0  # the last report
        self._good_for = 0.0  # seconds of sound

    def restart(self) -> None:
        """A new connection took over, which counts anew; what is known of the link stays."""
        self._counts.clear()

    def report(self, highest: int, lost: int, now: float) -> None:
        """A receiver report came: the extended highest sequence number, and the packets lost so far
        (RFC 3550 section 6.4.1).
        """
        passed, self._told_at = now - self._told_at, now
        if not self._counts:
            self._counts.append(_Count(0.0, highest, lost))
            return
        last = self._counts[-1]
        packets = highest - last.highest
        if packets <= 0:
            return
        # A report after a pause may speak of two words: so long as its packets last.
        passed = min(passed, packets * limits.SOUND_FRAME / limits.SOUND_RATE)
        self._counts.append(_Count(last.at + passed, highest, lost))
        while len(self._counts) > 2 and self._counts[1].at <= self._counts[-1].at - limits.FEC_SPAN:
            self._counts.popleft()
        self._judge(passed)

    def _judge(self, passed: float) -> None:
        packets, lost = self._within(limits.FEC_SPAN)
        packets_now, lost_now = self._within(limits.FEC_HEAVY_SPAN)
        much = lost >= limits.FEC_LOST_MIN and lost >= limits.FEC_FROM * packets
        heavy = lost_now >= limits.FEC_LOST_MIN and lost_now >= limits.FEC_HEAVY * packets_now
        if much or heavy:
            self.expected = limits.SOUND_FEC_LOSS
            self._good_for = 0.0
        elif lost >= limits.FEC_FROM / 2 * packets:
            self._good_for = 0.0
        else:
            self._good_for += passed
            if self._good_for >= limits.FEC_AFTER:
                self.expected = limits.SOUND_EXPECTED_LOSS

    def _within(self, seconds: float) -> tuple[int, int]:
        """Packets sent and lost in the last seconds of sound, or somewhat more."""
        last = self._counts[-1]
        begun = last.at - seconds
        first = max((count for count in self._counts if count.at <= begun), default=self._counts[0])
        return last.highest - first.highest, last.lost - first.lost
