"""Introductions: three members, and a network between them that the test holds in its hand."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.identity import BoxIdentity, PeerKey
from appliance.core.introduction import Acquaintance, Carry, Host, Introductions
from appliance.errors import RemoteProtocolError

ROOM = 42
NOW = 100.0


class Member:
    def __init__(self, name: str, key: PeerKey, seed: int) -> None:
        self.key = key
        self.id = key.peer_id
        self.identity = BoxIdentity(bytes([seed]) * 32)
        self.host = Host(name, (f"10.0.0.{seed}",), 8000 + seed)
        self.met: list[Acquaintance] = []
        self.unwelcome: set[str] = set()
        numbers = itertools.count()

        def random(size: int) -> bytes:
            return hashlib.sha512(f"{name} {next(numbers)}".encode()).digest()[:size]

        self.random = random
        self.machine = Introductions(
            ROOM, key, self.identity, random, lambda peer_id, _key: peer_id not in self.unwelcome
        )


class Trio:
    """``asker`` has the smaller peer id; ``carrier`` knows both. ``carried`` is what went over it."""

    def __init__(self) -> None:
        keys = sorted((PeerKey(bytes([n]) * 32) for n in (1, 2)), key=lambda key: key.peer_id)
        self.asker, self.answerer = Member("asker", keys[0], 1), Member("answerer", keys[1], 2)
        self.carrier = Member("carrier", PeerKey(bytes([3]) * 32), 3)
        self.by_id = {member.id: member for member in (self.asker, self.answerer, self.carrier)}
        self.carried: list[m.Introduction] = []

    def ask(self, now: float = NOW) -> m.Introduction:
        carry = self.asker.machine.ask(self.answerer.id, self.carrier.id, self.asker.host, now)
        assert carry.to == self.carrier.id
        assert carry.ours
        return carry.message

    def hear(self, member: Member, by: Member, message: m.Introduction, now: float = NOW) -> Any:
        """One step; returns what is to be sent on, or None."""
        wire = m.decode_sealed(m.encode_sealed(message))
        sent = None
        for effect in member.machine.heard(by.id, wire, member.host, now):  # type: ignore[arg-type]
            if isinstance(effect, Carry):
                sent = effect
            else:
                member.met.append(effect)
        return sent

    def run(self, message: m.Introduction, sender: Member, now: float = NOW) -> None:
        """Carry a message, and what follows from it, to the end."""
        while True:
            carry = self.hear(self.carrier, sender, message, now)
            assert not carry.ours
            assert carry.message == message
            self.carried.append(message)
            receiver = self.by_id[carry.to]
            reply = self.hear(receiver, self.carrier, message, now)
            if reply is None:
                return
            assert reply.to == self.carrier.id
            sender, message = receiver, reply.message


@pytest.fixture
def trio() -> Trio:
    return Trio()


class TestMeeting:
    def test_both_have_the_same_keys_and_know_each_other(self, trio: Trio) -> None:
        trio.run(trio.ask(), trio.asker)
        (one,), (other,) = trio.asker.met, trio.answerer.met
        assert one.keys == other.keys
        assert (one.role, other.role) == ("A", "B")
        for met, member in ((one, trio.answerer), (other, trio.asker)):
            assert met.peer_id == member.id
            assert met.epk == member.key.public_key
            assert met.key == member.identity.public_key
            assert (met.name, met.addresses, met.port) == (
                member.host.name,
                member.host.addresses,
                member.host.port,
            )
            assert met.by == trio.carrier.id
        assert not trio.asker.machine.pending
        assert not trio.answerer.machine.pending

    def test_three_messages_are_all(self, trio: Trio) -> None:
        trio.run(trio.ask(), trio.asker)
        assert [type(message) for message in trio.carried] == [
            m.Introduce,
            m.IntroduceReply,
            m.IntroduceConfirm,
        ]

    def test_no_key_is_in_what_the_carrier_sees(self, trio: Trio) -> None:
        trio.run(trio.ask(), trio.asker)
        seen = b"".join(m.encode_sealed(message) for message in trio.carried)
        keys = trio.asker.met[0].keys
        for secret in (keys.a_to_b, keys.b_to_a, keys.resume, keys.bind):
            assert msgspec.json.encode(secret)[1:-1] not in seen

    def test_each_introduction_has_keys_of_its_own(self, trio: Trio) -> None:
        trio.run(trio.ask(), trio.asker)
        trio.run(trio.ask(), trio.asker)
        one, other = trio.asker.met
        assert one.keys.resume != other.keys.resume


class TestCarrierThatCheats:
    """It changes what it carries: every single field is under both signatures."""

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("epk", bytes(32)),
            ("key", bytes(32)),
            ("share", bytes([9]) + bytes(31)),
            ("name", "another"),
            ("addresses", ("10.9.9.9",)),
            ("port", 1),
            ("sig", bytes(64)),
            ("signature", bytes(64)),
        ],
        ids=["epk", "key", "share", "name", "addresses", "port", "sig", "signature"],
    )
    @pytest.mark.parametrize("reply", [False, True])
    def test_a_changed_field_is_noticed(self, trio: Trio, field: str, value: object, reply: bool) -> None:
        message = trio.ask()
        receiver = trio.answerer
        if reply:
            message = trio.hear(trio.answerer, trio.carrier, message).message
            receiver = trio.asker
        changed = msgspec.structs.replace(message, **{field: value})
        with pytest.raises(RemoteProtocolError, match=r"introduction\.signature|refused"):
            trio.hear(receiver, trio.carrier, changed)
        assert not receiver.met

    def test_it_can_not_take_part_with_a_share_of_its_own(self, trio: Trio) -> None:
        """Its own identity in the asker's name: the peer id that rosters name is not the carrier's."""
        message = trio.ask()
        rogue = PeerKey(bytes([3]) * 32)
        identity = BoxIdentity(bytes([3]) * 32)
        forged = msgspec.structs.replace(
            message, epk=rogue.public_key, key=identity.public_key, share=bytes([9]) + bytes(31)
        )
        assert isinstance(forged, m.Introduce)
        stated = forged.stated(ROOM)
        forged = msgspec.structs.replace(forged, sig=rogue.sign(stated), signature=identity.sign(stated))
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.answerer, trio.carrier, forged)
        assert refused.value.code == "introduction.signature"

    def test_a_reply_to_another_question_is_refused(self, trio: Trio) -> None:
        old = trio.hear(trio.answerer, trio.carrier, trio.ask()).message
        trio.ask(NOW + 1)
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.asker, trio.carrier, old, NOW + 1)
        assert refused.value.code == "introduction.signature"

    def test_an_old_question_played_again_opens_nothing(self, trio: Trio) -> None:
        trio.run(trio.ask(), trio.asker)
        first, _, last = trio.carried
        trio.answerer.met.clear()
        assert trio.hear(trio.answerer, trio.carrier, first, NOW + 60) is not None
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.answerer, trio.carrier, last, NOW + 60)
        assert refused.value.code == "introduction.confirm"
        assert not trio.answerer.met

    def test_a_message_of_another_room_is_refused(self, trio: Trio) -> None:
        other = Trio()
        other.asker.machine = Introductions(
            ROOM + 1, other.asker.key, other.asker.identity, other.asker.random, lambda *_: True
        )
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.answerer, trio.carrier, other.ask())
        assert refused.value.code == "introduction.signature"

    def test_a_share_of_small_order_is_refused(self, trio: Trio) -> None:
        message = msgspec.structs.replace(trio.ask(), share=bytes(32))
        assert isinstance(message, m.Introduce)
        stated = message.stated(ROOM)
        signed = msgspec.structs.replace(
            message, sig=trio.asker.key.sign(stated), signature=trio.asker.identity.sign(stated)
        )
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.answerer, trio.carrier, signed)
        assert refused.value.code == "introduction.share"


class TestPlaces:
    def test_nobody_introduces_himself_to_who_heard_him_already(self, trio: Trio) -> None:
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.answerer, trio.asker, trio.ask())
        assert refused.value.code == "introduction.forged"

    def test_nobody_sends_in_the_name_of_another_through_an_honest_carrier(self, trio: Trio) -> None:
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.carrier, trio.answerer, trio.ask())
        assert refused.value.code == "introduction.forged"

    def test_our_own_message_is_refused(self, trio: Trio) -> None:
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.asker, trio.carrier, trio.ask())
        assert refused.value.code == "introduction.forged"

    def test_the_larger_one_does_not_ask(self, trio: Trio) -> None:
        carry = trio.answerer.machine.ask(trio.asker.id, trio.carrier.id, trio.answerer.host, NOW)
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.asker, trio.carrier, carry.message)
        assert refused.value.code == "introduction.refused"

    def test_who_is_not_welcome_is_refused_at_every_step(self, trio: Trio) -> None:
        message = trio.ask()
        trio.answerer.unwelcome.add(trio.asker.id)
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.answerer, trio.carrier, message)
        assert refused.value.code == "introduction.refused"
        trio.answerer.unwelcome.clear()
        reply = trio.hear(trio.answerer, trio.carrier, message).message
        confirm = trio.hear(trio.asker, trio.carrier, reply).message
        trio.answerer.unwelcome.add(trio.asker.id)
        with pytest.raises(RemoteProtocolError):
            trio.hear(trio.answerer, trio.carrier, confirm)
        assert not trio.answerer.met

    def test_a_reply_through_another_carrier_is_refused(self, trio: Trio) -> None:
        reply = trio.hear(trio.answerer, trio.carrier, trio.ask()).message
        other = Member("other", PeerKey(bytes([9]) * 32), 9)
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.asker, other, reply)
        assert refused.value.code == "introduction.unexpected"

    def test_what_comes_too_late_is_unexpected(self, trio: Trio) -> None:
        reply = trio.hear(trio.answerer, trio.carrier, trio.ask()).message
        assert trio.asker.machine.pending
        with pytest.raises(RemoteProtocolError) as refused:
            trio.hear(trio.asker, trio.carrier, reply, NOW + limits.INTRODUCTION_WITHIN)
        assert refused.value.code == "introduction.unexpected"
        assert not trio.asker.machine.pending

    def test_who_is_over_is_forgotten(self, trio: Trio) -> None:
        reply = trio.hear(trio.answerer, trio.carrier, trio.ask()).message
        trio.asker.machine.forget(trio.answerer.id)
        with pytest.raises(RemoteProtocolError):
            trio.hear(trio.asker, trio.carrier, reply)


class TestFlood:
    def test_messages_of_one_peer_have_a_pace(self, trio: Trio) -> None:
        message = trio.ask()
        for _ in range(limits.INTRODUCTIONS_BURST):
            trio.hear(trio.answerer, trio.carrier, message)
        for _ in range(limits.INTRODUCTIONS_BURST):
            with pytest.raises(RemoteProtocolError) as refused:
                trio.hear(trio.answerer, trio.carrier, message)
            assert refused.value.code == "introduction.too-many"
        trio.hear(trio.answerer, trio.carrier, message, NOW + limits.INTRODUCTION_EVERY + 0.01)

    def test_what_is_kept_is_bounded(self, trio: Trio) -> None:
        for number in range(3 * limits.INTRODUCTIONS_MAX):
            trio.asker.machine.ask(f"{number:032x}", trio.carrier.id, trio.asker.host, NOW)
        assert len(trio.asker.machine._asked) == limits.INTRODUCTIONS_MAX

    @given(st.lists(st.sampled_from(["ask", "drop", "again", "wait", "step"]), max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_whatever_is_lost_repeated_or_late_both_agree_or_nobody_met(self, steps: list[str]) -> None:
        trio = Trio()
        now = NOW
        way: list[tuple[Member, m.Introduction]] = []  # who hears what next
        past: list[tuple[Member, m.Introduction]] = []
        for step in steps:
            match step:
                case "ask":
                    way.append((trio.answerer, trio.ask(now)))
                case "drop" if way:
                    way.pop(0)
                case "again" if past:
                    way.append(past[len(steps) % len(past)])
                case "wait":
                    now += limits.INTRODUCTION_WITHIN / 2
                case "step" if way:
                    member, message = way.pop(0)
                    past.append((member, message))
                    try:
                        carry = trio.hear(member, trio.carrier, message, now)
                    except RemoteProtocolError:
                        continue
                    if carry is not None:
                        way.append((trio.by_id[carry.message.to], carry.message))
        asked = {met.keys.resume for met in trio.asker.met}
        answered = {met.keys.resume for met in trio.answerer.met}
        assert answered <= asked
