"""The door of a room: what members tell each other about it."""

from __future__ import annotations

import msgspec
import pytest

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.door import Door
from appliance.core.identity import BoxIdentity
from appliance.errors import RemoteProtocolError

NOW = 1000.0
ROOM = 42


def door(name: str, seed: int, now: float = NOW) -> Door:
    return Door(ROOM, f"{seed:032x}", 10, BoxIdentity(bytes([seed]) * 32), name, now)


def carried(message: m.Door) -> m.Door:
    """As it comes out at the other end."""
    decoded = m.decode_sealed(m.encode_sealed(message))
    assert isinstance(decoded, m.Door)
    return decoded


def test_what_one_does_the_other_follows() -> None:
    a, b = door("Bridge", 1), door("Galley", 2)
    a.move(False, NOW + 1)
    assert b.heard(carried(a.message(NOW + 1)), NOW + 1)
    assert not b.window.open
    b.move(True, NOW + 2)
    assert a.heard(carried(b.message(NOW + 2)), NOW + 2)
    assert a.window.open
    assert a.window.by == "Galley"


def test_a_member_passes_on_who_moved_it_with_the_time_that_is_left() -> None:
    a, b, c = door("Bridge", 1), door("Galley", 2), door("Library", 3)
    a.move(False, NOW)
    a.move(True, NOW)
    b.heard(carried(a.message(NOW)), NOW)
    passed_on = carried(b.message(NOW + 60))
    assert passed_on.identity == BoxIdentity(bytes([1]) * 32).public_key
    assert passed_on.remaining_ms == 540_000
    assert c.heard(passed_on, NOW + 60)
    assert c.window.closes_at == pytest.approx(NOW + 600, abs=0.01)


def test_nobody_can_say_that_another_moved_it() -> None:
    a, b = door("Bridge", 1), door("Galley", 2)
    a.move(False, NOW)
    forged = msgspec.structs.replace(a.message(NOW), open=True)
    with pytest.raises(RemoteProtocolError) as error:
        b.heard(forged, NOW)
    assert error.value.code == "door.signature"
    assert b.window.open


def test_a_door_of_another_room_is_not_ours() -> None:
    other = Door(ROOM + 1, "0" * 32, 10, BoxIdentity(bytes(32)), "Bridge", NOW)
    with pytest.raises(RemoteProtocolError):
        door("Galley", 2).heard(other.message(NOW), NOW)


def test_one_who_moves_it_all_the_time_is_not_followed() -> None:
    a, b = door("Bridge", 1), door("Galley", 2)
    codes = []
    for move in range(30):
        a.move(move % 2 == 0, NOW)
        try:
            b.heard(a.message(NOW), NOW)
        except RemoteProtocolError as error:
            codes.append(error.code)
    assert codes.count("door.too-often") == 30 - limits.DOORS_BURST
    assert b.heard(a.message(NOW + 60), NOW + 60)  # but not forgotten either
    assert b.window.counter == 30


def test_a_name_that_no_box_has_is_refused_before_anything_else() -> None:
    bad = Door(ROOM, "0" * 32, 10, BoxIdentity(bytes(32)), "Judge\n\u202eX", NOW)
    bad.move(False, NOW)
    with pytest.raises(RemoteProtocolError) as error:
        carried(bad.message(NOW))
    assert error.value.code == "sealed.malformed"


def test_it_closes_by_itself() -> None:
    ours = door("Bridge", 1)
    assert ours.deadline() == NOW + 600
    assert not ours.tick(NOW + 599)
    assert ours.tick(NOW + 600)
    assert ours.deadline() is None
