"""The direct line: two that met find each other again, nobody else gets in, secrets move on."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.identity import BoxIdentity
from appliance.core.line import LineAnswerer, LineDialer, LineState
from appliance.core.line_gate import LineGate
from appliance.core.line_secrets import LineSecrets
from appliance.errors import LocalProtocolError, RemoteProtocolError, StartError

RESUME = b"r" * 32


@dataclass
class End:
    """One box of a pair: ``other`` is its name for the other one."""

    box: BoxIdentity
    secrets: LineSecrets
    other: str


def met(now: float = 0.0) -> tuple[End, End]:
    a = End(BoxIdentity(b"a" * 32), LineSecrets(), "b")
    b = End(BoxIdentity(b"b" * 32), LineSecrets(), "a")
    a.secrets.remember("b", "A", RESUME, b.box.public_key, now)
    b.secrets.remember("a", "B", RESUME, a.box.public_key, now)
    return a, b


def dial(
    a: End, b: End, seed: int = 0, secret: int = 0, now: float = 0.0, cut_after: int = 9
) -> tuple[LineDialer, LineAnswerer]:
    """``a`` dials ``b``; the connection breaks after so many messages."""
    entropy = random.Random(seed).randbytes
    dialer = LineDialer(a.secrets, a.other, a.secrets.candidates(a.other, now)[secret], a.box, entropy)
    answerer = LineAnswerer(b.secrets, b.box, entropy)
    on_the_way = [(answerer, dialer, dialer.start())]
    while on_the_way and cut_after:
        receiver, sender, frame = on_the_way.pop(0)
        on_the_way += [(sender, receiver, reply) for reply in receiver.receive(frame, now)]
        cut_after -= 1
    return dialer, answerer


def refused(side: LineDialer | LineAnswerer, frame: bytes) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        side.receive(frame, 0.0)
    assert side.state is LineState.FAILED
    with pytest.raises(ValueError, match="not up"):
        _ = side.channel
    return caught.value.code


@pytest.mark.parametrize("reverse", [False, True])
def test_either_one_dials_and_both_talk_over_one_channel(reverse: bool) -> None:
    a, b = met()[::-1] if reverse else met()
    dialer, answerer = dial(a, b)
    assert (dialer.pair, answerer.pair) == (a.other, b.other)
    assert answerer.channel.open(dialer.channel.seal(b"there")) == b"there"
    assert dialer.channel.open(answerer.channel.seal(b"and back")) == b"and back"
    assert dialer.keys == answerer.keys


def test_every_line_has_new_keys_and_a_new_id() -> None:
    a, b = met()
    seen = set()
    for seed in range(5):
        (secret,) = a.secrets.candidates("b", 0.0)
        dialer, _ = dial(a, b, seed=seed)
        seen |= {secret.line_id("A"), secret.line_id("B"), dialer.keys.a_to_b, dialer.keys.resume}
    assert len(seen) == 20


def test_a_recorded_line_stays_closed_to_who_steals_the_secret_later() -> None:
    """The Diffie-Hellman goes into the keys: the same secret alone gives others."""
    a, b = met()
    first, _ = dial(a, b, seed=1)
    a, b = met()
    second, _ = dial(a, b, seed=2)
    assert first.keys.resume != second.keys.resume


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=12))
def test_a_line_that_breaks_anywhere_can_be_dialed_again(breaks: list[tuple[bool, int]]) -> None:
    a, b = met()
    for number, (reverse, cut_after) in enumerate(breaks):
        one, other = (b, a) if reverse else (a, b)
        _dial_with_every_candidate(one, other, number, cut_after)
    assert _dial_with_every_candidate(a, b, 100, 9)
    assert _dial_with_every_candidate(b, a, 200, 9)
    assert a.secrets.candidates("b", 200.0) == b.secrets.candidates("a", 200.0)
    assert len(a.secrets.candidates("b", 200.0)) == 1


def _dial_with_every_candidate(one: End, other: End, seed: int, cut_after: int) -> bool:
    now = float(seed)
    for number in range(len(one.secrets.candidates(one.other, now))):
        try:
            dialer, answerer = dial(one, other, seed=seed, secret=number, now=now, cut_after=cut_after)
        except RemoteProtocolError as error:
            assert error.code == "line.unknown"  # noqa: PT017 - the other candidates come next
            continue
        return dialer.state is answerer.state is LineState.UP
    pytest.fail("two that met share no secret any more")


def test_the_secret_before_is_kept_until_a_frame_under_the_new_one_was_opened() -> None:
    a, b = met()
    dial(a, b, cut_after=3)  # R1, R2, R3; neither S1 nor S2 arrived
    assert len(a.secrets.candidates("b", 0.0)) == len(b.secrets.candidates("a", 0.0)) == 2
    dial(a, b, seed=1)
    assert [s.value for s in a.secrets.candidates("b", 0.0)] == [
        s.value for s in b.secrets.candidates("a", 0.0)
    ]
    assert len(a.secrets.candidates("b", 0.0)) == 1


def test_two_lines_that_crossed_leave_a_common_secret() -> None:
    a, b = met()
    secret_a, secret_b = a.secrets.candidates("b", 0.0)[0], b.secrets.candidates("a", 0.0)[0]
    entropy = random.Random(3).randbytes
    one = LineDialer(a.secrets, "b", secret_a, a.box, entropy), LineAnswerer(b.secrets, b.box, entropy)
    two = LineDialer(b.secrets, "a", secret_b, b.box, entropy), LineAnswerer(a.secrets, a.box, entropy)
    sent = [(dialer, answerer, dialer.start()) for dialer, answerer in (one, two)]
    replies = [(dialer, answerer, answerer.receive(r1, 0.0)[0]) for dialer, answerer, r1 in sent]
    last = [(dialer, answerer, dialer.receive(r2, 0.0)) for dialer, answerer, r2 in replies]
    for dialer, answerer, (r3, s1) in last:
        answerer.receive(r3, 0.0)
        dialer.receive(answerer.receive(s1, 0.0)[0], 0.0)
        assert dialer.state is answerer.state is LineState.UP
    assert _dial_with_every_candidate(a, b, 7, 9)


# --- Refusals -------------------------------------------------------------------------------------


def test_a_stranger_is_refused() -> None:
    a, b = met()
    a.secrets.remember("b", "A", b"x" * 32, b.box.public_key, 0.0)
    with pytest.raises(RemoteProtocolError) as caught:
        dial(a, b)
    assert caught.value.code == "line.unknown"


def test_a_message_sent_back_to_its_sender_opens_nothing() -> None:
    a, _ = met()
    dialer = LineDialer(a.secrets, "b", a.secrets.candidates("b", 0.0)[0], a.box, random.Random(0).randbytes)
    mirror = LineAnswerer(a.secrets, a.box, random.Random(1).randbytes)
    assert refused(mirror, dialer.start()) == "line.unknown"


@given(st.data())
def test_every_changed_bit_is_refused(data: st.DataObject) -> None:
    a, b = met()
    entropy = random.Random(0).randbytes
    dialer = LineDialer(a.secrets, "b", a.secrets.candidates("b", 0.0)[0], a.box, entropy)
    answerer = LineAnswerer(b.secrets, b.box, entropy)
    step = data.draw(st.integers(0, 4))
    frames: list[tuple[LineDialer | LineAnswerer, bytes]] = [(answerer, dialer.start())]
    for number in range(5):
        receiver, frame = frames.pop(0)
        if number == step:
            changed = bytearray(frame)
            changed[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
            code = refused(receiver, bytes(changed))
            assert code in {
                "line.size",
                "line.unknown",
                "line.mac",
                "line.share",
                "seal.tampered",
                "seal.order",
                "seal.replay",
            }
            return
        other = dialer if receiver is answerer else answerer
        frames += [(other, reply) for reply in receiver.receive(frame, 0.0)]


@given(st.binary(max_size=150))
def test_whatever_the_bytes_the_only_exception_is_ours(data: bytes) -> None:
    _, b = met()
    code = refused(LineAnswerer(b.secrets, b.box, random.Random(0).randbytes), data)
    assert code in ("line.size", "line.unknown")


def test_a_replayed_first_message_leads_nowhere_and_moves_no_secret() -> None:
    a, b = met()
    entropy = random.Random(0).randbytes
    r1 = LineDialer(a.secrets, "b", a.secrets.candidates("b", 0.0)[0], a.box, entropy).start()
    for seed in range(3):
        answerer = LineAnswerer(b.secrets, b.box, random.Random(seed).randbytes)
        answerer.receive(r1, 0.0)
        assert refused(answerer, b"\x03" + bytes(32)) == "line.mac"
    assert len(b.secrets.candidates("a", 0.0)) == 1
    dial(a, b, seed=9)


def test_another_box_with_the_stolen_secret_is_seen_by_its_identity() -> None:
    a, b = met()
    thief = End(BoxIdentity(b"t" * 32), a.secrets, "b")
    with pytest.raises(RemoteProtocolError) as caught:
        dial(thief, b)
    assert caught.value.code == "line.identity"


def test_a_share_of_small_order_is_refused() -> None:
    """X25519 with it gives zeros, whatever the other side's key."""
    _, b = met()
    a, _ = met()
    secret = a.secrets.candidates("b", 0.0)[0]
    body = b"\x01" + secret.line_id("A") + bytes(32) + bytes(32)
    from appliance.core.line import _first_mac

    answerer = LineAnswerer(b.secrets, b.box, random.Random(0).randbytes)
    assert refused(answerer, body + _first_mac(secret, body)) == "line.share"


def test_a_message_after_the_end_is_refused() -> None:
    a, b = met()
    dialer, answerer = dial(a, b)
    for side in (dialer, answerer):
        with pytest.raises(RemoteProtocolError) as caught:
            side.receive(b"\x01", 0.0)
        assert caught.value.code == "line.unexpected"
    with pytest.raises(LocalProtocolError):
        dialer.start()


# --- What is kept ---------------------------------------------------------------------------------


def test_secrets_live_half_a_day() -> None:
    a, _ = met(now=100.0)
    assert a.secrets.candidates("b", 100.0 + limits.LINE_SECRET_LIFETIME - 1)
    assert not a.secrets.candidates("b", 100.0 + limits.LINE_SECRET_LIFETIME)


def test_secrets_are_forgotten_on_leaving() -> None:
    a, b = met()
    a.secrets.forget("b")
    b.secrets.clear()
    assert not a.secrets.candidates("b", 0.0)
    assert not b.secrets.candidates("a", 0.0)


def test_secrets_survive_a_restart_with_their_age() -> None:
    a, b = met()
    dial(a, b, cut_after=3)
    again = LineSecrets.from_state(a.secrets.to_state(1000.0), 5.0)
    assert [s.value for s in again.candidates("b", 5.0)] == [
        s.value for s in a.secrets.candidates("b", 1000.0)
    ]
    a.secrets = again
    dial(a, b, seed=4, now=5.0, secret=0)
    assert LineSecrets.from_state(again.to_state(5.0), 0.0).candidates("b", limits.LINE_SECRET_LIFETIME - 1)
    assert not LineSecrets.from_state(again.to_state(6.0), 0.0).candidates(
        "b", limits.LINE_SECRET_LIFETIME - 1
    )
    with pytest.raises(StartError):
        LineSecrets.from_state(b"{}", 0.0)


def test_the_number_of_pairs_is_bounded() -> None:
    secrets = LineSecrets()
    for number in range(limits.LINE_SECRETS_MAX + 5):
        secrets.remember(str(number), "A", RESUME, bytes(32), 0.0)
    assert not secrets.candidates("4", 0.0)
    assert secrets.candidates("5", 0.0)


def test_an_address_fails_ten_times_a_minute_and_no_more() -> None:
    gate = LineGate()
    for _ in range(limits.LINE_FAILURES_MAX):
        assert gate.allows("10.0.0.1", 0.0)
        gate.failed("10.0.0.1", 0.0)
    assert not gate.allows("10.0.0.1", 59.0)
    assert gate.allows("10.0.0.1", 60.0)
    assert gate.allows("10.0.0.2", 0.0)
    for number in range(2 * limits.LINE_ADDRESSES_REMEMBERED):
        gate.failed(f"10.1.{number}", 0.0)
    assert gate.allows("10.0.0.1", 1.0)


def test_no_repr_shows_a_secret() -> None:
    a, _ = met()
    assert "rrrr" not in repr(a.secrets) + repr(a.secrets.candidates("b", 0.0))
