"""The heartbeats of one connection: is the other side there, and how long does a message take?"""

from __future__ import annotations

from collections import OrderedDict, deque

from appliance.core import limits
from appliance.core import messages as m


class Pulse:
    """Heartbeats both ways on the data channel of the connection that carries media.

    Times are monotonic seconds. ``heard_at``: the last message of the other side. ``beat_at``: when
    ours is due. ``rtt_ms``: the round trip by the last echo, None before the first.
    ``least_rtt_ms``: the least of the last few; a heartbeat that was lost comes late, by SCTP's time-out.
    """

    def __init__(self, now: float) -> None:
        self.heard_at = self.beat_at = now
        self.rtt_ms: float | None = None
        self._rtts_ms: deque[float] = deque(maxlen=limits.RTT_SAMPLES)
        self._seq = 0
        self._sent_at: OrderedDict[int, float] = OrderedDict()
        self._their_seq = 0
        self._their_seq_at = now

    def begin(self, now: float) -> None:
        """A connection is bound: it was heard just now, and our beat is due."""
        self.heard_at = self.beat_at = now

    def silent_for(self, now: float) -> float:
        """Seconds since anything was heard."""
        return now - self.heard_at

    def take(self, heartbeat: m.Heartbeat, now: float) -> None:
        """A heartbeat of the other side came."""
        self._their_seq, self._their_seq_at = heartbeat.seq, now
        sent = self._sent_at.pop(heartbeat.echo, None)
        if sent is not None:
            self.rtt_ms = max(0.0, (now - sent) * 1000 - heartbeat.held_ms)
            self._rtts_ms.append(self.rtt_ms)

    @property
    def least_rtt_ms(self) -> float:
        """0 before the first echo."""
        return min(self._rtts_ms, default=0.0)

    def beat(self, now: float) -> m.Heartbeat:
        """Ours, to be sent now."""
        self._seq += 1
        self._sent_at[self._seq] = now
        while len(self._sent_at) > limits.GONE_AFTER / limits.HEARTBEAT_EVERY:
            self._sent_at.popitem(last=False)
        self.beat_at = now + limits.HEARTBEAT_EVERY
        held = min(int((now - self._their_seq_at) * 1000), 60_000)
        return m.Heartbeat(seq=self._seq, echo=self._their_seq, held_ms=held)
