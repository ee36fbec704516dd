"""One remote box in a room, from the proven pair to its end: the link machine.

The rules, in prose:

* A pair begins when both proved the password to each other (``core/handshake.py``). Each sends its
  identity as the first sealed frame over the relay; until the other's came and its signature held,
  nothing else is accepted.
* Then the pair moves to its direct line. The smaller (box id, peer id) *leads*: it dials the
  other's server; when that does not work the other one dials. If neither gets through, sealed
  frames go on over the relay, and the call works all the same while its server is there.
* The leader makes the offers, so there is no glare. Each offer has a *generation*, higher than the
  one before; a new connection is built beside the old one and replaces it once it is bound.
* On the data channel the first message each way is ``bind``: a MAC, under a key that only this
  pair has, over both DTLS fingerprints and both ICE ufrags. Before it held, nothing is sent, drawn
  or believed on that connection.
* A heartbeat goes over the data channel every second. Silence for ``SILENT_AFTER`` is a broken link:
  the tile says "reconnecting" and the leader offers again and again while it has a line. Silence for
  ``GONE_AFTER`` takes the tile off the screen: the peer is *away*.
* A line that was reset and then refuses a new connection means that the box is gone, and it is away at
  once, unless heartbeats go on: then only its server is. A line that is merely lost is dialed again.
* Who is away stays a member for ``MEMBERSHIP_KEPT``: the line is dialed, and when it is up, the leader
  offers, with no password asked for. Without a line, or when the other box has forgotten us, it ends.
* A box whose addresses changed says so over what still works. Where one is gone, the leader makes a
  connection beside the old one.
* A box that restarted has what its pairs left (``core/rejoin.py``): it dials all of them at once, and goes
  on when a line is up. A box that has forgotten it ends the pair, and so does ``REJOIN_WITHIN``.
* Two that a common member introduced (``core/introduction.py``) know each other's identity from there
  and have no relay: their pair begins when the line is up.
"""

from __future__ import annotations

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.bind import Bind, Ends
from appliance.core.channel import SealedChannel
from appliance.core.constraints import ConstraintPacer
from appliance.core.direct_line import DirectLine, LineState, Verdict
from appliance.core.generations import Generations
from appliance.core.guesses import Bucket
from appliance.core.identity import key_id, verify_identity
from appliance.core.introduction import Acquaintance
from appliance.core.peer_effects import (
    Away,
    Changed,
    Dial,
    DropLine,
    DropLink,
    Effect,
    Ended,
    GoneReason,
    HeardDoor,
    HeardGuesses,
    HeardIntroduction,
    HeardLinks,
    HeardRoster,
    HeardSameRoom,
    Identified,
    MakeAnswer,
    MakeOffer,
    OpenMedia,
    Reached,
    Refused,
    Returned,
    TakeAnswer,
    ToControl,
    ToLine,
    ToRelay,
    Wants,
)
from appliance.core.peer_table import TABLE, PeerEvent, PeerState
from appliance.core.pulse import Pulse
from appliance.core.rejoin import Member
from appliance.core.table import Machine
from appliance.core.whereabouts import Me, Whereabouts
from appliance.errors import RemoteProtocolError


class Peer:
    """The link machine of one remote box. Every method takes ``now`` and returns effects, in order.

    ``peer_id``: theirs, hex. ``role``: ours in the handshake, "A" or "B". ``seal``: the channel of
    the proven pair, over the relay; None for one that was introduced. ``transcript``, ``bind_key``:
    from the handshake's keys.
    """

    def __init__(
        self,
        me: Me,
        peer_id: str,
        role: str,
        seal: SealedChannel | None,
        transcript: bytes,
        bind_key: bytes,
        now: float,
    ) -> None:
        self._me = me
        self.peer_id = peer_id
        self._role = role
        self._transcript = transcript
        self._relay = seal
        self._resumed = False  # of a pair that was there before this box restarted
        self._line: SealedChannel | None = None
        begins = PeerState.PROVEN if seal is not None else PeerState.INTRODUCED
        self._machine = Machine("peer", TABLE, begins)
        self._direct = DirectLine()
        self._since = now  # when the current state began
        self.milestones = {"proven": now}
        """When each step was first reached: proven, identified, line, connected, bound."""

        self.box_id = ""  # theirs, once identified
        self.box_key = b""  # its long-term public key
        self.name = ""
        self._where = Whereabouts(me.addresses, now)
        self._links = Generations(now)
        self._bind = Bind(role, bind_key)
        self._offers_heard = Bucket(limits.OFFERS_BURST, limits.OFFER_EVERY, now)
        self._line_at = now  # when the line's keys were made

        self.muted = False
        self.camera_on = True
        self.held = False  # its person is in another room just now
        self._my_media = m.MediaState(muted=False, camera_on=True)
        self._constraints = ConstraintPacer()  # what we say
        self._their_constraints = ConstraintPacer()  # what they say, and we obey

        self._pulse = Pulse(now)
        self._vanished = False  # its line refuses us: gone, unless its heart beats
        self._silent_since = now
        self._away_since = now  # and out of reach

    @classmethod
    def introduced(cls, me: Me, other: Acquaintance, now: float) -> Peer:
        """The pair of two that a common member introduced."""
        peer = cls(me, other.peer_id, other.role, None, other.keys.transcript, other.keys.bind, now)
        peer._meet(other.key, other.name, other.addresses, other.port)
        return peer

    @classmethod
    def resumed(cls, me: Me, member: Member, now: float) -> Peer:
        """The pair with a member that this box met before it restarted."""
        peer = cls(me, member.peer_id, member.role, None, b"", member.bind, now)
        peer._meet(member.box_key, member.name, member.addresses, member.port)
        peer._resumed = True
        peer._where.forget_told()  # our port may be another one
        if peer.leads:
            peer._links.newest = member.generation + limits.REJOIN_GENERATIONS
        return peer

    def kept(self) -> Member:
        """What this box needs of the pair to go on after a restart, besides its line's secrets."""
        return Member(
            self.peer_id,
            self._role,
            self.name,
            self.box_key,
            self._where.addresses,
            self._where.port,
            self._bind.key,
            self._links.newest,
        )

    # --- what the shell asks ------------------------------------------------------------------

    @property
    def state(self) -> PeerState:
        return self._machine.state

    @property
    def role(self) -> str:
        """Ours in the handshake, "A" or "B"."""
        return self._role

    @property
    def leads(self) -> bool:
        """True when this box dials and offers; meaningful once identified."""
        return (self._me.identity.box_id_hex, self._me.peer_id) < (self.box_id, self.peer_id)

    @property
    def shown(self) -> bool:
        """Was its name told to people: did it show that it is there?"""
        return "identified" in self.milestones

    @property
    def rtt_ms(self) -> float | None:
        """The round trip of the last heartbeat that was echoed, in milliseconds."""
        return self._pulse.rtt_ms

    @property
    def least_rtt_ms(self) -> float:
        """The round trip of the link: the least of the last few heartbeats, 0 before the first."""
        return self._pulse.least_rtt_ms

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its signaling server is, as it said: IP addresses, none while unknown."""
        return self._where.addresses

    @property
    def port(self) -> int:
        """Of its server."""
        return self._where.port

    @property
    def is_resumed(self) -> bool:
        """Was this pair there before this box restarted?"""
        return self._resumed

    @property
    def line_state(self) -> LineState:
        """Of the direct line."""
        return self._direct.state

    @property
    def generation(self) -> int:
        """The newest connection."""
        return self._links.newest

    @property
    def bound(self) -> int | None:
        """The connection that carries pictures and sound, or None."""
        return self._links.bound

    def deadline(self) -> float | None:
        """When ``tick`` must be called at the latest, or None once the peer is gone."""
        match self.state:
            case PeerState.GONE:
                return None
            case PeerState.PROVEN:
                return self._since + limits.IDENTIFY_WITHIN
        times = [self._direct.deadline(), self._their_constraints.deadline()]
        if self._links.bound is not None:
            times += [self._pulse.beat_at, self._constraints.deadline()]
        heard_at = self._pulse.heard_at
        match self.state:
            case PeerState.LIVE:
                times.append(heard_at + limits.SILENT_AFTER)
            case PeerState.SILENT:
                times.append(heard_at + limits.GONE_AFTER)
            case PeerState.INTRODUCED if self._resumed:
                times.append(self._since + limits.REJOIN_WITHIN)
            case PeerState.AWAY if self._line is None:
                times.append(self._away_since + limits.MEMBERSHIP_KEPT)
        if self._vanished:
            times.append(heard_at + limits.VANISHED_AFTER)
        if self._connecting:
            times.append(self._links.give_up_at)
        return min((at for at in times if at is not None), default=None)

    # --- the pair and its identity ------------------------------------------------------------

    def start(self) -> list[Effect]:
        """The pair was proven: say who we are, inside the seal. Introduced or resumed, it dials."""
        if self._resumed:
            return self._line_verdict(self._direct.resume(self._since), self._since)
        if self._relay is None:
            return self._line_verdict(self._direct.begin(self.leads, self._since), self._since)
        identity = m.Identity.signed(
            self._me.identity,
            self._me.name,
            self._role,
            self._transcript,
            self._me.addresses,
            self._me.port,
        )
        return [ToRelay(self._relay.seal(m.encode_sealed(identity)))]

    def relay_frame(self, frame: bytes, now: float) -> list[Effect]:
        """A sealed frame of this peer came over the relay."""
        if self._relay is None:
            return [Refused("peer.no-relay")]
        return self._sealed(self._relay, frame, now)

    def line_frame(self, frame: bytes, now: float) -> list[Effect]:
        """A sealed frame of this peer came over the direct line."""
        if self._line is None:
            return [Refused("line.unexpected")]
        return self._sealed(self._line, frame, now)

    def _sealed(self, channel: SealedChannel, frame: bytes, now: float) -> list[Effect]:
        if self.state is PeerState.GONE:
            return []
        try:
            message = m.decode_sealed(channel.open(frame))
            return self._message(message, now)
        except RemoteProtocolError as error:
            return [Refused(error.code)]

    def _message(self, message: m.Sealed, now: float) -> list[Effect]:
        if isinstance(message, m.Identity):
            return self._identity(message, now)
        if self.state is PeerState.PROVEN:
            raise RemoteProtocolError("peer.not-identified", "a sealed message before the identity")
        match message:
            case m.Addresses():
                return self._their_addresses(message, now)
            case m.Introduce() | m.IntroduceReply() | m.IntroduceConfirm():
                return [HeardIntroduction(message)]
            case m.Roster():
                return [HeardRoster(tuple(message.peers))]
            case m.Door():
                return [HeardDoor(message)]
            case m.Guesses():
                return [HeardGuesses(tuple((bytes.fromhex(i), ago / 1000) for i, ago in message.wrong))]
            case m.Offer():
                return self._offer(message, now)
            case m.Answer():
                if message.generation != self._links.newest or not self.leads:
                    raise RemoteProtocolError("peer.stale-answer", "an answer that fits no offer")
                self._links.unanswered = False
                if self._is_healing(now):
                    self._links.extend(now, limits.CHECK_WITHIN)
                return [TakeAnswer(message.generation, message.sdp)]
            case m.Leaving():
                return self._end(GoneReason.LEFT)
            case _:
                raise RemoteProtocolError("peer.unexpected", "a sealed message that has no place here")

    def _identity(self, message: m.Identity, now: float) -> list[Effect]:
        if self.state is not PeerState.PROVEN:
            raise RemoteProtocolError("peer.identified-twice", "a second identity on one pair")
        theirs = "B" if self._role == "A" else "A"
        try:
            verify_identity(message, theirs, self._transcript)
        except RemoteProtocolError as error:
            return [Refused(error.code), *self._end(GoneReason.UNPROVEN)]
        self._step(PeerEvent.IDENTIFY, now)
        self.milestones["identified"] = now
        self._meet(message.key, message.name, message.addresses, message.port)
        return [Identified(), *self._line_verdict(self._direct.begin(self.leads, now), now)]

    def _meet(self, key: bytes, name: str, addresses: tuple[str, ...], port: int) -> None:
        self.box_key, self.box_id = key, key_id(key).hex()
        self.name = name
        self._where.met(addresses, port)

    # --- the direct line ----------------------------------------------------------------------

    def _line_verdict(self, verdict: Verdict, now: float) -> list[Effect]:
        match verdict:
            case Verdict.DIAL:
                return [Dial(self._where.dialed_at, self._where.port)]
            case Verdict.FORGOTTEN if self.state is PeerState.AWAY:
                return self._end(GoneReason.VANISHED)
            case Verdict.VANISHED | Verdict.FORGOTTEN if self._resumed and self.state is PeerState.INTRODUCED:
                return []  # it may be restarting, too
            case Verdict.VANISHED | Verdict.FORGOTTEN:
                self._vanished = True
                return self._check_vanished(now)
            case Verdict.NO_LINE if self.state is PeerState.IDENTIFIED:
                return self._negotiate(now)
            case Verdict.NO_LINE if self.state is PeerState.INTRODUCED:
                return self._end(GoneReason.UNREACHABLE)
        return []

    def _check_vanished(self, now: float) -> list[Effect]:
        """Nobody answers the line any more; what does its heart say?"""
        if self.state is PeerState.LIVE and self._pulse.silent_for(now) < limits.VANISHED_AFTER:
            return []
        self._vanished = False
        return self._lose(GoneReason.VANISHED, now)

    def _lose(self, reason: GoneReason, now: float) -> list[Effect]:
        """Take it off the screen; it stays a member if there is anything to come back with."""
        if self.state is PeerState.AWAY:
            return []
        if not self._machine.allows(PeerEvent.LOSE) or "line" not in self.milestones:
            return self._end(reason)
        self._step(PeerEvent.LOSE, now)
        self._away_since = now
        return [*(DropLink(link) for link in self._links.abandon()), Away(reason), Changed()]

    def line_up(self, channel: SealedChannel, now: float) -> list[Effect]:
        """The direct line's own handshake held, whoever dialed."""
        if self.state is PeerState.GONE:
            return [DropLine()]
        again = "line" in self.milestones
        self._line = channel
        self._line_at = now
        self._vanished = False
        self._direct.up()
        self.milestones.setdefault("line", now)
        if self.state is PeerState.INTRODUCED:
            self.milestones["identified"] = now
            return [*self._say_addresses(False), Identified(), *self._negotiate(now)]
        if self.state is PeerState.IDENTIFIED:
            return self._negotiate(now)
        # Of two lines that crossed, one is closed: what was said on it may be lost.
        effects: list[Effect] = self._say_addresses(again)
        if again:
            effects.append(Reached())
        broken = self.state in (PeerState.SILENT, PeerState.AWAY)
        if self.leads and (broken or self._where.moved or self._links.unanswered):
            effects += self._make_offer(now)
        return effects

    def line_failed(self, refused: bool, now: float, unknown: bool = False) -> list[Effect]:
        """Our dialing failed. ``refused``: nobody listens there. ``unknown``: it has forgotten us."""
        if self.state is PeerState.GONE:
            return []
        if unknown and self._resumed and self.state is PeerState.INTRODUCED:
            return self._end(GoneReason.VANISHED)
        return self._line_verdict(self._direct.failed(refused, now, unknown), now)

    def line_lost(self, reset: bool, now: float) -> list[Effect]:
        """The direct line ended. ``reset``: the other side's system closed it; else it went silent."""
        if self.state is PeerState.GONE or self._line is None:
            return []
        self._line = None
        self._away_since = now
        return self._line_verdict(self._direct.lost(reset, self.leads, now), now)

    # --- addresses that change ----------------------------------------------------------------

    def follow_addresses(self, me: Me, now: float) -> list[Effect]:
        """Our own addresses changed: tell the other side, and leave those that are gone."""
        self._me = me
        if self.state in (PeerState.GONE, PeerState.PROVEN) or not me.addresses:
            return []  # a cable that is out: what it had may come back with it
        self._where.follow(me.addresses)
        if self._line is None:
            return self._line_verdict(self._direct.redial(now), now)
        effects = self._say_addresses(False)
        if self._where.moved and self.leads and self.state is PeerState.LIVE:
            effects += self._make_offer(now)
        return effects

    def _say_addresses(self, again: bool) -> list[Effect]:
        told = self._where.to_tell(self._me.addresses, again=again)
        return self._say(m.Addresses(addresses=told, port=self._me.port)) if told else []

    def _their_addresses(self, message: m.Addresses, now: float) -> list[Effect]:
        gone = self._where.hear(message.addresses, message.port, now)
        if gone and self.leads and self.state is PeerState.LIVE:
            return self._make_offer(now)
        return []

    def found_at(self, addresses: tuple[str, ...], now: float) -> list[Effect]:
        """Discovery sees the other box at these addresses: hints of where to dial."""
        if self.state is PeerState.GONE or not self._where.see(addresses):
            return []
        return self.wake(now)

    def wake(self, now: float) -> list[Effect]:
        """Something suggests that the line can be dialed again."""
        return self._line_verdict(self._direct.redial(now), now) if self._line is None else []

    # --- the connection -----------------------------------------------------------------------

    def _negotiate(self, now: float) -> list[Effect]:
        self._step(PeerEvent.NEGOTIATE, now)
        self._links.extend(now)
        if self.leads:
            return self._make_offer(now)
        return []

    def _make_offer(self, now: float) -> list[Effect]:
        dropped = self._new_generation(self._links.newest + 1, now)
        self._links.tries += 1
        self._where.moved = False
        return [*dropped, MakeOffer(self._links.newest)]

    def _new_generation(self, generation: int, now: float) -> list[Effect]:
        """Begin a connection; one that is still being built gives way to it."""
        gives_way = self._links.begin(generation, now)
        self._bind.begin()
        return [] if gives_way is None else [DropLink(gives_way)]

    def offer_made(self, generation: int, sdp: str) -> list[Effect]:
        """The offer of a new connection is ready."""
        if generation != self._links.newest or self.state is PeerState.GONE:
            return [DropLink(generation)]
        self._links.unanswered = True
        return self._say(m.Offer(generation=generation, sdp=sdp))

    def _offer(self, message: m.Offer, now: float) -> list[Effect]:
        if self.leads:
            raise RemoteProtocolError("peer.glare", "an offer from the side that does not offer")
        if message.generation <= self._links.newest:
            raise RemoteProtocolError("peer.stale-offer", "an offer of an old generation")
        if not self._offers_heard.take(now):
            raise RemoteProtocolError("peer.too-many-offers", "offers faster than anybody connects")
        if self.state is PeerState.IDENTIFIED:  # their line failed for good and they took the relay
            self._direct.none()
            self._step(PeerEvent.NEGOTIATE, now)
        dropped = self._new_generation(message.generation, now)
        return [*dropped, MakeAnswer(message.generation, message.sdp)]

    def answer_made(self, generation: int, sdp: str) -> list[Effect]:
        """The answer to their offer is ready."""
        if generation != self._links.newest or self.state is PeerState.GONE:
            return [DropLink(generation)]
        return self._say(m.Answer(generation=generation, sdp=sdp))

    def link_refused(self, generation: int, code: str) -> list[Effect]:
        """Their SDP is not one that this box accepts."""
        return [Refused(code), DropLink(generation)]

    def link_checked(self, generation: int, now: float) -> list[Effect]:
        """An ICE check came through: the rest may take its time."""
        if generation == self._links.newest and self._links.building:
            self._links.extend(now)
        return []

    def link_connected(self, generation: int, ours: Ends, theirs: Ends, now: float) -> list[Effect]:
        """ICE, DTLS and the data channel are up: prove that the connection is this pair's."""
        if generation != self._links.newest or self.state is PeerState.GONE:
            return [DropLink(generation)]
        self.milestones.setdefault("connected", now)
        said = self._bind.say(generation, ours, theirs)
        effects: list[Effect] = [ToControl(generation, m.encode_control(said))]
        if (early := self._bind.early()) is not None:
            effects += self._bound_by(early, now)
        return effects

    def link_failed(self, generation: int, now: float) -> list[Effect]:
        """A connection failed or was closed by the other side."""
        if self.state is PeerState.GONE:
            return []
        effects: list[Effect] = [DropLink(generation)]
        if generation == self._links.bound:
            self._links.bound = None
            if self.state is PeerState.LIVE:
                self._step(PeerEvent.SILENCE, now)
                effects.append(Changed())
            if self.leads and not self._links.building:
                effects += self._make_offer(now)
        elif generation == self._links.newest:
            self._links.building = False
            if self.state is PeerState.CONNECTING and self.leads:
                effects += self._retry(now)
        return effects

    def _retry(self, now: float) -> list[Effect]:
        if self._links.tries >= limits.OFFER_RETRIES:
            return self._end(GoneReason.UNREACHABLE)
        return self._make_offer(now)

    # --- the data channel ---------------------------------------------------------------------

    def control_message(self, generation: int, data: bytes, now: float) -> list[Effect]:
        """A message came on a connection's data channel."""
        if self.state is PeerState.GONE or generation not in (self._links.newest, self._links.bound):
            return []
        try:
            message = m.decode_control(data)
            if isinstance(message, m.Bind):
                return self._bind_message(generation, message, now)
            if generation != self._links.bound:
                raise RemoteProtocolError("peer.not-bound", "a message before the bind")
            return self._control(message, now)
        except RemoteProtocolError as error:
            return [Refused(error.code)]

    def _bind_message(self, generation: int, message: m.Bind, now: float) -> list[Effect]:
        if generation != self._links.newest or generation == self._links.bound:
            raise RemoteProtocolError("peer.bound-twice", "a second bind on one connection")
        return self._bound_by(message, now) if self._bind.hear(message) else []

    def _bound_by(self, message: m.Bind, now: float) -> list[Effect]:
        if not self._bind.holds(self._links.newest, message):
            return [Refused("peer.bind-wrong"), *self._end(GoneReason.UNPROVEN)]
        old = self._links.bind()
        self.milestones.setdefault("bound", now)
        back = self.state is PeerState.AWAY
        self._step(PeerEvent.BOUND, now)
        self._vanished = False
        self._pulse.begin(now)
        effects: list[Effect] = [OpenMedia(self._links.newest)]
        if back:
            effects.append(Returned())
        if old is not None:
            effects.append(DropLink(old))
        effects.append(self._to_control(self._my_media))
        effects += self._say_wanted(self._constraints.begin(now))
        return [*effects, self._to_control(self._pulse.beat(now)), Changed()]

    def _control(self, message: m.Control, now: float) -> list[Effect]:
        effects: list[Effect] = []
        self._pulse.heard_at = now
        if self.state is PeerState.SILENT:
            self._step(PeerEvent.HEARD, now)
            effects.append(Changed())
        match message:
            case m.Heartbeat():
                self._pulse.take(message, now)
            case m.MediaState():
                self.muted, self.camera_on, self.held = message.muted, message.camera_on, message.held
                effects.append(Changed())
            case m.Constraints():
                effects += self._obey(self._their_constraints.want(message, now))
            case m.SameRoom():
                effects.append(HeardSameRoom())
            case m.Links():
                effects.append(HeardLinks(tuple(message.links)))
            case m.Leaving():
                effects += self._end(GoneReason.LEFT)
        return effects

    def _obey(self, constraints: m.Constraints | None) -> list[Effect]:
        if constraints is None:
            return []
        return [Wants(constraints.max_height, constraints.max_fps, constraints.visible)]

    # --- what this box says -------------------------------------------------------------------

    def say_media(self, muted: bool, camera_on: bool, held: bool = False) -> list[Effect]:
        """Tell the other box whether our microphone and camera are on, and whether this room is on hold."""
        self._my_media = m.MediaState(muted=muted, camera_on=camera_on, held=held)
        return [self._to_control(self._my_media)] if self._links.bound is not None else []

    def say_same_room(self) -> list[Effect]:
        """Tell the other box that both are in one room."""
        return [self._to_control(m.SameRoom())] if self._links.bound is not None else []

    def say_links(self, links: tuple[m.Link, ...]) -> list[Effect]:
        """Tell the other box of every link that we have."""
        return [self._to_control(m.Links(links=list(links)))] if self._links.bound is not None else []

    def say_constraints(self, max_height: int, max_fps: int, visible: bool, now: float) -> list[Effect]:
        """Tell the other box how large its picture is drawn here; changes in quick succession are merged."""
        wanted = m.Constraints(max_height=max_height, max_fps=max_fps, visible=visible)
        if self._links.bound is None:
            self._constraints.hold(wanted)
            return []
        return self._say_wanted(self._constraints.want(wanted, now))

    def _say_wanted(self, constraints: m.Constraints | None) -> list[Effect]:
        return [self._to_control(constraints)] if constraints is not None else []

    def say_roster(self, peers: tuple[str, ...]) -> list[Effect]:
        """Tell the other box who is in the room."""
        return [] if self.state is PeerState.PROVEN else self._say(m.Roster(peers=list(peers)))

    def say_door(self, door: m.Door) -> list[Effect]:
        """Tell the other box about the joining window."""
        return [] if self.state is PeerState.PROVEN else self._say(door)

    def say_guesses(self, wrong: list[tuple[bytes, float]]) -> list[Effect]:
        """Tell the other box of wrong proofs of strangers: (id, seconds ago)."""
        if self.state is PeerState.PROVEN or not wrong:
            return []
        return self._say(m.Guesses(wrong=[(event_id.hex(), round(1000 * ago)) for event_id, ago in wrong]))

    def say_introduction(self, message: m.Introduction) -> list[Effect]:
        """Carry an introduction; only a direct line does."""
        return self._say(message) if self._line is not None else []

    def leave(self) -> list[Effect]:
        """This box leaves the room."""
        if self.state is PeerState.GONE:
            return []
        effects: list[Effect] = []
        if self._links.bound is not None:
            effects.append(self._to_control(m.Leaving()))
        if self.state is not PeerState.PROVEN:
            effects += self._say(m.Leaving())
        return [*effects, *self._end(GoneReason.LEAVING)]

    def _say(self, message: m.Sealed) -> list[Effect]:
        if self.state is PeerState.GONE:
            return []
        if self._line is not None:
            return [ToLine(self._line.seal(m.encode_sealed(message)))]
        if self._relay is None or self.state is PeerState.AWAY:
            return []  # nobody would hear it; what counts is told again when it is reached
        return [ToRelay(self._relay.seal(m.encode_sealed(message)))]

    def _to_control(self, message: m.Control) -> ToControl:
        assert self._links.bound is not None
        return ToControl(self._links.bound, m.encode_control(message))

    # --- time ---------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Do what is due."""
        effects: list[Effect] = []
        match self.state:
            case PeerState.GONE:
                return []
            case PeerState.PROVEN:
                if now - self._since >= limits.IDENTIFY_WITHIN:
                    return self._end(GoneReason.UNPROVEN)
                return []
        effects += self._line_verdict(self._direct.tick(now), now)
        if self._line is not None and self.leads and self._line_used_up(now):
            effects += self._line_verdict(self._direct.renew(now), now)
        if self._links.bound is not None:
            if now >= self._pulse.beat_at:
                effects.append(self._to_control(self._pulse.beat(now)))
            effects += self._say_wanted(self._constraints.tick(now))
        effects += self._obey(self._their_constraints.tick(now))
        if self._resumed and self.state is PeerState.INTRODUCED:
            overdue = now - self._since >= limits.REJOIN_WITHIN
            return [*effects, *self._end(GoneReason.VANISHED)] if overdue else effects
        effects += self._watch(now)
        if self._connecting and now >= self._links.give_up_at:
            effects += self._overdue(now)
        return effects

    def _watch(self, now: float) -> list[Effect]:
        """What silence says by now."""
        silent_for = self._pulse.silent_for(now)
        effects: list[Effect] = []
        if self.state is PeerState.LIVE and silent_for >= limits.SILENT_AFTER:
            self._step(PeerEvent.SILENCE, now)
            effects.append(Changed())
            if self.leads and self._line is not None:
                effects += self._make_offer(now)
        if self._vanished:
            effects += self._check_vanished(now)
        if self.state is PeerState.SILENT and silent_for >= limits.GONE_AFTER:
            effects += self._lose(GoneReason.SILENT, now)
        elif (
            self.state is PeerState.AWAY
            and self._line is None
            and now - self._away_since >= limits.MEMBERSHIP_KEPT
        ):
            effects += self._end(GoneReason.SILENT)
        return effects

    @property
    def _connecting(self) -> bool:
        """A connection is being built, or should be: it has a deadline."""
        match self.state:
            case PeerState.CONNECTING | PeerState.SILENT:
                return True
            case PeerState.AWAY:
                return self._line is not None
            case PeerState.LIVE:
                return self._links.building
        return False

    def _is_healing(self, now: float) -> bool:
        quick = self._pulse.silent_for(now) < limits.HEAL_QUICK_FOR
        return quick and self.state in (PeerState.SILENT, PeerState.AWAY)

    def _overdue(self, now: float) -> list[Effect]:
        """No connection came up in time."""
        self._links.extend(now)
        match self.state:
            case PeerState.LIVE:  # the old one lives, and needs no successor any more
                self._links.building = False
                return [DropLink(self._links.newest)] if self._links.newest != self._links.bound else []
            case PeerState.SILENT | PeerState.AWAY:  # it is tried again and again
                return self._make_offer(now) if self.leads else []
        if self.leads:
            return self._retry(now)
        self._links.tries += 1
        return self._end(GoneReason.UNREACHABLE) if self._links.tries > limits.OFFER_RETRIES else []

    def _line_used_up(self, now: float) -> bool:
        assert self._line is not None
        return now - self._line_at >= limits.LINE_RENEW_AFTER or self._line.used_up(now)

    def _end(self, reason: GoneReason) -> list[Effect]:
        self._machine.step(PeerEvent.END)
        return [Ended(reason), Changed()]

    def _step(self, event: PeerEvent, now: float) -> None:
        self._machine.step(event)
        self._since = now
