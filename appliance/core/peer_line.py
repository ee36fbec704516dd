"""The direct line of one pair: where it is dialed, and what its coming and going means for the pair.

The rules:

* The leader of the pair dials the other's server; when that does not work the other one dials. If neither
  gets through, sealed frames go on over the relay, and the call works all the same while its server is there.
  When which side dials is ``direct_line.py``'s business.
* A line that refuses us, or knows us no more, may mean that the box is gone (``absence.py``). A line
  that is merely lost is dialed again.
* Who is away, and has forgotten us, is gone for good.
* A box whose addresses changed says so over what still works. Where one is gone, the leader makes a
  connection beside the old one.
"""

from __future__ import annotations

from appliance.core import messages as m
from appliance.core.absence import Absence
from appliance.core.channel import SealedChannel
from appliance.core.direct_line import DirectLine, LineState, Verdict
from appliance.core.peer_effects import Dial, DropLine, Effect, GoneReason, Identified, Reached
from appliance.core.peer_link import PeerLink
from appliance.core.peer_table import PeerState
from appliance.core.sealed_path import SealedPath
from appliance.core.standing import Standing
from appliance.core.whereabouts import Whereabouts


class PeerLine:
    """Of one pair. ``path``, ``where``, ``link``, ``absence``: of the same pair.

    Every method takes ``now``, monotonic seconds, and returns effects, in order.
    """

    def __init__(
        self, standing: Standing, path: SealedPath, where: Whereabouts, link: PeerLink, absence: Absence
    ) -> None:
        self._standing = standing
        self._path = path
        self._where = where
        self._link = link
        self._absence = absence
        self._direct = DirectLine()

    @property
    def state(self) -> LineState:
        return self._direct.state

    def begin(self, now: float) -> list[Effect]:
        """It is known who the other box is, and where: have a line."""
        if self._standing.resumed:
            return self._follow(self._direct.resume(now), now)
        return self._follow(self._direct.begin(self._standing.leads, now), now)

    def _follow(self, verdict: Verdict, now: float) -> list[Effect]:
        match verdict:
            case Verdict.DIAL:
                return [Dial(self._where.dialed_at, self._where.port)]
            case Verdict.FORGOTTEN if self._standing.state is PeerState.AWAY:
                return self._standing.end(GoneReason.VANISHED)
            case Verdict.VANISHED | Verdict.FORGOTTEN if self._standing.is_rejoining:
                return []  # it may be restarting, too
            case Verdict.VANISHED | Verdict.FORGOTTEN:
                return self._absence.line_refuses(now)
            case Verdict.NO_LINE if self._standing.state is PeerState.IDENTIFIED:
                return self._link.negotiate(now)
            case Verdict.NO_LINE if self._standing.state is PeerState.INTRODUCED:
                return self._standing.end(GoneReason.UNREACHABLE)
        return []

    # --- it comes and goes --------------------------------------------------------------------

    def up(self, channel: SealedChannel, now: float) -> list[Effect]:
        """The line's own handshake held, whoever dialed."""
        if self._standing.state is PeerState.GONE:
            return [DropLine()]
        again = "line" in self._standing.milestones
        self._path.line_up(channel, now)
        self._absence.answers()
        self._direct.up()
        self._standing.milestones.setdefault("line", now)
        if self._standing.state is PeerState.INTRODUCED:
            self._standing.milestones["identified"] = now
            return [*self._say_addresses(False), Identified(), *self._link.negotiate(now)]
        if self._standing.state is PeerState.IDENTIFIED:
            return self._link.negotiate(now)
        # Of two lines that crossed, one is closed: what was said on it may be lost.
        effects: list[Effect] = self._say_addresses(again)
        if again:
            effects.append(Reached())
        return [*effects, *self._link.line_again(now)]

    def failed(self, refused: bool, unknown: bool, now: float) -> list[Effect]:
        """Our dialing failed. ``refused``: nobody listens there. ``unknown``: it has forgotten us."""
        if self._standing.state is PeerState.GONE:
            return []
        if unknown and self._standing.is_rejoining:
            return self._standing.end(GoneReason.VANISHED)
        return self._follow(self._direct.failed(refused, now, unknown), now)

    def lost(self, reset: bool, now: float) -> list[Effect]:
        """The line ended. ``reset``: the other side's system closed it; else it went silent."""
        if self._standing.state is PeerState.GONE or not self._path.has_line:
            return []
        self._path.line = None
        self._absence.line_lost(now)
        return self._follow(self._direct.lost(reset, self._standing.leads, now), now)

    def none(self) -> None:
        """The other side says that there is no line, by using the relay."""
        self._direct.none()

    def wake(self, now: float) -> list[Effect]:
        """Something suggests that the line can be dialed again."""
        return [] if self._path.has_line else self._follow(self._direct.redial(now), now)

    # --- addresses that change ----------------------------------------------------------------

    def follow_addresses(self, now: float) -> list[Effect]:
        """Our own addresses changed: tell the other side, and leave those that are gone."""
        gone = self._where.has_left()
        told = self._say_addresses(False) if self._path.has_line else self.wake(now)
        return [*told, *self._link.leave_addresses(gone, now)]

    def hear_addresses(self, message: m.Addresses, now: float) -> list[Effect]:
        """The other box is elsewhere from now on. Raises RemoteProtocolError (``peer.too-many-moves``)."""
        gone = self._where.hear(message.addresses, message.port, now)
        return self._link.their_addresses_gone(now) if gone else []

    def found_at(self, addresses: tuple[str, ...], now: float) -> list[Effect]:
        """Discovery sees the other box at these addresses: hints of where to dial."""
        if self._standing.state is PeerState.GONE or not self._where.see(addresses):
            return []
        return self.wake(now)

    def _say_addresses(self, again: bool) -> list[Effect]:
        told = self._where.to_tell(again=again)
        return self._path.say(m.Addresses(addresses=told, port=self._where.me.port)) if told else []

    # --- time ---------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When ``tick`` has something to do, but for a line that is used up, or None."""
        return self._direct.deadline()

    def tick(self, now: float) -> list[Effect]:
        """Dial when it is time to, also beside a line whose keys are used up."""
        effects = self._follow(self._direct.tick(now), now)
        if self._standing.leads and self._path.is_used_up(now):
            effects += self._follow(self._direct.renew(now), now)
        return effects
