"""Fuzz target: members that are introduced by a third, and what a member may send of it."""

from __future__ import annotations

import contextlib
import random

import msgspec
from fuzzing.target import MACHINE, Reader, Target, pieces

from appliance.core import messages as m
from appliance.core.identity import BoxIdentity, PeerKey
from appliance.core.introduction import Acquaintance, Carry, Effect, Host, Introductions
from appliance.errors import RemoteProtocolError

ROOM, NOW = 42, 1000.0
HOST = Host("Bridge", ("10.0.0.1", "fd00::1"), 8787)
STEPS_MAX = 24


class _Member:
    def __init__(self, number: int) -> None:
        self.random = random.Random(number).randbytes
        self.key = PeerKey.generate(self.random)
        self.box = BoxIdentity(bytes([number]) * 32)
        self.machine = Introductions(ROOM, self.key, self.box, self.random, lambda peer, key: True)


class _Story:
    """Two members that are to meet, and one between them that carries, alters and signs what it likes."""

    def __init__(self, data: bytes) -> None:
        self.read = Reader(data)
        members = sorted((_Member(number) for number in (1, 2)), key=lambda one: one.key.peer_id)
        self.asker, self.answerer = members
        self.carrier = _Member(3)
        self.now = NOW
        self.said: list[m.Introduction] = []
        self.met: list[Acquaintance] = []

    def hear(self, side: _Member, message: m.Introduction, by: str) -> None:
        with contextlib.suppress(RemoteProtocolError):
            self.keep(side.machine.heard(by, message, HOST, self.now))

    def keep(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Carry):
                self.said = [*self.said, effect.message][-16:]
            else:
                self.met.append(effect)

    def step(self) -> None:
        what = self.read.u8()
        side = (self.asker, self.answerer)[what >> 3 & 1]
        by = self.carrier.key.peer_id
        match what % 8:
            case 0:
                self.keep([self.asker.machine.ask(self.answerer.key.peer_id, by, HOST, self.now)])
            case 1 | 2 if self.said:
                self.hear(side, self.said[self.read.u8() % len(self.said)], by)
            case 3 if self.said:
                message = _altered(self.said[self.read.u8() % len(self.said)], self.read)
                if message is not None:
                    self.hear(side, self._signed(message), by)
            case 4:
                with contextlib.suppress(RemoteProtocolError):
                    message = m.decode_sealed(self.read.piece())
                    if isinstance(message, m.Introduction):
                        self.hear(side, message, (by, message.sender)[what >> 4 & 1])
            case 5:
                self.now += self.read.u8() / 4
            case 6:
                side.machine.forget((self.asker, self.answerer)[what >> 4 & 1].key.peer_id)

    def _signed(self, message: m.Introduction) -> m.Introduction:
        """By the carrier's own keys: rightly, where it presents itself."""
        if isinstance(message, m.Introduce):
            own = {"epk": self.carrier.key.public_key, "key": self.carrier.box.public_key}
            message = msgspec.structs.replace(message, sender=self.carrier.key.peer_id, **own)
            stated = message.stated(ROOM)
            return msgspec.structs.replace(
                message, sig=self.carrier.key.sign(stated), signature=self.carrier.box.sign(stated)
            )
        return message


def _altered(message: m.Introduction, read: Reader) -> m.Introduction | None:
    names = message.__struct_fields__
    name = names[read.u8() % len(names)]
    value = read.piece()
    old = getattr(message, name)
    if isinstance(old, bytes):
        new: object = (value + old[len(value) :])[: len(old)]
    elif isinstance(old, str):
        new = value.decode("utf-8", "replace")
    elif isinstance(old, int):
        new = int.from_bytes(value[:2], "big")
    else:
        new = (value.decode("utf-8", "replace"),)
    try:
        decoded = m.decode_sealed(m.encode_sealed(msgspec.structs.replace(message, **{name: new})))
    except RemoteProtocolError:
        return None
    assert isinstance(decoded, m.Introduction)
    return decoded


def introductions(data: bytes) -> None:
    """Messages genuine, altered, replayed, made up; only who holds both keys is ever met."""
    story = _Story(data)
    for _ in range(STEPS_MAX):
        if not story.read:
            break
        story.step()
    keys = {member.box.public_key for member in (story.asker, story.answerer, story.carrier)}
    for one in story.met:
        assert one.key in keys


def _stories() -> list[bytes]:
    whole = bytes((0, 9, 0, 1, 1, 9, 2))
    altered = [whole[:3] + bytes((11, 0, field)) + pieces(b"\x01\x02") + whole[3:] for field in range(9)]
    return [whole, bytes((0, 9, 0, 5, 255, 1, 1)), whole + whole, *altered]


TARGETS = (Target("introductions", introductions, _stories, max_bytes=512, weight=MACHINE),)
