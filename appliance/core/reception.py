"""Reception statistics of one RTP stream (RFC 3550 section 6.4.1, appendices A.3 and A.8)."""

from __future__ import annotations

PACKETS_LOST_MAX = (1 << 23) - 1  # the field is a signed 24-bit number


class Reception:
    """Counts the packets of one SSRC and what a receiver report says about them.

    ``clock_rate``: RTP timestamp units per second. Time is passed in, in monotonic seconds.
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._first: int | None = None  # extended sequence number of the first packet
        self._highest = 0  # extended sequence number: 16 bits and the wraps above them
        self._transit: float | None = None  # arrival minus timestamp of the last packet, in units
        self._timestamp = 0  # of the last packet
        self._unwrapped = 0  # the same, wraps undone
        self._jitter = 0.0  # in units
        self._expected_before = 0  # at the last report
        self._received_before = 0
        self.received = 0

    def add(self, sequence_number: int, timestamp: int, now: float) -> None:
        """Note a packet: 16-bit ``sequence_number``, 32-bit ``timestamp``."""
        self.received += 1
        if self._first is None:
            self._first = self._highest = (1 << 16) + sequence_number
            self._timestamp = timestamp
        else:
            ahead = (sequence_number - self._highest) & 0xFFFF
            if ahead == 0 or ahead >= 0x8000:
                return  # late or repeated: it tells nothing about jitter
            self._highest += ahead
        step = (timestamp - self._timestamp) & 0xFFFFFFFF
        self._unwrapped += step - (1 << 32) if step >= 1 << 31 else step
        same_frame = step == 0 and self._transit is not None
        self._timestamp = timestamp
        if same_frame:
            return  # packets of one frame share a timestamp and are sent in one burst
        transit = now * self._clock_rate - self._unwrapped
        if self._transit is not None:
            self._jitter += (abs(transit - self._transit) - self._jitter) / 16
        self._transit = transit

    @property
    def expected(self) -> int:
        return 0 if self._first is None else self._highest - self._first + 1

    @property
    def lost(self) -> int:
        """Packets that did not come by themselves, repaired or not."""
        return max(0, min(self.expected - self.received, PACKETS_LOST_MAX))

    @property
    def jitter(self) -> int:
        """Interarrival jitter in timestamp units."""
        return int(self._jitter)

    @property
    def jitter_seconds(self) -> float:
        return self._jitter / self._clock_rate

    @property
    def highest(self) -> int:
        """The extended highest sequence number, 32 bits."""
        return (self._highest - (1 << 16)) & 0xFFFFFFFF if self._first is not None else 0

    def report(self) -> tuple[int, int, int, int]:
        """Return (fraction lost in 1/256 since the last report, lost, highest, jitter)."""
        expected = self.expected - self._expected_before
        received = self.received - self._received_before
        self._expected_before, self._received_before = self.expected, self.received
        lost = expected - received
        fraction = min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
        return fraction, self.lost, self.highest, self.jitter
