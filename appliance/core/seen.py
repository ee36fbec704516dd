"""Which packets of a timeline came, by their sequence numbers."""

from __future__ import annotations

import enum

from appliance.core import limits

_UNSETTLED = 8  # the newest sequence numbers: who is missing there may still come


class Mark(enum.Enum):
    """What a sequence number is."""

    NEW = "new"
    AGAIN = "again"
    TOO_OLD = "too-old"  # to know whether it was there before


class Seen:
    """The last ``JITTER_SEEN`` sequence numbers, unwrapped. ``highest``: where the timeline starts."""

    def __init__(self, highest: int) -> None:
        self.highest = highest
        self._first = highest  # of this timeline
        self._bits = 0  # bit n: number highest - n was received

    def __bool__(self) -> bool:
        """Was any packet there?"""
        return self._bits != 0

    @property
    def expected(self) -> int:
        """Packets since the first one (RFC 3550, appendix A.3)."""
        return self.highest - self._first + 1

    def mark(self, number: int) -> Mark:
        """Note a sequence number."""
        age = self.highest - number
        if age < 0:
            self._bits = ((self._bits << -age) | 1) & ((1 << limits.JITTER_SEEN) - 1)
            self.highest = number
        elif age >= limits.JITTER_SEEN:
            return Mark.TOO_OLD
        elif self._bits >> age & 1:
            return Mark.AGAIN
        else:
            self._bits |= 1 << age
            self._first = min(self._first, number)
        return Mark.NEW

    def has_lost(self) -> bool:
        """Did the network lose any of the last ones, without those that may still come?"""
        known = min(self.expected, limits.JITTER_SEEN) - _UNSETTLED
        if known <= 0:
            return False
        all_of_them = (1 << known) - 1
        return self._bits >> _UNSETTLED & all_of_them != all_of_them
