"""The seal: what goes in comes out once, in order, unchanged, at the other end only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import channel as channel_module
from appliance.core.channel import OVERHEAD_BYTES, SealedChannel, bind_mac, equal_macs
from appliance.core.keys import PairKeys
from appliance.core.limits import SEAL_LIFETIME, SEALED_MAX_BYTES
from appliance.errors import LocalProtocolError, RemoteProtocolError

KEYS = PairKeys(b"T" * 32, b"a" * 32, b"b" * 32, b"r" * 32, b"B" * 32)
FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)


def ends() -> tuple[SealedChannel, SealedChannel]:
    return SealedChannel.of_pair(KEYS, "A", 0.0), SealedChannel.of_pair(KEYS, "B", 0.0)


def refused(channel: SealedChannel, frame: bytes) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        channel.open(frame)
    return caught.value.code


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=20))
def test_messages_arrive_in_both_directions(messages: list[tuple[bool, bytes]]) -> None:
    a, b = ends()
    for from_a, plaintext in messages:
        sender, receiver = (a, b) if from_a else (b, a)
        frame = sender.seal(plaintext)
        assert len(frame) == len(plaintext) + OVERHEAD_BYTES
        assert receiver.open(frame) == plaintext


def test_a_replayed_frame_is_refused_and_the_next_one_taken() -> None:
    a, b = ends()
    first, second = a.seal(b"1"), a.seal(b"2")
    b.open(first)
    assert refused(b, first) == "seal.replay"
    assert b.open(second) == b"2"
    assert refused(b, first) == "seal.replay"
    assert refused(b, second) == "seal.replay"


def test_a_reordered_frame_is_refused_and_the_right_one_taken() -> None:
    a, b = ends()
    first, second = a.seal(b"1"), a.seal(b"2")
    assert refused(b, second) == "seal.order"
    assert b.open(first) == b"1"
    assert b.open(second) == b"2"


@given(st.data())
def test_a_tampered_frame_is_refused_and_the_genuine_one_taken(data: st.DataObject) -> None:
    a, b = ends()
    frame = a.seal(b"a message")
    position = data.draw(st.integers(8, len(frame) - 1))
    forged = bytearray(frame)
    forged[position] ^= data.draw(st.integers(1, 255))
    assert refused(b, bytes(forged)) == "seal.tampered"
    assert b.open(frame) == b"a message"


def test_a_frame_does_not_open_at_its_sender() -> None:
    a, _ = ends()
    assert refused(a, a.seal(b"x")) == "seal.tampered"


def test_a_frame_of_another_pair_does_not_open() -> None:
    for other in (
        PairKeys(b"U" * 32, KEYS.a_to_b, KEYS.b_to_a, KEYS.resume, KEYS.bind),
        PairKeys(KEYS.transcript, b"c" * 32, KEYS.b_to_a, KEYS.resume, KEYS.bind),
    ):
        a, _ = ends()
        assert refused(SealedChannel.of_pair(other, "B", 0.0), a.seal(b"x")) == "seal.tampered"


@given(st.binary(max_size=64))
def test_whatever_the_bytes_the_only_exception_is_ours(data: bytes) -> None:
    _, b = ends()
    assert refused(b, data).startswith("seal.")
    assert b.received == 0


def test_sizes_are_bounded_on_both_sides() -> None:
    a, b = ends()
    with pytest.raises(LocalProtocolError):
        a.seal(bytes(SEALED_MAX_BYTES + 1))
    assert refused(b, bytes(SEALED_MAX_BYTES + OVERHEAD_BYTES + 1)) == "seal.size"
    assert b.open(a.seal(bytes(SEALED_MAX_BYTES))) == bytes(SEALED_MAX_BYTES)


def test_a_key_is_used_up_after_so_many_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "SEAL_FRAMES_MAX", 3)
    a, b = ends()
    for _ in range(3):
        assert not a.used_up(0.0)
        b.open(a.seal(b"x"))
    assert a.used_up(0.0)
    assert b.used_up(0.0)
    with pytest.raises(LocalProtocolError, match="new keys"):
        a.seal(b"x")
    monkeypatch.setattr(channel_module, "SEAL_FRAMES_MAX", 4)
    fourth = a.seal(b"x")
    monkeypatch.setattr(channel_module, "SEAL_FRAMES_MAX", 3)
    assert refused(b, fourth) == "seal.used-up"


def test_a_key_is_used_up_after_a_day() -> None:
    a, _ = ends()
    assert not a.used_up(SEAL_LIFETIME - 1)
    assert a.used_up(SEAL_LIFETIME)


def test_the_bind_mac_covers_role_generation_certificates_and_ufrags() -> None:
    other = "sha-256 " + ":".join(["CD"] * 32)
    genuine = bind_mac(b"k" * 32, "A", 1, (FINGERPRINT, other), ("ab", "cd"))
    assert equal_macs(genuine, bind_mac(b"k" * 32, "A", 1, (FINGERPRINT.lower(), other[8:]), ("ab", "cd")))
    for changed in (
        bind_mac(b"l" * 32, "A", 1, (FINGERPRINT, other), ("ab", "cd")),
        bind_mac(b"k" * 32, "B", 1, (FINGERPRINT, other), ("ab", "cd")),
        bind_mac(b"k" * 32, "A", 2, (FINGERPRINT, other), ("ab", "cd")),
        bind_mac(b"k" * 32, "A", 1, (other, FINGERPRINT), ("ab", "cd")),
        bind_mac(b"k" * 32, "A", 1, (FINGERPRINT, FINGERPRINT), ("ab", "cd")),
        bind_mac(b"k" * 32, "A", 1, (FINGERPRINT, other), ("abc", "d")),
    ):
        assert not equal_macs(genuine, changed)


@pytest.mark.parametrize("text", ["", "sha-1 " + ":".join(["AB"] * 20), "AB" * 32, FINGERPRINT + ":AB"])
def test_a_fingerprint_that_is_not_sha_256_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        bind_mac(b"k" * 32, "A", 1, (text, FINGERPRINT), ("a", "b"))
    assert caught.value.code == "bind.fingerprint"


def test_no_repr_shows_a_key() -> None:
    a, _ = ends()
    for text in (repr(a), repr(KEYS)):
        assert "aaaa" not in text
        assert "BBBB" not in text
