"""Two members that never met are introduced by a third that both know: no password, door closed or not.

    asker                      carrier                      answerer
      introduce      ------>    ------>    ------>
                     <------    <------    <------     introduceReply
      introduceConfirm ---->    ------>    ------>
      then the pair's direct line, under the keys that both derived

The rules:

* Each message travels sealed, over the direct lines of the carrier with either of the two. The carrier
  passes it on as it is, and only if it comes from the one that it names.
* Both sides present their one-time key (the peer id that rosters name), their long-term key and a
  fresh X25519 share, and sign all of it with both keys: the reply's signatures cover the first message.
  So the carrier can't change, mix or take part in what it carries, and never has the pair's keys.
* The confirmation shows that the asker is there now: an old message played again opens nothing.
* The smaller peer id asks; so two never ask each other at once. Everything is bounded and expires.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.guesses import Bucket
from appliance.core.identity import BoxIdentity, PeerKey, RandomBytes, key_id, verify
from appliance.core.keys import PairKeys, expand, extract, transcript_hash
from appliance.errors import RemoteProtocolError

_P = TypeVar("_P", m.Introduce, m.IntroduceReply)
_T = TypeVar("_T")

# --- Effects --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carry:
    """Send a message to a peer, over its line. ``ours``: we are one of the two, and not the carrier."""

    to: str
    message: m.Introduction
    ours: bool


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Two met. ``role``: ours, "A" for the asker. ``key``: its long-term key. ``epk``: its one-time key.

    ``addresses``, ``port``: where its server is. ``by``: the peer that introduced it.
    """

    peer_id: str
    role: str
    keys: PairKeys = field(repr=False)
    epk: bytes
    key: bytes
    name: str
    addresses: tuple[str, ...]
    port: int
    by: str


Effect = Carry | Acquaintance


@dataclass(frozen=True, slots=True)
class Host:
    """This box, as it presents itself: its name, and where its server is."""

    name: str
    addresses: tuple[str, ...]
    port: int


@dataclass(slots=True)
class _Asked:
    private: X25519PrivateKey = field(repr=False)
    stated: bytes
    by: str
    expires: float


@dataclass(slots=True)
class _Answered:
    acquaintance: Acquaintance
    confirm: bytes = field(repr=False)
    expires: float


class Introductions:
    """All introductions of one box in one room. Times are monotonic seconds.

    ``key``, ``identity``: its one-time and its long-term key. ``welcome(peer_id, key)``: may this peer,
    with this long-term key, be met?
    """

    def __init__(
        self,
        room: int,
        key: PeerKey,
        identity: BoxIdentity,
        random_bytes: RandomBytes,
        welcome: Callable[[str, bytes], bool],
    ) -> None:
        self._room = room
        self._key = key
        self._identity = identity
        self._random = random_bytes
        self._welcome = welcome
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._answered: OrderedDict[str, _Answered] = OrderedDict()
        self._heard: dict[str, Bucket] = {}  # by who brought it

    @property
    def pending(self) -> bool:
        """Is one under way whose other side may dial already?"""
        return bool(self._asked or self._answered)

    def forget(self, peer_id: str) -> None:
        """A peer is over."""
        self._asked.pop(peer_id, None)
        self._answered.pop(peer_id, None)
        self._heard.pop(peer_id, None)

    def ask(self, peer_id: str, by: str, host: Host, now: float) -> Carry:
        """Ask ``by`` to introduce us to ``peer_id``; an earlier try is given up."""
        self._expire(now)
        private = X25519PrivateKey.from_private_bytes(self._random(32))
        message = self._present(m.Introduce, peer_id, private, host)
        stated = message.stated(self._room)
        message = self._sign(message, stated)
        _keep(self._asked, peer_id, _Asked(private, stated, by, now + limits.INTRODUCTION_WITHIN))
        return Carry(by, message, ours=True)

    def heard(self, by: str, message: m.Introduction, host: Host, now: float) -> list[Effect]:
        """A message came from the peer ``by``.

        Raises RemoteProtocolError: ``introduction.too-many``, ``introduction.forged`` (its sender is
        neither who brought it nor carried by it), ``introduction.refused``, ``introduction.unexpected``,
        ``introduction.signature``, ``introduction.share``, ``introduction.confirm``.
        """
        self._expire(now)
        bucket = self._heard.setdefault(
            by, Bucket(limits.INTRODUCTIONS_BURST, limits.INTRODUCTION_EVERY, now)
        )
        if not bucket.take(now):
            raise _refuse("introduction.too-many")
        me = self._key.peer_id
        if message.sender == me or (message.to == me) == (message.sender == by):
            raise _refuse("introduction.forged")
        if message.to != me:
            return [Carry(message.to, message, ours=False)]
        match message:
            case m.Introduce():
                return [self._answer(by, message, host, now)]
            case m.IntroduceReply():
                return self._confirm(by, message)
            case m.IntroduceConfirm():
                return [self._confirmed(by, message)]

    def _answer(self, by: str, message: m.Introduce, host: Host, now: float) -> Carry:
        if message.sender > self._key.peer_id or not self._welcome(message.sender, message.key):
            raise _refuse("introduction.refused")
        asked = message.stated(self._room)
        self._check(message, asked)
        private = X25519PrivateKey.from_private_bytes(self._random(32))
        reply = self._present(m.IntroduceReply, message.sender, private, host)
        replied = reply.stated(asked)
        keys, confirm = _derive(asked, replied, private, message.share)
        answered = _Answered(_acquaintance(message, "B", keys, by), confirm, now + limits.INTRODUCTION_WITHIN)
        _keep(self._answered, message.sender, answered)
        return Carry(by, self._sign(reply, replied), ours=True)

    def _confirm(self, by: str, message: m.IntroduceReply) -> list[Effect]:
        asked = self._asked.get(message.sender)
        if asked is None or asked.by != by:
            raise _refuse("introduction.unexpected")
        replied = message.stated(asked.stated)
        self._check(message, replied)
        if not self._welcome(message.sender, message.key):
            raise _refuse("introduction.refused")
        keys, confirm = _derive(asked.stated, replied, asked.private, message.share)
        del self._asked[message.sender]
        answer = m.IntroduceConfirm(sender=self._key.peer_id, to=message.sender, confirm=confirm)
        return [Carry(by, answer, ours=True), _acquaintance(message, "A", keys, by)]

    def _confirmed(self, by: str, message: m.IntroduceConfirm) -> Acquaintance:
        answered = self._answered.get(message.sender)
        if answered is None or answered.acquaintance.by != by:
            raise _refuse("introduction.unexpected")
        if not hmac.compare_digest(message.confirm, answered.confirm):
            raise _refuse("introduction.confirm")
        del self._answered[message.sender]
        if not self._welcome(message.sender, answered.acquaintance.key):
            raise _refuse("introduction.refused")
        return answered.acquaintance

    def _present(self, kind: type[_P], to: str, private: X25519PrivateKey, host: Host) -> _P:
        """The message, unsigned."""
        return kind(
            sender=self._key.peer_id,
            to=to,
            epk=self._key.public_key,
            key=self._identity.public_key,
            share=private.public_key().public_bytes_raw(),
            name=host.name,
            addresses=host.addresses,
            port=host.port,
            sig=bytes(64),
            signature=bytes(64),
        )

    def _sign(self, message: _P, stated: bytes) -> _P:
        return msgspec.structs.replace(
            message, sig=self._key.sign(stated), signature=self._identity.sign(stated)
        )

    def _check(self, message: m.Introduce | m.IntroduceReply, stated: bytes) -> None:
        if (
            key_id(message.epk).hex() != message.sender
            or not verify(message.epk, message.sig, stated)
            or not verify(message.key, message.signature, stated)
        ):
            raise _refuse("introduction.signature")

    def _expire(self, now: float) -> None:
        for waiting in (self._asked, self._answered):
            for peer_id in [peer_id for peer_id, one in waiting.items() if now >= one.expires]:
                del waiting[peer_id]


def _derive(asked: bytes, replied: bytes, private: X25519PrivateKey, share: bytes) -> tuple[PairKeys, bytes]:
    """The pair's keys, and the asker's confirmation."""
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        raise _refuse("introduction.share") from None
    transcript = transcript_hash(asked, replied)
    prk = extract(transcript, shared)
    confirm = hmac.digest(expand(prk, b"introduce"), transcript, "sha256")
    return PairKeys.derive(transcript, prk), confirm


def _acquaintance(
    message: m.Introduce | m.IntroduceReply, role: str, keys: PairKeys, by: str
) -> Acquaintance:
    return Acquaintance(
        message.sender,
        role,
        keys,
        message.epk,
        message.key,
        message.name,
        message.addresses,
        message.port,
        by,
    )


def _keep(waiting: OrderedDict[str, _T], peer_id: str, one: _T) -> None:
    waiting.pop(peer_id, None)
    waiting[peer_id] = one
    if len(waiting) > limits.INTRODUCTIONS_MAX:
        waiting.popitem(last=False)


def _refuse(code: str) -> RemoteProtocolError:
    return RemoteProtocolError(code, "An introduction was refused.")
