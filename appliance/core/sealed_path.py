"""The way of a pair's sealed frames: over its direct line while that is up, else over the relay.

A line's keys last for so long and so many frames; then another line is dialed beside it, which replaces it.
"""

from __future__ import annotations

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.channel import SealedChannel
from appliance.core.peer_effects import Effect, ToLine, ToRelay
from appliance.core.peer_table import PeerState
from appliance.core.standing import Standing


class SealedPath:
    """Of one pair. ``relay``: the channel over the relay, None for a pair that never had one."""

    def __init__(self, standing: Standing, relay: SealedChannel | None) -> None:
        self._standing = standing
        self.relay = relay
        self.line: SealedChannel | None = None
        """The channel over the direct line, None while there is no line."""
        self._line_at = 0.0  # when the line's keys were made

    def line_up(self, line: SealedChannel, now: float) -> None:
        """What is said from now on goes over this line. ``now``: monotonic seconds."""
        self.line = line
        self._line_at = now

    @property
    def has_line(self) -> bool:
        return self.line is not None

    def is_used_up(self, now: float) -> bool:
        """Is there a line whose keys should be replaced?"""
        if self.line is None:
            return False
        return now - self._line_at >= limits.LINE_RENEW_AFTER or self.line.used_up(now)

    def say(self, message: m.Sealed) -> list[Effect]:
        """Seal a message and send it; nothing where nobody would hear it."""
        if self._standing.state is PeerState.GONE:
            return []
        if self.line is not None:
            return [ToLine(self.line.seal(m.encode_sealed(message)))]
        if self.relay is None or self._standing.state is PeerState.AWAY:
            return []  # what counts is told again when it is reached
        return [ToRelay(self.relay.seal(m.encode_sealed(message)))]
