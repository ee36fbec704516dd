"""One remote box in a room, from the proven pair to its end: the link machine.

The rules, in prose:

* A pair begins when both proved the password to each other (``core/handshake.py``). Each sends its
  identity as the first sealed frame over the relay; until the other's came and its signature held,
  nothing else is accepted.
* The smaller (box id, peer id) *leads*: it dials and offers. The pair moves to its direct line
  (``peer_line.py``), and builds a connection for pictures and sound, another one when it breaks
  (``peer_link.py``). What is said on that is in ``data_channel.py``.
* Who is not heard is *away*, and stays a member for a while (``absence.py``): the line is dialed, and
  when it is up, the leader offers, with no password asked for.
* A box that restarted has what its pairs left (``core/rejoin.py``): it dials all of them at once, and goes
  on when a line is up. A box that has forgotten it ends the pair, and so does ``REJOIN_WITHIN``.
* Two that a common member introduced (``core/introduction.py``) know each other's identity from there
  and have no relay: their pair begins when the line is up.

The parts share where the pair stands (``standing.py``), its connections (``generations.py``) and the
way of its sealed frames (``sealed_path.py``). Each has its own rules, its deadline and its tick.
"""

from __future__ import annotations

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.absence import Absence
from appliance.core.bind import Bind, Ends
from appliance.core.channel import SealedChannel
from appliance.core.data_channel import DataChannel
from appliance.core.direct_line import LineState
from appliance.core.generations import Generations
from appliance.core.identity import key_id, verify_identity
from appliance.core.introduction import Acquaintance
from appliance.core.peer_effects import (
    DropLink,
    Effect,
    GoneReason,
    HeardDoor,
    HeardGuesses,
    HeardIntroduction,
    HeardRoster,
    Identified,
    Refused,
)
from appliance.core.peer_line import PeerLine
from appliance.core.peer_link import PeerLink
from appliance.core.peer_table import PeerEvent, PeerState
from appliance.core.rejoin import Member
from appliance.core.sealed_path import SealedPath
from appliance.core.standing import Standing
from appliance.core.whereabouts import Me, Whereabouts
from appliance.errors import RemoteProtocolError


class Peer:
    """The link machine of one remote box. Every method takes ``now`` and returns effects, in order.

    ``peer_id``: theirs, hex. ``role``: ours in the handshake, "A" or "B". ``seal``: the channel of
    the proven pair, over the relay; None for one that was introduced. ``transcript``, ``bind_key``:
    from the handshake's keys. ``resumed``: the pair was there before this box restarted.
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
        *,
        resumed: bool = False,
    ) -> None:
        self.peer_id = peer_id
        self.role = role
        """Ours in the handshake, "A" or "B"."""
        self._transcript = transcript
        self.box_id = ""  # theirs, once identified
        self.box_key = b""  # its long-term public key
        self.name = ""

        begins = PeerState.PROVEN if seal is not None else PeerState.INTRODUCED
        self._standing = Standing(begins, resumed, now)
        self._where = Whereabouts(me, now)
        self._path = SealedPath(self._standing, seal)
        self._links = Generations(now)
        self._bind = Bind(role, bind_key)
        self._channel = DataChannel(self._links, now)
        self._absence = Absence(self._standing, self._path, self._links, self._channel.pulse, now)
        self._link = PeerLink(
            self._standing, self._path, self._links, self._channel, self._absence, self._bind, now
        )
        self._line = PeerLine(self._standing, self._path, self._where, self._link, self._absence)

    @classmethod
    def introduced(cls, me: Me, other: Acquaintance, now: float) -> Peer:
        """The pair of two that a common member introduced."""
        peer = cls(me, other.peer_id, other.role, None, other.keys.transcript, other.keys.bind, now)
        peer._meet(other.key, other.name, other.addresses, other.port)
        return peer

    @classmethod
    def resumed(cls, me: Me, member: Member, now: float) -> Peer:
        """The pair with a member that this box met before it restarted."""
        peer = cls(me, member.peer_id, member.role, None, b"", member.bind, now, resumed=True)
        peer._meet(member.box_key, member.name, member.addresses, member.port)
        peer._where.forget_told()  # our port may be another one
        if peer.leads:
            peer._links.newest = member.generation + limits.REJOIN_GENERATIONS
        return peer

    def kept(self) -> Member:
        """What this box needs of the pair to go on after a restart, besides its line's secrets."""
        return Member(
            self.peer_id,
            self.role,
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
        return self._standing.state

    @property
    def milestones(self) -> dict[str, float]:
        """When each step was first reached: proven, identified, line, connected, bound."""
        return self._standing.milestones

    @property
    def leads(self) -> bool:
        """True when this box dials and offers; meaningful once identified."""
        return self._standing.leads

    @property
    def shown(self) -> bool:
        """Was its name told to people: did it show that it is there?"""
        return "identified" in self._standing.milestones

    @property
    def muted(self) -> bool:
        return self._channel.theirs.muted

    @property
    def camera_on(self) -> bool:
        return self._channel.theirs.camera_on

    @property
    def held(self) -> bool:
        """Is its person in another room just now?"""
        return self._channel.theirs.held

    @property
    def rtt_ms(self) -> float | None:
        """The round trip of the last heartbeat that was echoed, in milliseconds."""
        return self._channel.pulse.rtt_ms

    @property
    def least_rtt_ms(self) -> float:
        """The round trip of the link: the least of the last few heartbeats, 0 before the first."""
        return self._channel.pulse.least_rtt_ms

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
        return self._standing.resumed

    @property
    def line_state(self) -> LineState:
        """Of the direct line."""
        return self._line.state

    @property
    def generation(self) -> int:
        """The newest connection."""
        return self._links.newest

    @property
    def bound(self) -> int | None:
        """The connection that carries pictures and sound, or None."""
        return self._links.bound

    # --- the pair and its identity ------------------------------------------------------------

    def start(self) -> list[Effect]:
        """The pair was proven: say who we are, inside the seal. Introduced or resumed, it dials."""
        if self._path.relay is None:
            return self._line.begin(self._standing.since)
        me = self._where.me
        return self._path.say(
            m.Identity.signed(me.identity, me.name, self.role, self._transcript, me.addresses, me.port)
        )

    def relay_frame(self, frame: bytes, now: float) -> list[Effect]:
        """A sealed frame of this peer came over the relay."""
        if self._path.relay is None:
            return [Refused("peer.no-relay")]
        return self._sealed(self._path.relay, frame, now)

    def line_frame(self, frame: bytes, now: float) -> list[Effect]:
        """A sealed frame of this peer came over the direct line."""
        if self._path.line is None:
            return [Refused("line.unexpected")]
        return self._sealed(self._path.line, frame, now)

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
                return self._line.hear_addresses(message, now)
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
                return self._link.hear_answer(message, now)
            case m.Leaving():
                return self._standing.end(GoneReason.LEFT)
            case _:
                raise RemoteProtocolError("peer.unexpected", "a sealed message that has no place here")

    def _offer(self, message: m.Offer, now: float) -> list[Effect]:
        before = self.state
        effects = self._link.hear_offer(message, now)
        if before is PeerState.IDENTIFIED:  # their line failed for good and they took the relay
            self._line.none()
        return effects

    def _identity(self, message: m.Identity, now: float) -> list[Effect]:
        if self.state is not PeerState.PROVEN:
            raise RemoteProtocolError("peer.identified-twice", "a second identity on one pair")
        theirs = "B" if self.role == "A" else "A"
        try:
            verify_identity(message, theirs, self._transcript)
        except RemoteProtocolError as error:
            return [Refused(error.code), *self._standing.end(GoneReason.UNPROVEN)]
        self._standing.step(PeerEvent.IDENTIFY, now)
        self._standing.milestones["identified"] = now
        self._meet(message.key, message.name, message.addresses, message.port)
        return [Identified(), *self._line.begin(now)]

    def _meet(self, key: bytes, name: str, addresses: tuple[str, ...], port: int) -> None:
        self.box_key, self.box_id = key, key_id(key).hex()
        self.name = name
        self._where.met(addresses, port)
        me = self._where.me
        self._standing.leads = (me.identity.box_id_hex, me.peer_id) < (self.box_id, self.peer_id)

    # --- the direct line, and addresses that change -------------------------------------------

    def line_up(self, channel: SealedChannel, now: float) -> list[Effect]:
        """The direct line's own handshake held, whoever dialed."""
        return self._line.up(channel, now)

    def line_failed(self, refused: bool, now: float, unknown: bool = False) -> list[Effect]:
        """Our dialing failed. ``refused``: nobody listens there. ``unknown``: it has forgotten us."""
        return self._line.failed(refused, unknown, now)

    def line_lost(self, reset: bool, now: float) -> list[Effect]:
        """The direct line ended. ``reset``: the other side's system closed it; else it went silent."""
        return self._line.lost(reset, now)

    def follow_addresses(self, me: Me, now: float) -> list[Effect]:
        """Our own addresses changed: tell the other side, and leave those that are gone."""
        self._where.me = me
        if self.state in (PeerState.GONE, PeerState.PROVEN) or not me.addresses:
            return []  # a cable that is out: what it had may come back with it
        return self._line.follow_addresses(now)

    def found_at(self, addresses: tuple[str, ...], now: float) -> list[Effect]:
        """Discovery sees the other box at these addresses: hints of where to dial."""
        return self._line.found_at(addresses, now)

    def wake(self, now: float) -> list[Effect]:
        """Something suggests that the line can be dialed again."""
        return self._line.wake(now)

    # --- the connection -----------------------------------------------------------------------

    def offer_made(self, generation: int, sdp: str) -> list[Effect]:
        """The offer of a new connection is ready."""
        return self._link.offer_made(generation, sdp)

    def answer_made(self, generation: int, sdp: str) -> list[Effect]:
        """The answer to their offer is ready."""
        return self._link.answer_made(generation, sdp)

    def link_refused(self, generation: int, code: str) -> list[Effect]:
        """Their SDP is not one that this box accepts."""
        return [Refused(code), DropLink(generation)]

    def link_checked(self, generation: int, now: float) -> list[Effect]:
        """An ICE check came through: the rest may take its time."""
        return self._link.checked(generation, now)

    def link_connected(self, generation: int, ours: Ends, theirs: Ends, now: float) -> list[Effect]:
        """ICE, DTLS and the data channel are up: prove that the connection is this pair's."""
        return self._link.connected(generation, ours, theirs, now)

    def link_failed(self, generation: int, now: float) -> list[Effect]:
        """A connection failed or was closed by the other side."""
        return self._link.failed(generation, now)

    def control_message(self, generation: int, data: bytes, now: float) -> list[Effect]:
        """A message came on a connection's data channel."""
        if self.state is PeerState.GONE or generation not in (self._links.newest, self._links.bound):
            return []
        try:
            return self._link.hear(generation, m.decode_control(data), now)
        except RemoteProtocolError as error:
            return [Refused(error.code)]

    # --- what this box says -------------------------------------------------------------------

    def say_media(self, muted: bool, camera_on: bool, held: bool = False) -> list[Effect]:
        """Tell the other box whether our microphone and camera are on, and whether this room is on hold."""
        return self._channel.say_media(m.MediaState(muted=muted, camera_on=camera_on, held=held))

    def say_same_room(self) -> list[Effect]:
        """Tell the other box that both are in one room."""
        return self._channel.say(m.SameRoom())

    def say_links(self, links: tuple[m.Link, ...]) -> list[Effect]:
        """Tell the other box of every link that we have."""
        return self._channel.say(m.Links(links=list(links)))

    def say_constraints(self, max_height: int, max_fps: int, visible: bool, now: float) -> list[Effect]:
        """Tell the other box how large its picture is drawn here; changes in quick succession are merged."""
        wanted = m.Constraints(max_height=max_height, max_fps=max_fps, visible=visible)
        return self._channel.say_constraints(wanted, now)

    def say_roster(self, peers: tuple[str, ...]) -> list[Effect]:
        """Tell the other box who is in the room."""
        return self._say(m.Roster(peers=list(peers)))

    def say_door(self, door: m.Door) -> list[Effect]:
        """Tell the other box about the joining window."""
        return self._say(door)

    def say_guesses(self, wrong: list[tuple[bytes, float]]) -> list[Effect]:
        """Tell the other box of wrong proofs of strangers: (id, seconds ago)."""
        if not wrong:
            return []
        return self._say(m.Guesses(wrong=[(event_id.hex(), round(1000 * ago)) for event_id, ago in wrong]))

    def say_introduction(self, message: m.Introduction) -> list[Effect]:
        """Carry an introduction; only a direct line does."""
        return self._path.say(message) if self._path.has_line else []

    def leave(self) -> list[Effect]:
        """This box leaves the room."""
        if self.state is PeerState.GONE:
            return []
        said = [*self._channel.say(m.Leaving()), *self._say(m.Leaving())]
        return [*said, *self._standing.end(GoneReason.LEAVING)]

    def _say(self, message: m.Sealed) -> list[Effect]:
        return [] if self.state is PeerState.PROVEN else self._path.say(message)

    # --- time ---------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When ``tick`` must be called at the latest, or None once the peer is gone."""
        match self.state:
            case PeerState.GONE:
                return None
            case PeerState.PROVEN:
                return self._standing.since + limits.IDENTIFY_WITHIN
        times = [part.deadline() for part in (self._line, self._channel, self._link, self._absence)]
        if self._standing.is_rejoining:
            times.append(self._standing.since + limits.REJOIN_WITHIN)
        return min((at for at in times if at is not None), default=None)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due."""
        lasted = now - self._standing.since
        match self.state:
            case PeerState.GONE:
                return []
            case PeerState.PROVEN:
                overdue = lasted >= limits.IDENTIFY_WITHIN
                return self._standing.end(GoneReason.UNPROVEN) if overdue else []
        effects = [*self._line.tick(now), *self._channel.tick(now)]
        if self._standing.is_rejoining:
            overdue = lasted >= limits.REJOIN_WITHIN
            return [*effects, *(self._standing.end(GoneReason.VANISHED) if overdue else [])]
        return [*effects, *self._link.listen(now), *self._absence.tick(now), *self._link.give_up(now)]
