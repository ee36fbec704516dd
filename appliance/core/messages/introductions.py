"""Sealed messages by which two members that never met are brought together (``core/introduction.py``)."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.core import limits
from appliance.core.encoding import lp, u8, u16
from appliance.core.messages.fields import (
    VERSION,
    Address,
    Key,
    Mac,
    Message,
    PeerId,
    Port,
    Signature,
    check_name,
)


class Presented(Message, frozen=True, kw_only=True):
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
        check_name(self.name)
        for address in self.addresses:
            ipaddress.ip_address(address)


class Introduce(Presented, frozen=True, kw_only=True, tag_field="type", tag="introduce"):
    """I am a member, as you are: let us meet."""

    def stated(self, room: int) -> bytes:
        """What is signed, and what stands for this message in the transcript."""
        return lp(b"mb1/introduce", u8(VERSION), u16(room), bytes.fromhex(self.to), self.presented())


class IntroduceReply(Presented, frozen=True, kw_only=True, tag_field="type", tag="introduceReply"):
    """So am I."""

    def stated(self, introduce: bytes) -> bytes:
        """What is signed; ``introduce``: the statement that is answered."""
        return lp(b"mb1/introduce-reply", introduce, self.presented())


class IntroduceConfirm(Message, frozen=True, kw_only=True, tag_field="type", tag="introduceConfirm"):
    """I have the keys, and am here now."""

    sender: PeerId = msgspec.field(name="from")
    to: PeerId
    confirm: Mac


Introduction = Introduce | IntroduceReply | IntroduceConfirm
