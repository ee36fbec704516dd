"""Identities, and the group and the PAKE beneath the password."""

from __future__ import annotations

import contextlib
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spake2 import SPAKE2_A, SPAKE2_B
from spake2.ed25519_basic import Base as PythonBase
from spake2.parameters.ed25519 import ParamsEd25519

from appliance.core import messages as m
from appliance.core.group import CONSTANTS, ORDER, PARAMS, SodiumGroup, is_share
from appliance.core.identity import BoxIdentity, PeerKey, key_id, verify, verify_identity
from appliance.core.pake import Password
from appliance.errors import RemoteProtocolError

P = 2**255 - 19


def test_an_identity_comes_back_from_its_bytes() -> None:
    box = BoxIdentity.generate(random.Random(1).randbytes)
    again = BoxIdentity.from_bytes(box.to_bytes())
    assert (again.box_id, again.public_key) == (box.box_id, box.public_key)
    assert box.box_id_hex == key_id(box.public_key).hex()
    with pytest.raises(ValueError, match="32 bytes"):
        BoxIdentity.from_bytes(box.to_bytes()[:-1])


def test_no_repr_shows_a_secret() -> None:
    box = BoxIdentity(b"s" * 32)
    assert "73737373" not in repr(box)
    assert "ssss" not in repr(box)
    assert "4711" not in repr(Password(42, "4711"))
    assert "4711" not in repr(Password(42, "4711").side_a(b"", b"", random.Random(1).randbytes))


def test_a_signature_holds_for_its_message_and_key_alone() -> None:
    key, other = PeerKey(b"a" * 32), PeerKey(b"b" * 32)
    signature = key.sign(b"message")
    assert verify(key.public_key, signature, b"message")
    assert not verify(key.public_key, signature, b"massage")
    assert not verify(other.public_key, signature, b"message")
    assert not verify(key.public_key, signature[:-1], b"message")
    assert not verify(key.public_key[:-1], signature, b"message")


def test_a_key_of_small_order_signs_nothing() -> None:
    """With it, one signature would hold for every message in eight."""
    for encoded in (1, 0, P - 1):
        key = encoded.to_bytes(32, "little")
        assert not any(verify(key, key + bytes(32), bytes([n])) for n in range(64))


def test_an_identity_is_for_one_pair_and_one_side() -> None:
    box = BoxIdentity(b"x" * 32)
    identity = m.Identity.signed(box, "Bridge", "A", b"T" * 32, (), 8787)
    verify_identity(identity, "A", b"T" * 32)
    assert identity.box_id_hex == box.box_id_hex
    for role, transcript in (("B", b"T" * 32), ("A", b"U" * 32)):
        with pytest.raises(RemoteProtocolError) as caught:
            verify_identity(identity, role, transcript)
        assert caught.value.code == "identity.signature"


# --- The group ------------------------------------------------------------------------------------


def test_m_and_n_are_the_library_s() -> None:
    assert CONSTANTS[b"M"] == ParamsEd25519.M.to_bytes()
    assert CONSTANTS[b"N"] == ParamsEd25519.N.to_bytes()
    assert CONSTANTS[b"symmetric"] == ParamsEd25519.S.to_bytes()
    assert SodiumGroup.Base.to_bytes() == PythonBase.to_bytes()
    assert ParamsEd25519.group.order() == ORDER


@given(st.integers(-(2**260), 2**260).filter(lambda n: n % ORDER), st.integers(1, ORDER - 1))
def test_it_computes_what_the_library_computes(one: int, other: int) -> None:
    group = SodiumGroup()
    ours = group.Base.scalarmult(one)
    theirs = PythonBase.scalarmult(one)
    assert ours.to_bytes() == theirs.to_bytes()
    point = group.arbitrary_element(b"M")
    python_point = ParamsEd25519.M
    assert (
        point.scalarmult(other).add(ours).to_bytes() == python_point.scalarmult(other).add(theirs).to_bytes()
    )


@pytest.mark.parametrize("seed", range(6))
def test_both_sides_may_be_the_library_s_or_ours(seed: int) -> None:
    for params_a, params_b in itertools.product((PARAMS, ParamsEd25519), repeat=2):
        entropy = random.Random(seed).randbytes
        a = SPAKE2_A(b"pw", b"idA", b"idB", params=params_a, entropy_f=entropy)
        b = SPAKE2_B(b"pw", b"idA", b"idB", params=params_b, entropy_f=entropy)
        x, y = a.start(), b.start()
        assert len(x) == len(y) == 33
        assert is_share(x, b"A")
        assert is_share(y, b"B")
        assert a.finish(y) == b.finish(x)


NOT_SHARES = {
    "the identity": b"A" + (1).to_bytes(32, "little"),
    "the identity, not canonical": b"A" + (P + 1).to_bytes(32, "little"),
    "the identity with a sign": b"A" + (1 | 1 << 255).to_bytes(32, "little"),
    "order 2": b"A" + (P - 1).to_bytes(32, "little"),
    "order 4": b"A" + bytes(32),
    "not canonical": b"A" + (P + 3).to_bytes(32, "little"),
    "all ones": b"A" + b"\xff" * 32,
    "the wrong side": b"B" + CONSTANTS[b"M"],
    "no side": CONSTANTS[b"M"],
    "symmetric": b"S" + CONSTANTS[b"M"],
    "too long": b"A" + CONSTANTS[b"M"] + b"\0",
    "empty": b"",
}


@pytest.mark.parametrize("share", NOT_SHARES.values(), ids=NOT_SHARES)
def test_a_bad_share_is_refused(share: bytes) -> None:
    assert not is_share(share, b"A")
    pake = Password(42, "4711").side_b(b"a", b"b", random.Random(1).randbytes)
    with pytest.raises(RemoteProtocolError) as caught:
        pake.finish(share)
    assert caught.value.code == "share.point"


@given(st.binary(max_size=40))
def test_a_share_is_used_or_refused_whatever_the_bytes(share: bytes) -> None:
    pake = Password(42, "4711").side_b(b"a", b"b", random.Random(1).randbytes)
    for candidate in (share, b"A" + share[:32].ljust(32, b"\0")):
        with contextlib.suppress(RemoteProtocolError):
            assert len(pake.finish(candidate)) == 32


def test_a_point_of_a_larger_group_is_refused() -> None:
    """On the curve, but outside the subgroup of prime order: half of such a point is a fact."""
    outside = ParamsEd25519.M.add(_order_two())
    assert not is_share(b"A" + outside.to_bytes(), b"A")
    with pytest.raises(ValueError, match="not a point"):
        SodiumGroup().bytes_to_element(outside.to_bytes())


def _order_two() -> object:
    from spake2.ed25519_basic import ElementOfUnknownGroup, xform_affine_to_extended

    return ElementOfUnknownGroup(xform_affine_to_extended((0, P - 1)))


def test_a_share_that_cancels_the_password_out_is_refused() -> None:
    """X = pw * M makes the shared point the identity: it must not become a key."""
    group = SodiumGroup()
    side_b = SPAKE2_B(b"pw", b"", b"", params=PARAMS, entropy_f=random.Random(1).randbytes)
    side_b.start()
    x = group.arbitrary_element(b"M").scalarmult(group.password_to_scalar(b"pw"))
    with pytest.raises(ValueError, match="point"):
        side_b.finish(b"A" + x.to_bytes())


def test_the_password_s_form_does_not_matter_but_its_room_does() -> None:
    composed, decomposed = "p\u00e4ss", "pa\u0308ss"

    def keys(password_a: Password, password_b: Password) -> tuple[bytes, bytes]:
        entropy = random.Random(5).randbytes
        a, b = password_a.side_a(b"a", b"b", entropy), password_b.side_b(b"a", b"b", entropy)
        return a.finish(b.share), b.finish(a.share)

    same = keys(Password(42, composed), Password(42, decomposed))
    assert same[0] == same[1]
    for other in (Password(43, composed), Password(42, "pass"), Password(42, composed + " ")):
        mine, theirs = keys(Password(42, composed), other)
        assert mine != theirs
