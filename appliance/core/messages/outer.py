"""Outer frames: what a relay passes on, and everybody in the channel can read."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.core import limits
from appliance.core.encoding import lp, u8, u16
from appliance.core.identity import key_id
from appliance.core.messages.fields import Key, Mac, Message, Nonce, PeerId, Share, Signature, Tag, Tags


class Hello(Message, frozen=True, kw_only=True, tag_field="type", tag="hello"):
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


class Challenge(Message, frozen=True, kw_only=True, tag_field="type", tag="challenge"):
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


class Proof(Message, frozen=True, kw_only=True, tag_field="type", tag="proof"):
    """A joiner proves the password. ``x``: its PAKE share."""

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    x: Share
    confirm: Mac
    sig: Signature

    @staticmethod
    def statement(transcript: bytes, confirm: bytes) -> bytes:
        return lp(b"mb1/proof", transcript, confirm)


class Accept(Message, frozen=True, kw_only=True, tag_field="type", tag="accept"):
    """A member proves the password in turn."""

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    confirm: Mac
    sig: Signature

    @staticmethod
    def statement(transcript: bytes, confirm: bytes) -> bytes:
        return lp(b"mb1/accept", transcript, confirm)


RejectCode = Literal["proof", "turn", "proven"]


class Reject(Message, frozen=True, kw_only=True, tag_field="type", tag="reject"):
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


class Seal(Message, frozen=True, kw_only=True, tag_field="type", tag="seal"):
    """A sealed frame of a proven pair (``core/channel.py``)."""

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    payload: Annotated[bytes, Meta(min_length=24, max_length=limits.SEALED_MAX_BYTES + 24)]


Outer = Hello | Challenge | Proof | Accept | Reject | Seal
