"""When the other side captured what a packet carries, by its sender reports (RFC 3550 section 6.4.1).

A report pairs an RTP timestamp with an NTP one. Nobody's clocks are compared: what comes out is a time
on the sender's own clock, good for comparing the streams of that sender with each other.
"""

from __future__ import annotations

from appliance.core import limits

_TURN = float(1 << 32)  # seconds until the NTP timestamp begins anew, RFC 3550 section 4


def apart(one: float, other: float) -> float:
    """Return ``one`` less ``other``, two times on a sender's clock, across the clock's wrap. Seconds."""
    return (one - other + _TURN / 2) % _TURN - _TURN / 2


class SenderClock:
    """Turns the RTP timestamps of one stream into its sender's time. ``rate``: timestamp units per second."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._pair: tuple[int, float] | None = None  # an RTP timestamp, and when the sender captured it

    def report(self, ntp: int, timestamp: int) -> None:
        """Take a report: its 64-bit NTP timestamp and its 32-bit RTP timestamp."""
        if ntp == 0:  # "no notion of wallclock"
            return
        told = (ntp & 0xFFFFFFFFFFFFFFFF) / _TURN
        known = self.captured(timestamp)
        if known is not None and abs(error := apart(told, known)) < limits.SYNC_JUMP:
            # Capture times jitter by a few milliseconds; a drift of 100 ppm is 0.1 ms between two reports.
            told = known + error * limits.SYNC_SHARE
        self._pair = (timestamp, told)

    def captured(self, timestamp: int) -> float | None:
        """Return the sender's time of a 32-bit RTP timestamp in seconds, None before the first report.

        Right within 6 hours of the last report (90 kHz). Compare two of them with ``apart`` only.
        """
        pair = self._pair
        if pair is None:
            return None
        since = ((timestamp - pair[0] + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
        return pair[1] + since / self._rate
