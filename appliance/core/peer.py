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
  the tile says "reconnecting" and the leader offers again. Silence for ``GONE_AFTER`` ends the peer.
* A line that was reset and then refuses a new connection means that the box is gone, at once.
  A line that is merely lost is dialed again.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.channel import SealedChannel, bind_mac, equal_macs
from appliance.core.constraints import ConstraintPacer
from appliance.core.direct_line import DirectLine, LineState, Verdict
from appliance.core.guesses import Bucket
from appliance.core.identity import BoxIdentity, verify_identity
from appliance.core.peer_effects import (
    Changed,
    Dial,
    DropLine,
    DropLink,
    Effect,
    Ended,
    GoneReason,
    HeardDoor,
    HeardRoster,
    HeardSameRoom,
    Identified,
    MakeAnswer,
    MakeOffer,
    OpenMedia,
    Refused,
    TakeAnswer,
    ToControl,
    ToLine,
    ToRelay,
    Wants,
)
from appliance.core.table import Machine
from appliance.errors import RemoteProtocolError


class PeerState(enum.Enum):
    PROVEN = "proven"  # identities are on their way over the relay
    IDENTIFIED = "identified"  # looking for the direct line
    CONNECTING = "connecting"  # offer, answer, ICE, DTLS
    LIVE = "live"  # bound, and heard from
    SILENT = "silent"  # bound once, but silent now
    GONE = "gone"


class PeerEvent(enum.Enum):
    IDENTIFY = "identify"  # their identity held
    NEGOTIATE = "negotiate"  # there is a way for offers: the line, or the relay in its stead
    BOUND = "bound"  # a connection's bind held
    SILENCE = "silence"  # no heartbeat for SILENT_AFTER, or the connection failed
    HEARD = "heard"  # a heartbeat after silence
    END = "end"


_S, _E = PeerState, PeerEvent
TABLE: dict[tuple[PeerState, PeerEvent], PeerState] = {
    (_S.PROVEN, _E.IDENTIFY): _S.IDENTIFIED,
    (_S.IDENTIFIED, _E.NEGOTIATE): _S.CONNECTING,
    (_S.CONNECTING, _E.BOUND): _S.LIVE,
    (_S.LIVE, _E.SILENCE): _S.SILENT,
    (_S.LIVE, _E.BOUND): _S.LIVE,
    (_S.SILENT, _E.HEARD): _S.LIVE,
    (_S.SILENT, _E.BOUND): _S.LIVE,
    **{(state, _E.END): _S.GONE for state in _S if state is not _S.GONE},
}


@dataclass(frozen=True, slots=True)
class Me:
    """This box, as it tells a peer: where its own server is, for the direct line."""

    identity: BoxIdentity
    name: str
    peer_id: str
    addresses: tuple[str, ...]
    port: int


@dataclass(frozen=True, slots=True)
class Ends:
    """What the bind MAC covers of one connection, of one side."""

    fingerprint: str
    ufrag: str


class Peer:
    """The link machine of one remote box. Every method takes ``now`` and returns effects, in order.

    ``peer_id``: theirs, hex. ``role``: ours in the handshake, "A" or "B". ``seal``: the channel of
    the proven pair, over the relay. ``transcript``, ``bind_key``: from the handshake's keys.
    """

    def __init__(
        self,
        me: Me,
        peer_id: str,
        role: str,
        seal: SealedChannel,
        transcript: bytes,
        bind_key: bytes,
        now: float,
    ) -> None:
        self._me = me
        self.peer_id = peer_id
        self._role = role
        self._transcript = transcript
        self._bind_key = bind_key
        self._relay = seal
        self._line: SealedChannel | None = None
        self._machine = Machine("peer", TABLE, PeerState.PROVEN)
        self._direct = DirectLine()
        self._since = now  # when the current state began
        self.milestones = {"proven": now}
        """When each step was first reached: proven, identified, line, connected, bound."""

        self.box_id = ""  # theirs, once identified
        self.box_key = b""  # its long-term public key
        self.name = ""
        self._addresses: tuple[str, ...] = ()
        self._port = 0

        self._generation = 0  # the newest connection
        self._bound: int | None = None  # the connection that carries media
        self._ends: tuple[Ends, Ends] | None = None  # (ours, theirs) of the newest connection
        self._bind_sent = False
        self._early_bind: m.Bind | None = None  # came before our own end knew it was connected
        self._offers = 0
        self._offered_at = now
        self._offers_heard = Bucket(limits.OFFERS_BURST, limits.OFFER_EVERY, now)
        self._building = False  # the newest connection is on its way
        self._line_at = now  # when the line's keys were made

        self.muted = False
        self.camera_on = True
        self._my_media = m.MediaState(muted=False, camera_on=True)
        self._constraints = ConstraintPacer()  # what we say
        self._their_constraints = ConstraintPacer()  # what they say, and we obey

        self._heard_at = now  # last heartbeat
        self._beat_at = now
        self._seq = 0
        self._sent_at: OrderedDict[int, float] = OrderedDict()
        self._their_seq = 0
        self._their_seq_at = now
        self.rtt_ms: float | None = None

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
    def line_state(self) -> LineState:
        """Of the direct line."""
        return self._direct.state

    @property
    def generation(self) -> int:
        """The newest connection."""
        return self._generation

    @property
    def bound(self) -> int | None:
        """The connection that carries pictures and sound, or None."""
        return self._bound

    def deadline(self) -> float | None:
        """When ``tick`` must be called at the latest, or None once the peer is gone."""
        match self.state:
            case PeerState.GONE:
                return None
            case PeerState.PROVEN:
                return self._since + limits.IDENTIFY_WITHIN
        times = []
        if (at := self._direct.deadline()) is not None:
            times.append(at)
        if (at := self._their_constraints.deadline()) is not None:
            times.append(at)
        if self._bound is not None:
            times.append(self._beat_at)
            if (at := self._constraints.deadline()) is not None:
                times.append(at)
        if self.state is PeerState.LIVE:
            times.append(self._heard_at + limits.SILENT_AFTER)
        elif self.state is PeerState.SILENT:
            times.append(self._heard_at + limits.GONE_AFTER)
        if self._connecting:
            times.append(self._offered_at + limits.CONNECT_WITHIN)
        return min(times) if times else None

    # --- the pair and its identity ------------------------------------------------------------

    @property
    def server(self) -> tuple[tuple[str, ...], int]:
        """Where its own signaling server is, as it says: IP addresses and the port; none while unknown."""
        return self._addresses, self._port

    def start(self) -> list[Effect]:
        """The pair was proven: say who we are, inside the seal."""
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
            case m.Roster():
                return [HeardRoster(tuple(message.peers))]
            case m.Door():
                return [HeardDoor(message)]
            case m.Offer():
                return self._offer(message, now)
            case m.Answer():
                if message.generation != self._generation or not self.leads:
                    raise RemoteProtocolError("peer.stale-answer", "an answer that fits no offer")
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
        self.box_id = message.box_id_hex
        self.box_key = message.key
        self.name = message.name
        self._addresses = tuple(message.addresses)
        self._port = message.port
        return [Identified(), *self._line_verdict(self._direct.begin(self.leads, now), now)]

    # --- the direct line ----------------------------------------------------------------------

    def _line_verdict(self, verdict: Verdict, now: float) -> list[Effect]:
        match verdict:
            case Verdict.DIAL:
                return [Dial(self._addresses, self._port)]
            case Verdict.VANISHED:
                return self._end(GoneReason.VANISHED)
            case Verdict.NO_LINE if self.state is PeerState.IDENTIFIED:
                return self._negotiate(now)
        return []

    def line_up(self, channel: SealedChannel, now: float) -> list[Effect]:
        """The direct line's own handshake held, whoever dialed."""
        if self.state is PeerState.GONE:
            return [DropLine()]
        self._line = channel
        self._line_at = now
        self._direct.up()
        self.milestones.setdefault("line", now)
        if self.state is PeerState.IDENTIFIED:
            return self._negotiate(now)
        if self.state is PeerState.SILENT and self.leads:
            return self._make_offer(now)
        return []

    def line_failed(self, refused: bool, now: float) -> list[Effect]:
        """Our dialing failed. ``refused``: nobody listens there."""
        if self.state is PeerState.GONE:
            return []
        return self._line_verdict(self._direct.failed(refused, now), now)

    def line_lost(self, reset: bool, now: float) -> list[Effect]:
        """The direct line ended. ``reset``: the other side's system closed it; else it went silent."""
        if self.state is PeerState.GONE or self._line is None:
            return []
        self._line = None
        return self._line_verdict(self._direct.lost(reset, self.leads, now), now)

    # --- the connection -----------------------------------------------------------------------

    def _negotiate(self, now: float) -> list[Effect]:
        self._step(PeerEvent.NEGOTIATE, now)
        self._offered_at = now
        if self.leads:
            return self._make_offer(now)
        return []

    def _make_offer(self, now: float) -> list[Effect]:
        dropped = self._new_generation(self._generation + 1, now)
        self._offers += 1
        return [*dropped, MakeOffer(self._generation)]

    def _new_generation(self, generation: int, now: float) -> list[Effect]:
        """Begin a connection; one that is still being built gives way to it."""
        dropped: list[Effect] = []
        if self._building and self._generation != self._bound:
            dropped.append(DropLink(self._generation))
        self._generation = generation
        self._building = True
        self._ends = None
        self._bind_sent = False
        self._early_bind = None
        self._offered_at = now
        return dropped

    def offer_made(self, generation: int, sdp: str) -> list[Effect]:
        """The offer of a new connection is ready."""
        if generation != self._generation or self.state is PeerState.GONE:
            return [DropLink(generation)]
        return self._say(m.Offer(generation=generation, sdp=sdp))

    def _offer(self, message: m.Offer, now: float) -> list[Effect]:
        if self.leads:
            raise RemoteProtocolError("peer.glare", "an offer from the side that does not offer")
        if message.generation <= self._generation:
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
        if generation != self._generation or self.state is PeerState.GONE:
            return [DropLink(generation)]
        return self._say(m.Answer(generation=generation, sdp=sdp))

    def link_refused(self, generation: int, code: str) -> list[Effect]:
        """Their SDP is not one that this box accepts."""
        return [Refused(code), DropLink(generation)]

    def link_connected(self, generation: int, ours: Ends, theirs: Ends, now: float) -> list[Effect]:
        """ICE, DTLS and the data channel are up: prove that the connection is this pair's."""
        if generation != self._generation or self.state is PeerState.GONE:
            return [DropLink(generation)]
        self._ends = (ours, theirs)
        self.milestones.setdefault("connected", now)
        self._bind_sent = True
        mac = self._bind_mac(self._role, generation, ours, theirs)
        effects: list[Effect] = [ToControl(generation, m.encode_control(m.Bind(mac=mac)))]
        if self._early_bind is not None:
            early, self._early_bind = self._early_bind, None
            effects += self._bind(early, now)
        return effects

    def _bind_mac(self, role: str, generation: int, sender: Ends, receiver: Ends) -> bytes:
        return bind_mac(
            self._bind_key,
            role,
            generation,
            (sender.fingerprint, receiver.fingerprint),
            (sender.ufrag, receiver.ufrag),
        )

    def link_failed(self, generation: int, now: float) -> list[Effect]:
        """A connection failed or was closed by the other side."""
        if self.state is PeerState.GONE:
            return []
        effects: list[Effect] = [DropLink(generation)]
        if generation == self._bound:
            self._bound = None
            if self.state is PeerState.LIVE:
                self._step(PeerEvent.SILENCE, now)
                effects.append(Changed())
            if self.leads and not self._building:
                effects += self._make_offer(now)
        elif generation == self._generation:
            self._building = False
            if self.state is PeerState.CONNECTING and self.leads:
                effects += self._retry(now)
        return effects

    def _retry(self, now: float) -> list[Effect]:
        if self._offers >= limits.OFFER_RETRIES:
            return self._end(GoneReason.UNREACHABLE)
        return self._make_offer(now)

    # --- the data channel ---------------------------------------------------------------------

    def control_message(self, generation: int, data: bytes, now: float) -> list[Effect]:
        """A message came on a connection's data channel."""
        if self.state is PeerState.GONE or generation not in (self._generation, self._bound):
            return []
        try:
            message = m.decode_control(data)
            if isinstance(message, m.Bind):
                return self._bind_message(generation, message, now)
            if generation != self._bound:
                raise RemoteProtocolError("peer.not-bound", "a message before the bind")
            return self._control(message, now)
        except RemoteProtocolError as error:
            return [Refused(error.code)]

    def _bind_message(self, generation: int, message: m.Bind, now: float) -> list[Effect]:
        if generation != self._generation or generation == self._bound:
            raise RemoteProtocolError("peer.bound-twice", "a second bind on one connection")
        if self._ends is None:
            self._early_bind = message
            return []
        return self._bind(message, now)

    def _bind(self, message: m.Bind, now: float) -> list[Effect]:
        assert self._ends is not None
        ours, theirs = self._ends
        role = "B" if self._role == "A" else "A"
        if not equal_macs(message.mac, self._bind_mac(role, self._generation, theirs, ours)):
            return [Refused("peer.bind-wrong"), *self._end(GoneReason.UNPROVEN)]
        old, self._bound = self._bound, self._generation
        self.milestones.setdefault("bound", now)
        self._step(PeerEvent.BOUND, now)
        self._building = False
        self._offers = 0
        self._heard_at = self._beat_at = now
        effects: list[Effect] = [OpenMedia(self._generation)]
        if old is not None:
            effects.append(DropLink(old))
        effects.append(self._to_control(self._my_media))
        effects += self._say_wanted(self._constraints.begin(now))
        return [*effects, *self._beat(now), Changed()]

    def _control(self, message: m.Control, now: float) -> list[Effect]:
        effects: list[Effect] = []
        self._heard_at = now
        if self.state is PeerState.SILENT:
            self._step(PeerEvent.HEARD, now)
            effects.append(Changed())
        match message:
            case m.Heartbeat():
                self._heartbeat(message, now)
            case m.MediaState():
                self.muted, self.camera_on = message.muted, message.camera_on
                effects.append(Changed())
            case m.Constraints():
                effects += self._obey(self._their_constraints.want(message, now))
            case m.SameRoom():
                effects.append(HeardSameRoom())
            case m.Leaving():
                effects += self._end(GoneReason.LEFT)
        return effects

    def _obey(self, constraints: m.Constraints | None) -> list[Effect]:
        if constraints is None:
            return []
        return [Wants(constraints.max_height, constraints.max_fps, constraints.visible)]

    def _heartbeat(self, message: m.Heartbeat, now: float) -> None:
        self._their_seq, self._their_seq_at = message.seq, now
        sent = self._sent_at.pop(message.echo, None)
        if sent is not None:
            self.rtt_ms = max(0.0, (now - sent) * 1000 - message.held_ms)

    def _beat(self, now: float) -> list[Effect]:
        self._seq += 1
        self._sent_at[self._seq] = now
        while len(self._sent_at) > limits.GONE_AFTER / limits.HEARTBEAT_EVERY:
            self._sent_at.popitem(last=False)
        self._beat_at = now + limits.HEARTBEAT_EVERY
        held = min(int((now - self._their_seq_at) * 1000), 60_000)
        return [self._to_control(m.Heartbeat(seq=self._seq, echo=self._their_seq, held_ms=held))]

    # --- what this box says -------------------------------------------------------------------

    def say_media(self, muted: bool, camera_on: bool) -> list[Effect]:
        """Tell the other box whether our microphone and camera are on."""
        self._my_media = m.MediaState(muted=muted, camera_on=camera_on)
        return [self._to_control(self._my_media)] if self._bound is not None else []

    def say_same_room(self) -> list[Effect]:
        """Tell the other box that both are in one room."""
        return [self._to_control(m.SameRoom())] if self._bound is not None else []

    def say_constraints(self, max_height: int, max_fps: int, visible: bool, now: float) -> list[Effect]:
        """Tell the other box how large its picture is drawn here; changes in quick succession are merged."""
        wanted = m.Constraints(max_height=max_height, max_fps=max_fps, visible=visible)
        if self._bound is None:
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

    def leave(self) -> list[Effect]:
        """This box leaves the room."""
        if self.state is PeerState.GONE:
            return []
        effects: list[Effect] = []
        if self._bound is not None:
            effects.append(self._to_control(m.Leaving()))
        if self.state is not PeerState.PROVEN:
            effects += self._say(m.Leaving())
        return [*effects, *self._end(GoneReason.LEAVING)]

    def _say(self, message: m.Sealed) -> list[Effect]:
        if self.state is PeerState.GONE:
            return []
        if self._line is not None:
            return [ToLine(self._line.seal(m.encode_sealed(message)))]
        return [ToRelay(self._relay.seal(m.encode_sealed(message)))]

    def _to_control(self, message: m.Control) -> ToControl:
        assert self._bound is not None
        return ToControl(self._bound, m.encode_control(message))

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
        if self._bound is not None and now >= self._beat_at:
            effects += self._beat(now)
        if self._bound is not None:
            effects += self._say_wanted(self._constraints.tick(now))
        effects += self._obey(self._their_constraints.tick(now))
        if self.state in (PeerState.LIVE, PeerState.SILENT):
            silent_for = now - self._heard_at
            if silent_for >= limits.GONE_AFTER:
                return [*effects, *self._end(GoneReason.SILENT)]
            if self.state is PeerState.LIVE and silent_for >= limits.SILENT_AFTER:
                self._step(PeerEvent.SILENCE, now)
                effects.append(Changed())
                if self.leads and self._line is not None:
                    effects += self._make_offer(now)
        if self._connecting and now - self._offered_at >= limits.CONNECT_WITHIN:
            effects += self._overdue(now)
        return effects

    @property
    def _connecting(self) -> bool:
        """A connection is being built, or should be: it has a deadline."""
        match self.state:
            case PeerState.CONNECTING | PeerState.SILENT:
                return True
            case PeerState.LIVE:
                return self._building
        return False

    def _overdue(self, now: float) -> list[Effect]:
        """No connection came up in time."""
        self._offered_at = now
        match self.state:
            case PeerState.LIVE:  # the old one lives, and needs no successor any more
                self._building = False
                return [DropLink(self._generation)] if self._generation != self._bound else []
            case PeerState.SILENT:  # the tile's own time-out ends it; until then it is tried again and again
                return self._make_offer(now) if self.leads else []
        if self.leads:
            return self._retry(now)
        self._offers += 1
        return self._end(GoneReason.UNREACHABLE) if self._offers > limits.OFFER_RETRIES else []

    def _line_used_up(self, now: float) -> bool:
        assert self._line is not None
        return now - self._line_at >= limits.LINE_RENEW_AFTER or self._line.used_up(now)

    def _end(self, reason: GoneReason) -> list[Effect]:
        self._machine.step(PeerEvent.END)
        return [Ended(reason), Changed()]

    def _step(self, event: PeerEvent, now: float) -> None:
        self._machine.step(event)
        self._since = now
