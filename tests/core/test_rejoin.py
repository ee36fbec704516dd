"""What a restarted box may still use of what it kept, and what not."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.door import Door
from appliance.core.identity import BoxIdentity, PeerKey
from appliance.core.line_secrets import LineSecrets
from appliance.core.rejoin import Joined, Kept, Member, restore
from appliance.errors import StartError

ME, OTHER = BoxIdentity(bytes([1]) * 32), BoxIdentity(bytes([2]) * 32)
PEER = "b2" * 16
KEY = PeerKey(bytes([3]) * 32)
BOOT = "e3a1"
AT = 5000.0  # of the boot clock
NOW = 100.0  # monotonic, when it was kept


def kept(room: int = 42, *, joining_minutes: float = 10) -> Kept:
    secrets = LineSecrets()
    secrets.remember(PEER, "A", bytes([7]) * 32, OTHER.public_key, NOW)
    door = Door(room, "ab" * 16, joining_minutes, ME, "Bridge", NOW)
    member = Member(PEER, "A", "Galley", OTHER.public_key, ("10.0.0.2",), 8787, bytes([8]) * 32, 3)
    joined = Joined(
        room, True, KEY.to_bytes(), ME.box_id_hex, door.message(NOW), (member,), secrets.to_state(NOW)
    )
    return Kept(1, BOOT, AT, True, False, (joined,))


def code_of(data: bytes, boot: str = BOOT, boot_now: float = AT + 5) -> str:
    with pytest.raises(StartError) as refused:
        restore(data, boot, boot_now, 2.0)
    return refused.value.code


def test_everything_comes_back_with_its_age() -> None:
    again, (room,) = restore(kept().to_state(), BOOT, AT + 60, now=2.0)
    assert (again.muted, again.camera_on) == (True, False)
    assert room.joined == kept().rooms[0]
    assert PeerKey(room.joined.key).peer_id == KEY.peer_id
    assert room.door.open
    assert room.door.remaining_ms == (600 - 60) * 1000
    # The monotonic clock of the new process began anew: the secret is a minute old all the same.
    assert room.secrets.candidates(PEER, 2.0 + limits.LINE_SECRET_LIFETIME - 61)
    assert not room.secrets.candidates(PEER, 2.0 + limits.LINE_SECRET_LIFETIME - 59)


def test_the_door_closes_while_nobody_runs() -> None:
    _, (room,) = restore(kept(joining_minutes=1).to_state(), BOOT, AT + 61, now=2.0)
    assert room.door.remaining_ms == 0


def test_what_another_boot_left_is_void() -> None:
    assert code_of(kept().to_state(), boot="other") == "rejoin.boot"


def test_what_is_as_old_as_a_secret_may_be_is_void() -> None:
    assert code_of(kept().to_state(), boot_now=AT + limits.LINE_SECRET_LIFETIME) == "rejoin.old"
    assert code_of(kept().to_state(), boot_now=AT - 1) == "rejoin.old"  # a clock that cannot be


def test_a_door_that_nobody_set_is_void() -> None:
    whole = kept()
    forged = msgspec.structs.replace(whole.rooms[0].door, counter=5)
    room = msgspec.structs.replace(whole.rooms[0], door=forged)
    assert code_of(msgspec.structs.replace(whole, rooms=(room,)).to_state()) == "rejoin.state"


def test_nothing_secret_is_in_a_representation() -> None:
    assert "Galley" not in repr(kept())
    assert bytes([7]).hex() * 8 not in repr(kept())


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_garbage_is_refused(data: bytes) -> None:
    assert code_of(data) == "rejoin.state"


@given(st.integers(0, 2000), st.integers(0, 255))
def test_one_damaged_byte_is_refused_or_harmless(place: int, value: int) -> None:
    data = bytearray(kept().to_state())
    data[place % len(data)] = value
    with contextlib.suppress(StartError):
        restore(bytes(data), BOOT, AT + 1, 2.0)


def test_members_and_rooms_are_bounded() -> None:
    whole = kept()
    many = msgspec.structs.replace(whole.rooms[0], members=whole.rooms[0].members * (limits.MEMBERS_MAX + 1))
    assert code_of(msgspec.structs.replace(whole, rooms=(many,)).to_state()) == "rejoin.state"
    lots = msgspec.structs.replace(whole, rooms=whole.rooms * (limits.ROOMS_MAX + 1))
    assert len(restore(lots.to_state(), BOOT, AT + 1, 2.0)[1]) == limits.ROOMS_MAX
