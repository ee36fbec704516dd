"""Is somebody speaking? From the audio levels in the packets' headers (RFC 6464), with hysteresis.

Speech begins when the level stays loud for ``SPEAKING_AFTER`` (a cough or a door does not) and ends
when it was quiet for ``SPEAKING_HOLD`` (a pause between words does not).

And of several peers, the active speaker: it stays while it speaks, whoever else does, and stays on when
nobody does. Only when it is silent and somebody else speaks does it change, to who spoke up first.
"""

from __future__ import annotations

from collections.abc import Collection

from appliance.core.limits import SPEAKING_AFTER, SPEAKING_DBOV, SPEAKING_HOLD


class Speaking:
    """Of one peer. Levels are -dBov: 0 is the loudest, 127 silence. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.now = False
        self._loud_since: float | None = None
        self._loud_at = float("-inf")

    def update(self, level_dbov: int, now: float) -> bool:
        """Take the level at this moment; return whether the peer counts as speaking."""
        if level_dbov <= SPEAKING_DBOV:
            if self._loud_since is None:
                self._loud_since = now
            self._loud_at = now
            if now - self._loud_since >= SPEAKING_AFTER:
                self.now = True
        else:
            if not self.now or now - self._loud_at >= SPEAKING_HOLD:
                self._loud_since = None
            if now - self._loud_at >= SPEAKING_HOLD:
                self.now = False
        return self.now


class ActiveSpeaker:
    """Of one meeting. ``peer``: the id of the one to show large, None until somebody spoke."""

    def __init__(self) -> None:
        self.peer: str | None = None
        self._floor: list[str] = []  # who speaks, the one who has done so longest first

    def update(self, speaking: Collection[str], here: Collection[str]) -> str | None:
        """Take who speaks and who is in the meeting at this moment; return ``peer``."""
        self._floor = [peer for peer in self._floor if peer in speaking]
        self._floor += [peer for peer in speaking if peer not in self._floor]
        if self.peer not in here:
            self.peer = None
        if self._floor and self.peer not in self._floor:
            self.peer = self._floor[0]
        return self.peer
