"""Every message between boxes, and its codec.

Three families, each JSON text (RFC 8259) with a ``type``:

* **outer** frames, which a relay passes on and everybody in the channel can read;
* **sealed** messages, the plaintext inside a seal, over the relay or the direct line;
* **control** messages, on a connection's data channel.

Decoding is strict: the size is looked at before anything is parsed, an unknown type, an unknown or
missing field, a wrong type, length or range is refused, bytes are base64 (RFC 4648 section 4) in
their canonical form. Whatever the bytes, the only exception is RemoteProtocolError. What is signed
is never the JSON but the ``statement`` of a message, made of its parsed values.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from appliance.core import limits
from appliance.core.encoding import lp, u8, u16, u32
from appliance.core.identity import BoxIdentity, identity_statement, key_id, verify
from appliance.core.recognition import TAG_BYTES, TAGS_BYTES
from appliance.errors import RemoteProtocolError

VERSION = 1

PeerId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Nonce = Annotated[bytes, Meta(min_length=32, max_length=32)]
Mac = Annotated[bytes, Meta(min_length=32, max_length=32)]
Tag = Annotated[bytes, Meta(min_length=TAG_BYTES, max_length=TAG_BYTES)]
Tags = Annotated[bytes, Meta(min_length=TAGS_BYTES, max_length=TAGS_BYTES)]
Share = Annotated[bytes, Meta(min_length=33, max_length=33)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Id16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Room = Annotated[int, Meta(ge=limits.ROOM_MIN, le=limits.ROOM_MAX)]
Generation = Annotated[int, Meta(ge=1, le=2**32 - 1)]
Sdp = Annotated[str, Meta(min_length=1, max_length=limits.SDP_MAX_BYTES)]
Address = Annotated[str, Meta(min_length=2, max_length=45)]  # the longest text of an IPv6 address


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A frozen message; its JSON names are in camel case."""


# --- Outer frames ---------------------------------------------------------------------------------


class Hello(_Message, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """A joiner is here, to everybody. ``epk``: its one-time key. ``tags``: for boxes that know it."""

    v: Annotated[int, Meta(ge=0, le=255)]
    room: Annotated[int, Meta(ge=0, le=65535)]
    epk: Key
    nonce: Nonce
    tags: Tags
    sig: Signature

    @staticmethod
    def statement(version: int, room: int, epk: bytes, nonce: bytes, tags: bytes) -> bytes:
        """What the joiner signs, and what stands for the hello in every transcript."""
        return lp(b"mb1/hello", u8(version), u16(room), epk, nonce, tags)

    @property
    def stated(self) -> bytes:
        return self.statement(self.v, self.room, self.epk, self.nonce, self.tags)


class Challenge(_Message, frozen=True, kw_only=True, tag_field="type", tag="challenge"):
    """A member answers one hello. ``y``: its PAKE share. ``tag``: for a box that knows it.

    Good for one proof.
    """

    to: PeerId
    epk: Key
    nonce: Nonce
    y: Share
    tag: Tag
    sig: Signature

    @staticmethod
    def statement(hello: bytes, to: str, epk: bytes, nonce: bytes, y: bytes, tag: bytes) -> bytes:
        """What the member signs; ``hello`` is the statement of the hello it answers."""
        return lp(b"mb1/challenge", hello, bytes.fromhex(to), epk, nonce, y, tag)

    def stated(self, hello: bytes) -> bytes:
        return self.statement(hello, self.to, self.epk, self.nonce, self.y, self.tag)

    @staticmethod
    def member_id(epk: bytes, nonce: bytes) -> bytes:
        """The PAKE's idB."""
        return hashlib.sha256(lp(b"mb1/member", key_id(epk), nonce)).digest()


class Proof(_Message, frozen=True, kw_only=True, tag_field="type", tag="proof"):
    """A joiner proves the password. ``x``: its PAKE share."""

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    x: Share
    confirm: Mac
    sig: Signature

    @staticmethod
    def statement(transcript: bytes, confirm: bytes) -> bytes:
        return lp(b"mb1/proof", transcript, confirm)


class Accept(_Message, frozen=True, kw_only=True, tag_field="type", tag="accept"):
    """A member proves the password in turn."""

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    confirm: Mac
    sig: Signature

    @staticmethod
    def statement(transcript: bytes, confirm: bytes) -> bytes:
        return lp(b"mb1/accept", transcript, confirm)


RejectCode = Literal["proof", "turn", "proven"]


class Reject(_Message, frozen=True, kw_only=True, tag_field="type", tag="reject"):
    """This challenge leads nowhere. A hint, and signed.

    ``proof``: from the member, the proof was wrong. ``turn``: from the joiner, I was accepted
    already and prove to nobody whom I don't know; prove to me. ``proven``: from the joiner, we two
    are done.
    """

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    code: RejectCode
    sig: Signature

    @staticmethod
    def statement(challenge: bytes, code: str) -> bytes:
        """``challenge``: the statement of the challenge that this is about."""
        return lp(b"mb1/reject", challenge, code.encode("ascii"))


class Seal(_Message, frozen=True, kw_only=True, tag_field="type", tag="seal"):
    """A sealed frame of a proven pair (``core/channel.py``)."""

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    payload: Annotated[bytes, Meta(min_length=24, max_length=limits.SEALED_MAX_BYTES + 24)]


Outer = Hello | Challenge | Proof | Accept | Reject | Seal


# --- Sealed messages ------------------------------------------------------------------------------


class Identity(_Message, frozen=True, kw_only=True, tag_field="type", tag="identity"):
    """Who I am: the first sealed message each way.

    ``key``: the long-term public key. ``signature``: over the role and TT. ``addresses``, ``port``:
    where my own server is, for the direct line; IP addresses, most useful first.
    """

    key: Key
    name: Annotated[str, Meta(max_length=limits.NAME_MAX_BYTES)]
    signature: Signature
    addresses: Annotated[tuple[Address, ...], Meta(max_length=limits.ADDRESSES_MAX)]
    port: Port

    @classmethod
    def signed(
        cls,
        identity: BoxIdentity,
        name: str,
        role: str,
        transcript: bytes,
        addresses: tuple[str, ...],
        port: int,
    ) -> Identity:
        """My identity for one pair. ``role``: mine in its handshake, "A" or "B"."""
        signature = identity.sign(identity_statement(role, transcript))
        return cls(
            key=identity.public_key, name=name, signature=signature, addresses=tuple(addresses), port=port
        )

    @property
    def box_id_hex(self) -> str:
        """The box id of the key, 32 hex digits."""
        return key_id(self.key).hex()

    def check(self) -> None:
        """Raise ValueError for a name that no box has or an address that is no IP address."""
        _check_name(self.name)
        for address in self.addresses:
            ipaddress.ip_address(address)


class Roster(_Message, frozen=True, kw_only=True, tag_field="type", tag="roster"):
    """The peers I proved myself to, and me. Hints, not authority."""

    peers: Annotated[list[PeerId], Meta(max_length=limits.PEERS_MAX + 1)]


class Door(_Message, frozen=True, kw_only=True, tag_field="type", tag="door"):
    """The joining window. ``meeting``: 16 random bytes of the meeting's first member.

    ``counter``: grows with every change. ``remaining_ms``: until it closes, 0 while closed.
    ``identity``: the long-term key of the box whose person changed it. ``name``: that box's name.
    """

    meeting: Id16
    counter: U32
    open: bool
    remaining_ms: Annotated[int, Meta(ge=0, le=limits.JOINING_MINUTES_MAX * 60_000)]
    name: Annotated[str, Meta(max_length=limits.NAME_MAX_BYTES)]
    identity: Key
    signature: Signature

    @staticmethod
    def statement(room: int, meeting: bytes, counter: int, is_open: bool, name: str) -> bytes:
        """What the box that changed it signs. The time left is each teller's own and not signed."""
        return lp(b"mb1/door", u16(room), meeting, u32(counter), u8(is_open), name.encode())

    @classmethod
    def signed(
        cls,
        identity: BoxIdentity,
        name: str,
        room: int,
        meeting: bytes,
        counter: int,
        is_open: bool,
        remaining_ms: int,
    ) -> Door:
        """The window as this box's person has just set it."""
        return cls(
            meeting=meeting,
            counter=counter,
            open=is_open,
            remaining_ms=remaining_ms,
            name=name,
            identity=identity.public_key,
            signature=identity.sign(cls.statement(room, meeting, counter, is_open, name)),
        )

    def check(self) -> None:
        """Raise ValueError for a name that no box has."""
        _check_name(self.name)

    def verify(self, room: int) -> None:
        """Raise RemoteProtocolError (``door.signature``) unless ``identity`` set this window."""
        statement = self.statement(room, self.meeting, self.counter, self.open, self.name)
        if not verify(self.identity, self.signature, statement):
            raise RemoteProtocolError("door.signature", "A joining window was not set by who it says.")


EventId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
AgoMs = Annotated[int, Meta(ge=0, le=int(1000 * limits.STRANGER_EVENT_AGE_MAX))]


class Guesses(_Message, frozen=True, kw_only=True, tag_field="type", tag="guesses"):
    """Wrong proofs of strangers in this meeting: (random id of each, milliseconds ago).

    A set: what the receiver knows already changes nothing (``core/strangers.py``).
    """

    wrong: Annotated[list[tuple[EventId, AgoMs]], Meta(max_length=limits.STRANGER_EVENTS_MAX)]


class Offer(_Message, frozen=True, kw_only=True, tag_field="type", tag="offer"):
    """An SDP offer. ``generation``: of the connection, higher than every one before."""

    generation: Generation
    sdp: Sdp


class Answer(_Message, frozen=True, kw_only=True, tag_field="type", tag="answer"):
    """The SDP answer to the offer of the same generation."""

    generation: Generation
    sdp: Sdp


class Candidate(_Message, frozen=True, kw_only=True, tag_field="type", tag="candidate"):
    """One ICE candidate (RFC 8839 section 5.1) of a connection, from ``candidate:`` on."""

    generation: Generation
    candidate: Annotated[str, Meta(pattern=r"\Acandidate:[ -~]+\Z", max_length=256)]
    mid: Annotated[str, Meta(min_length=1, max_length=16)]


class Leaving(_Message, frozen=True, kw_only=True, tag_field="type", tag="leaving"):
    """I leave the room; sealed, and on the data channel."""


class Addresses(_Message, frozen=True, kw_only=True, tag_field="type", tag="addresses"):
    """My addresses changed: where my own server is from now on, as in ``Identity``."""

    addresses: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=limits.ADDRESSES_MAX)]
    port: Port

    def check(self) -> None:
        """Raise ValueError for an address that is no IP address."""
        for address in self.addresses:
            ipaddress.ip_address(address)


class _Presented(_Message, frozen=True, kw_only=True):
    """A member presents itself to another one, which it never met, through a third (``introduction.py``).

    ``epk``: its one-time key of this join. ``key``: its long-term key. ``share``: X25519, fresh.
    ``sig``: by ``epk``, ``signature``: by ``key``, both over the statement.
    """

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    epk: Key
    key: Key
    share: Key
    name: Annotated[str, Meta(max_length=limits.NAME_MAX_BYTES)]
    addresses: Annotated[tuple[Address, ...], Meta(max_length=limits.ADDRESSES_MAX)]
    port: Port
    sig: Signature
    signature: Signature

    def presented(self) -> bytes:
        """The part that both statements have in common."""
        return lp(
            self.epk,
            self.key,
            self.share,
            self.name.encode(),
            u16(self.port),
            *map(str.encode, self.addresses),
        )

    def check(self) -> None:
        """Raise ValueError for a name that no box has or an address that is no IP address."""
        _check_name(self.name)
        for address in self.addresses:
            ipaddress.ip_address(address)


class Introduce(_Presented, frozen=True, kw_only=True, tag_field="type", tag="introduce"):
    """I am a member, as you are: let us meet."""

    def stated(self, room: int) -> bytes:
        """What is signed, and what stands for this message in the transcript."""
        return lp(b"mb1/introduce", u8(VERSION), u16(room), bytes.fromhex(self.to), self.presented())


class IntroduceReply(_Presented, frozen=True, kw_only=True, tag_field="type", tag="introduceReply"):
    """So am I."""

    def stated(self, introduce: bytes) -> bytes:
        """What is signed; ``introduce``: the statement that is answered."""
        return lp(b"mb1/introduce-reply", introduce, self.presented())


class IntroduceConfirm(_Message, frozen=True, kw_only=True, tag_field="type", tag="introduceConfirm"):
    """I have the keys, and am here now."""

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    confirm: Mac


Introduction = Introduce | IntroduceReply | IntroduceConfirm
Sealed = (
    Identity
    | Roster
    | Door
    | Guesses
    | Offer
    | Answer
    | Candidate
    | Leaving
    | Addresses
    | Introduce
    | IntroduceReply
    | IntroduceConfirm
)


# --- Control messages -----------------------------------------------------------------------------


class Bind(_Message, frozen=True, kw_only=True, tag_field="type", tag="bind"):
    """This connection is this pair's: the first message each way, see ``channel.bind_mac``."""

    mac: Mac


class Heartbeat(_Message, frozen=True, kw_only=True, tag_field="type", tag="heartbeat"):
    """I am here. ``seq``: 1, 2, 3... ``echo``: your last ``seq`` that I got, 0 for none.

    ``held_ms``: how long I have had it. The round trip is the time since ``echo`` was sent, less
    ``held_ms``.
    """

    seq: U32
    echo: U32
    held_ms: Annotated[int, Meta(ge=0, le=60_000)]


class Constraints(_Message, frozen=True, kw_only=True, tag_field="type", tag="constraints"):
    """How large your stream is drawn here: pixels, pictures per second, and whether at all."""

    stream: Literal["video"] = "video"
    max_height: Annotated[int, Meta(ge=0, le=8192)]
    max_fps: Annotated[int, Meta(ge=0, le=240)]
    visible: bool


class MediaState(_Message, frozen=True, kw_only=True, tag_field="type", tag="mediaState", omit_defaults=True):
    """Whether my microphone is muted and my camera on.

    ``held``: I am in another room just now, neither heard nor seen here, and want nothing but heartbeats.
    """

    muted: bool
    camera_on: bool
    held: bool = False


class SameRoom(_Message, frozen=True, kw_only=True, tag_field="type", tag="sameRoom"):
    """Both our microphones hear the same people: one of us must be silent (``core/same_room.py``)."""


class Link(_Message, frozen=True, kw_only=True):
    """One of the sender's links, as its own end knows it. ``peer``, ``name``: who is at the other end.

    ``quality``: 0 not known, 1 bad, 2 fair, 3 good. ``loss_pm``: of the packets that came lately, in
    thousandths. ``layer``: of the picture that comes, "" for none.
    """

    peer: PeerId
    name: Annotated[str, Meta(max_length=limits.NAME_MAX_BYTES)]
    state: Literal["connecting", "live", "silent", "away"]
    quality: Annotated[int, Meta(ge=0, le=3)]
    loss_pm: Annotated[int, Meta(ge=0, le=1000)]
    rtt_ms: Annotated[int, Meta(ge=0, le=limits.LINK_RTT_MAX_MS)]
    layer: Literal["", "H", "M", "L"]


class Links(_Message, frozen=True, kw_only=True, tag_field="type", tag="links"):
    """Every link of the sender in this room (``core/mesh.py``). Hints, not authority."""

    links: Annotated[list[Link], Meta(max_length=limits.PEERS_MAX)]

    def check(self) -> None:
        """Raise ValueError for a name that no box has, or a peer that is named twice."""
        for link in self.links:
            _check_name(link.name)
        if len({link.peer for link in self.links}) < len(self.links):
            raise ValueError("peer")


Control = Bind | Heartbeat | Constraints | MediaState | SameRoom | Links | Leaving


def _check_name(name: str) -> None:
    if len(name.encode()) > limits.NAME_MAX_BYTES or not name.isprintable():
        raise ValueError("name")


# --- The codec ------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()
_outer: msgspec.json.Decoder[Outer] = msgspec.json.Decoder(Outer)
_sealed: msgspec.json.Decoder[Sealed] = msgspec.json.Decoder(Sealed)
_control: msgspec.json.Decoder[Control] = msgspec.json.Decoder(Control)

_M = TypeVar("_M")


def _decode(decoder: msgspec.json.Decoder[_M], data: bytes | str, max_bytes: int, family: str) -> _M:
    if len(data) > max_bytes:
        raise RemoteProtocolError(f"{family}.size", "A message is too long.")
    try:
        raw = data.encode() if isinstance(data, str) else data
        if len(raw) > max_bytes:
            raise RemoteProtocolError(f"{family}.size", "A message is too long.")
        message = decoder.decode(raw)
        _check(message, raw)
    except (ValueError, RecursionError):  # UnicodeError, msgspec.DecodeError and our own checks
        raise RemoteProtocolError(f"{family}.malformed", "A message can't be understood.") from None
    return message


def _check(message: Any, raw: bytes) -> None:
    """Raise ValueError where the schema alone is too weak."""
    for name in message.__struct_fields__:
        value = getattr(message, name)
        # The decoder ignores the unused bits of the last base64 digit; nobody else should have to.
        if isinstance(value, bytes) and b'"' + base64.b64encode(value) + b'"' not in raw:
            raise ValueError(name)
    if isinstance(message, Identity | Door | Addresses | Links | _Presented):
        message.check()


def encode_outer(message: Outer) -> str:
    """The JSON text of an outer frame."""
    return _encoder.encode(message).decode()


def decode_outer(text: str | bytes) -> Outer:
    """Parse an outer frame. Raises RemoteProtocolError (``outer.size``, ``outer.malformed``)."""
    return _decode(_outer, text, limits.RELAY_MESSAGE_MAX, "outer")


def encode_sealed(message: Sealed) -> bytes:
    """The plaintext of a sealed message."""
    return _encoder.encode(message)


def decode_sealed(data: bytes) -> Sealed:
    """Parse the plaintext of a seal. Raises RemoteProtocolError (``sealed.size``, ``sealed.malformed``)."""
    return _decode(_sealed, data, limits.SEALED_MAX_BYTES, "sealed")


def encode_control(message: Control) -> bytes:
    """The UTF-8 bytes of a message on the data channel."""
    return _encoder.encode(message)


def decode_control(data: bytes | str) -> Control:
    """Parse a data channel message. Raises RemoteProtocolError (``control.size``, ``control.malformed``)."""
    return _decode(_control, data, limits.CONTROL_MAX_BYTES, "control")
