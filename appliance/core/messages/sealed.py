"""Sealed messages: the plaintext inside a seal, over the relay or the direct line."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from msgspec import Meta

from appliance.core import limits
from appliance.core.encoding import lp, u8, u16, u32
from appliance.core.identity import BoxIdentity, identity_statement, key_id, verify
from appliance.core.messages.fields import (
    U32,
    Address,
    Generation,
    Id16,
    Key,
    Message,
    PeerId,
    Port,
    Sdp,
    Signature,
    check_name,
)
from appliance.core.messages.introductions import Introduce, IntroduceConfirm, IntroduceReply
from appliance.errors import RemoteProtocolError


class Identity(Message, frozen=True, kw_only=True, tag_field="type", tag="identity"):
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
        check_name(self.name)
        for address in self.addresses:
            ipaddress.ip_address(address)


class Roster(Message, frozen=True, kw_only=True, tag_field="type", tag="roster"):
    """The peers I proved myself to, and me. Hints, not authority."""

    peers: Annotated[list[PeerId], Meta(max_length=limits.PEERS_MAX + 1)]


class Door(Message, frozen=True, kw_only=True, tag_field="type", tag="door"):
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
        check_name(self.name)

    def verify(self, room: int) -> None:
        """Raise RemoteProtocolError (``door.signature``) unless ``identity`` set this window."""
        statement = self.statement(room, self.meeting, self.counter, self.open, self.name)
        if not verify(self.identity, self.signature, statement):
            raise RemoteProtocolError("door.signature", "A joining window was not set by who it says.")


EventId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
AgoMs = Annotated[int, Meta(ge=0, le=int(1000 * limits.STRANGER_EVENT_AGE_MAX))]


class Guesses(Message, frozen=True, kw_only=True, tag_field="type", tag="guesses"):
    """Wrong proofs of strangers in this meeting: (random id of each, milliseconds ago).

    A set: what the receiver knows already changes nothing (``core/strangers.py``).
    """

    wrong: Annotated[list[tuple[EventId, AgoMs]], Meta(max_length=limits.STRANGER_EVENTS_MAX)]


class Offer(Message, frozen=True, kw_only=True, tag_field="type", tag="offer"):
    """An SDP offer. ``generation``: of the connection, higher than every one before."""

    generation: Generation
    sdp: Sdp


class Answer(Message, frozen=True, kw_only=True, tag_field="type", tag="answer"):
    """The SDP answer to the offer of the same generation."""

    generation: Generation
    sdp: Sdp


class Candidate(Message, frozen=True, kw_only=True, tag_field="type", tag="candidate"):
    """One ICE candidate (RFC 8839 section 5.1) of a connection, from ``candidate:`` on."""

    generation: Generation
    candidate: Annotated[str, Meta(pattern=r"\Acandidate:[ -~]+\Z", max_length=256)]
    mid: Annotated[str, Meta(min_length=1, max_length=16)]


class Leaving(Message, frozen=True, kw_only=True, tag_field="type", tag="leaving"):
    """I leave the room; sealed, and on the data channel."""


class Addresses(Message, frozen=True, kw_only=True, tag_field="type", tag="addresses"):
    """My addresses changed: where my own server is from now on, as in ``Identity``."""

    addresses: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=limits.ADDRESSES_MAX)]
    port: Port

    def check(self) -> None:
        """Raise ValueError for an address that is no IP address."""
        for address in self.addresses:
            ipaddress.ip_address(address)


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
