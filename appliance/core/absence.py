"""When a peer that is not heard is taken off the screen, and when it is no member any more.

The rules:

* Silence for ``GONE_AFTER`` takes the tile off the screen: the peer is *away*.
* A line that was reset and then refuses a new connection means that the box is gone, and it is away at
  once, unless heartbeats go on: then only its server is.
* Who is away stays a member for ``MEMBERSHIP_KEPT``, and for as long as its line is up. Without a line there
  would be nothing to come back with: a pair that never had one ends.
"""

from __future__ import annotations

from appliance.core import limits
from appliance.core.generations import Generations
from appliance.core.peer_effects import Away, Changed, DropLink, Effect, GoneReason
from appliance.core.peer_table import PeerEvent, PeerState
from appliance.core.pulse import Pulse
from appliance.core.sealed_path import SealedPath
from appliance.core.standing import Standing


class Absence:
    """Of one pair. ``links``: its connections, which end when it is away. Times are monotonic seconds."""

    def __init__(
        self, standing: Standing, path: SealedPath, links: Generations, pulse: Pulse, now: float
    ) -> None:
        self._standing = standing
        self._path = path
        self._links = links
        self._pulse = pulse
        self._refusing = False  # its line refuses us: gone, unless its heart beats
        self._since = now  # away, and out of reach

    def line_refuses(self, now: float) -> list[Effect]:
        """Nobody answers the line any more: it is gone, if its heart says so, too."""
        self._refusing = True
        return self._check_refusal(now)

    def answers(self) -> None:
        """It is there: its line is up, or a connection is bound."""
        self._refusing = False

    def line_lost(self, now: float) -> None:
        """It can't come back by its line from now on."""
        self._since = now

    def deadline(self) -> float | None:
        """When ``tick`` has something to do, or None."""
        times = []
        match self._standing.state:
            case PeerState.SILENT:
                times.append(self._pulse.heard_at + limits.GONE_AFTER)
            case PeerState.AWAY if not self._path.has_line:
                times.append(self._since + limits.MEMBERSHIP_KEPT)
        if self._refusing:
            times.append(self._pulse.heard_at + limits.VANISHED_AFTER)
        return min(times, default=None)

    def tick(self, now: float) -> list[Effect]:
        """What silence says by now."""
        effects = self._check_refusal(now) if self._refusing else []
        match self._standing.state:
            case PeerState.SILENT if self._pulse.silent_for(now) >= limits.GONE_AFTER:
                effects += self._lose(GoneReason.SILENT, now)
            case PeerState.AWAY if not self._path.has_line and now - self._since >= limits.MEMBERSHIP_KEPT:
                effects += self._standing.end(GoneReason.SILENT)
        return effects

    def _check_refusal(self, now: float) -> list[Effect]:
        live = self._standing.state is PeerState.LIVE
        if live and self._pulse.silent_for(now) < limits.VANISHED_AFTER:
            return []
        self._refusing = False
        return self._lose(GoneReason.VANISHED, now)

    def _lose(self, reason: GoneReason, now: float) -> list[Effect]:
        """Take it off the screen; it stays a member if there is anything to come back with."""
        if self._standing.state is PeerState.AWAY:
            return []
        if not self._standing.allows(PeerEvent.LOSE) or "line" not in self._standing.milestones:
            return self._standing.end(reason)
        self._standing.step(PeerEvent.LOSE, now)
        self._since = now
        return [*(DropLink(link) for link in self._links.abandon()), Away(reason), Changed()]
