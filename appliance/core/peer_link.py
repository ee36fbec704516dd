"""The media link of one pair: who offers, which connection carries media, and when a broken one is replaced.

The rules:

* The leader of the pair makes the offers, so there is no glare. Each offer has a *generation*, higher
  than the one before; a new connection is built beside the old one and replaces it once it is bound.
* On the data channel the first message each way is ``bind``: a MAC, under a key that only this
  pair has, over both DTLS fingerprints and both ICE ufrags (``bind.py``). Before it held, nothing is sent,
  drawn or believed on that connection.
* A heartbeat goes over the data channel every second. Silence for ``SILENT_AFTER`` is a broken link:
  the tile says "reconnecting" and the leader offers again and again while it has a line.
* A first connection that does not come up is given up after ``OFFER_RETRIES``, and the pair with it.
"""

from __future__ import annotations

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.absence import Absence
from appliance.core.bind import Bind, Ends
from appliance.core.data_channel import DataChannel
from appliance.core.generations import Generations
from appliance.core.guesses import Bucket
from appliance.core.peer_effects import (
    Changed,
    DropLink,
    Effect,
    GoneReason,
    MakeAnswer,
    MakeOffer,
    OpenMedia,
    Refused,
    Returned,
    TakeAnswer,
    ToControl,
)
from appliance.core.peer_table import PeerEvent, PeerState
from appliance.core.sealed_path import SealedPath
from appliance.core.standing import Standing
from appliance.errors import RemoteProtocolError


class PeerLink:
    """Of one pair, over ``path``. ``links``, ``channel``, ``absence``: of the same pair. ``bind``: not begun.

    Every method takes ``now``, monotonic seconds, where it matters, and returns effects, in order.
    """

    def __init__(
        self,
        standing: Standing,
        path: SealedPath,
        links: Generations,
        channel: DataChannel,
        absence: Absence,
        bind: Bind,
        now: float,
    ) -> None:
        self._standing = standing
        self._path = path
        self._links = links
        self._channel = channel
        self._absence = absence
        self._bind = bind
        self._offers_heard = Bucket(limits.OFFERS_BURST, limits.OFFER_EVERY, now)
        self._is_uprooted = False  # an address of ours is gone that the connection may use

    # --- offer and answer ---------------------------------------------------------------------

    def negotiate(self, now: float) -> list[Effect]:
        """There is a way for offers now."""
        self._standing.step(PeerEvent.NEGOTIATE, now)
        self._links.extend(now)
        return self._offer(now) if self._standing.leads else []

    def line_again(self, now: float) -> list[Effect]:
        """The line is up again: say what could not be said, or was lost with the one before."""
        broken = self._standing.state in (PeerState.SILENT, PeerState.AWAY)
        if self._standing.leads and (broken or self._is_uprooted or self._links.unanswered):
            return self._offer(now)
        return []

    def leave_addresses(self, ours_gone: bool, now: float) -> list[Effect]:
        """Our addresses are others now. ``ours_gone``: one is gone that the other side was told."""
        self._is_uprooted = self._is_uprooted or ours_gone
        return self._replace(now) if self._is_uprooted and self._path.has_line else []

    def their_addresses_gone(self, now: float) -> list[Effect]:
        """The other side left an address that the connection may use."""
        return self._replace(now)

    def _replace(self, now: float) -> list[Effect]:
        leads = self._standing.leads and self._standing.state is PeerState.LIVE
        return self._offer(now) if leads else []

    def _offer(self, now: float) -> list[Effect]:
        dropped = self._begin(self._links.newest + 1, now)
        self._links.tries += 1
        self._is_uprooted = False
        return [*dropped, MakeOffer(self._links.newest)]

    def _begin(self, generation: int, now: float) -> list[Effect]:
        """Begin a connection; one that is still being built gives way to it."""
        gives_way = self._links.begin(generation, now)
        self._bind.begin()
        return [] if gives_way is None else [DropLink(gives_way)]

    def offer_made(self, generation: int, sdp: str) -> list[Effect]:
        """The offer of a new connection is ready."""
        if self._is_over(generation):
            return [DropLink(generation)]
        self._links.unanswered = True
        return self._path.say(m.Offer(generation=generation, sdp=sdp))

    def hear_offer(self, message: m.Offer, now: float) -> list[Effect]:
        """Their offer came. Raises RemoteProtocolError where it has no place."""
        if self._standing.leads:
            raise RemoteProtocolError("peer.glare", "an offer from the side that does not offer")
        if message.generation <= self._links.newest:
            raise RemoteProtocolError("peer.stale-offer", "an offer of an old generation")
        if not self._offers_heard.take(now):
            raise RemoteProtocolError("peer.too-many-offers", "offers faster than anybody connects")
        if self._standing.state is PeerState.IDENTIFIED:
            self._standing.step(PeerEvent.NEGOTIATE, now)
        dropped = self._begin(message.generation, now)
        return [*dropped, MakeAnswer(message.generation, message.sdp)]

    def answer_made(self, generation: int, sdp: str) -> list[Effect]:
        """The answer to their offer is ready."""
        if self._is_over(generation):
            return [DropLink(generation)]
        return self._path.say(m.Answer(generation=generation, sdp=sdp))

    def hear_answer(self, message: m.Answer, now: float) -> list[Effect]:
        """Their answer came. Raises RemoteProtocolError where it fits no offer."""
        if message.generation != self._links.newest or not self._standing.leads:
            raise RemoteProtocolError("peer.stale-answer", "an answer that fits no offer")
        self._links.unanswered = False
        if self._is_healing(now):
            self._links.extend(now, limits.CHECK_WITHIN)
        return [TakeAnswer(message.generation, message.sdp)]

    def _is_over(self, generation: int) -> bool:
        return generation != self._links.newest or self._standing.state is PeerState.GONE

    def _is_healing(self, now: float) -> bool:
        quick = self._channel.pulse.silent_for(now) < limits.HEAL_QUICK_FOR
        return quick and self._standing.state in (PeerState.SILENT, PeerState.AWAY)

    # --- what becomes of a connection ---------------------------------------------------------

    def checked(self, generation: int, now: float) -> list[Effect]:
        """An ICE check came through: the rest may take its time."""
        if generation == self._links.newest and self._links.building:
            self._links.extend(now)
        return []

    def connected(self, generation: int, ours: Ends, theirs: Ends, now: float) -> list[Effect]:
        """ICE, DTLS and the data channel are up: prove that the connection is this pair's."""
        if self._is_over(generation):
            return [DropLink(generation)]
        self._standing.milestones.setdefault("connected", now)
        said = self._bind.say(generation, ours, theirs)
        effects: list[Effect] = [ToControl(generation, m.encode_control(said))]
        if (early := self._bind.early()) is not None:
            effects += self._bound_by(early, now)
        return effects

    def failed(self, generation: int, now: float) -> list[Effect]:
        """A connection failed or was closed by the other side."""
        if self._standing.state is PeerState.GONE:
            return []
        effects: list[Effect] = [DropLink(generation)]
        if generation == self._links.bound:
            self._links.bound = None
            if self._standing.state is PeerState.LIVE:
                self._standing.step(PeerEvent.SILENCE, now)
                effects.append(Changed())
            if self._standing.leads and not self._links.building:
                effects += self._offer(now)
        elif generation == self._links.newest:
            self._links.building = False
            if self._standing.state is PeerState.CONNECTING and self._standing.leads:
                effects += self._retry(now)
        return effects

    def _retry(self, now: float) -> list[Effect]:
        if self._links.tries >= limits.OFFER_RETRIES:
            return self._standing.end(GoneReason.UNREACHABLE)
        return self._offer(now)

    # --- the data channel ---------------------------------------------------------------------

    def hear(self, generation: int, message: m.Control, now: float) -> list[Effect]:
        """A message came on a connection's data channel. Raises RemoteProtocolError where it has no place."""
        if isinstance(message, m.Bind):
            return self._hear_bind(generation, message, now)
        if generation != self._links.bound:
            raise RemoteProtocolError("peer.not-bound", "a message before the bind")
        effects: list[Effect] = []
        self._channel.pulse.heard_at = now
        if self._standing.state is PeerState.SILENT:
            self._standing.step(PeerEvent.HEARD, now)
            effects.append(Changed())
        if isinstance(message, m.Leaving):
            return [*effects, *self._standing.end(GoneReason.LEFT)]
        return [*effects, *self._channel.hear(message, now)]

    def _hear_bind(self, generation: int, message: m.Bind, now: float) -> list[Effect]:
        if generation != self._links.newest or generation == self._links.bound:
            raise RemoteProtocolError("peer.bound-twice", "a second bind on one connection")
        return self._bound_by(message, now) if self._bind.hear(message) else []

    def _bound_by(self, message: m.Bind, now: float) -> list[Effect]:
        if not self._bind.holds(self._links.newest, message):
            return [Refused("peer.bind-wrong"), *self._standing.end(GoneReason.UNPROVEN)]
        old = self._links.bind()
        self._standing.milestones.setdefault("bound", now)
        back = self._standing.state is PeerState.AWAY
        self._standing.step(PeerEvent.BOUND, now)
        self._absence.answers()
        effects: list[Effect] = [OpenMedia(self._links.newest)]
        if back:
            effects.append(Returned())
        if old is not None:
            effects.append(DropLink(old))
        return [*effects, *self._channel.begin(now), Changed()]

    # --- time ---------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When ``listen`` or ``give_up`` has something to do, or None."""
        times = []
        if self._standing.state is PeerState.LIVE:
            times.append(self._channel.pulse.heard_at + limits.SILENT_AFTER)
        if self._is_connecting:
            times.append(self._links.give_up_at)
        return min(times, default=None)

    def listen(self, now: float) -> list[Effect]:
        """Notice that the connection fell silent."""
        live = self._standing.state is PeerState.LIVE
        if not live or self._channel.pulse.silent_for(now) < limits.SILENT_AFTER:
            return []
        self._standing.step(PeerEvent.SILENCE, now)
        offers = self._offer(now) if self._standing.leads and self._path.has_line else []
        return [Changed(), *offers]

    def give_up(self, now: float) -> list[Effect]:
        """Give up a connection that did not come up in time."""
        if not self._is_connecting or now < self._links.give_up_at:
            return []
        self._links.extend(now)
        match self._standing.state:
            case PeerState.LIVE:  # the old one lives, and needs no successor any more
                self._links.building = False
                return [DropLink(self._links.newest)] if self._links.newest != self._links.bound else []
            case PeerState.SILENT | PeerState.AWAY:  # it is tried again and again
                return self._offer(now) if self._standing.leads else []
        if self._standing.leads:
            return self._retry(now)
        self._links.tries += 1
        given_up = self._links.tries > limits.OFFER_RETRIES
        return self._standing.end(GoneReason.UNREACHABLE) if given_up else []

    @property
    def _is_connecting(self) -> bool:
        """A connection is being built, or should be: it has a deadline."""
        match self._standing.state:
            case PeerState.CONNECTING | PeerState.SILENT:
                return True
            case PeerState.AWAY:
                return self._path.has_line
            case PeerState.LIVE:
                return self._links.building
        return False
