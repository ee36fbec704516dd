"""Is somebody speaking, and how loud? From the audio levels in the packets' headers (RFC 6464).

Speech begins when there was more loud than quiet by ``SPEAKING_AFTER`` (a cough is over before) and ends
when it was quiet for ``SPEAKING_HOLD`` (a pause between words is shorter). Where no packet comes it is quiet:
silence is not sent.

And of several peers, the active speaker: it stays while it speaks, whoever else does, and stays on when
nobody does. Only when it is silent and somebody else speaks for ``LARGE_AFTER`` does it change, to who spoke
up first; and it stays for ``LARGE_FOR``, so that quick words to and fro do not make pictures jump.
"""

from __future__ import annotations

from collections.abc import Collection

from appliance.core.limits import (
    LARGE_AFTER,
    LARGE_FOR,
    METER_FROM_DBOV,
    METER_STEP_DB,
    METER_STEPS,
    SOUND_FRAME,
    SOUND_RATE,
    SPEAKING_AFTER,
    SPEAKING_DBOV,
    SPEAKING_HOLD,
)

_FRAME = SOUND_FRAME / SOUND_RATE


class Speaking:
    """Of one peer. Levels are -dBov: 0 is the loudest, 127 silence. Times are monotonic seconds.

    ``meter``: what a level meter shows, 0 to ``METER_STEPS``. It rises at once and falls a step a look.
    """

    def __init__(self) -> None:
        self.now = False
        self.meter = 0
        self._loud_for = 0.0  # loud time less quiet time, from 0 to SPEAKING_AFTER
        self._loud_at = float("-inf")
        self._looked_at: float | None = None

    def hear(self, levels: Collection[int], now: float) -> bool:
        """Take the levels of the packets since the last look, each of 20 ms; return whether it is speech."""
        loud = _FRAME * sum(level <= SPEAKING_DBOV for level in levels)
        passed = now - self._looked_at if self._looked_at is not None else 0.0
        self._looked_at = now
        quiet = max(0.0, passed - loud)
        self._loud_for = min(max(0.0, self._loud_for - quiet) + loud, SPEAKING_AFTER)
        if loud:
            self._loud_at = now
        if self._loud_for >= SPEAKING_AFTER - _FRAME / 2:
            self.now = True
        elif now - self._loud_at >= SPEAKING_HOLD:
            self.now = False
        above = METER_FROM_DBOV - min(levels, default=METER_FROM_DBOV)
        step = min(max(0, -(-above // METER_STEP_DB)), METER_STEPS)
        self.meter = max(step, self.meter - 1)
        return self.now

    def mute(self) -> None:
        """It does not speak, and did not: a muted person never does."""
        self.now, self.meter = False, 0
        self._loud_for, self._loud_at, self._looked_at = 0.0, float("-inf"), None


class ActiveSpeaker:
    """Of one meeting. ``peer``: the id of the one to show large, None until somebody spoke.

    Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self.peer: str | None = None
        self._since = float("-inf")  # it is the one
        self._floor: dict[str, float] = {}  # who speaks, and since when; the longest first

    def update(self, speaking: Collection[str], here: Collection[str], now: float) -> str | None:
        """Take who speaks and who is in the meeting at this moment; return ``peer``."""
        self._floor = {peer: since for peer, since in self._floor.items() if peer in speaking}
        for peer in speaking:
            self._floor.setdefault(peer, now)
        if self.peer not in here:
            self.peer = None
        if not self._floor or self.peer in self._floor:
            return self.peer
        first, since = next(iter(self._floor.items()))
        claimed = now - since >= LARGE_AFTER and now - self._since >= LARGE_FOR
        if self.peer is None or claimed:
            self.peer, self._since = first, now
        return self.peer
