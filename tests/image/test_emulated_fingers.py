"""Keys and touches as QEMU's monitor wants them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image import home
from image.emulator import boards, keys, touch


def test_what_a_box_calls_a_key_is_one() -> None:
    assert keys.combination("ok") == [{"type": "qcode", "data": "ret"}]
    assert [keys.codes(key) for key in ("4", "back", "a", "delete")] == [["4"], ["esc"], ["a"], ["backspace"]]


def test_a_capital_is_its_key_with_shift() -> None:
    assert keys.codes("S") == ["shift", "s"]


@pytest.mark.parametrize("key", ["", "ä", "enter", "€", "42"])
def test_keys_that_are_not_there(key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        keys.codes(key)


@given(st.integers(1, 4096), st.data())
def test_every_pixel_is_hit_in_its_middle(size: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, size - 1))
    value = touch.scaled(at, size)
    assert 0 <= value <= touch.RANGE
    assert int(value / touch.RANGE * size) == at


@pytest.mark.parametrize("at", [-1, 800])
def test_beside_the_screen_is_nothing(at: int) -> None:
    with pytest.raises(ValueError, match="not on a screen"):
        touch.scaled(at, 800)


def test_a_touch_begins_with_its_contact_and_ends_with_it() -> None:
    down = touch.down(10, 20, (800, 480), contact=3)
    assert [event["type"] for event in down] == ["mtt", "btn", "mtt", "mtt"]
    assert down[0]["data"] == {"type": "begin", "slot": 0, "tracking-id": 3, "axis": "x", "value": 0}
    assert [event["data"]["axis"] for event in down[2:]] == ["x", "y"]
    lifted = touch.up()
    assert lifted[0]["data"]["type"] == "end"
    assert lifted[1]["data"] == {"button": "touch", "down": False}


def test_the_keypads_keys_are_where_a_finger_finds_them() -> None:
    places = home.keypad_keys(boards.SCREEN)
    assert set(places) == {*"0123456789", "next"}
    assert places["1"].x < places["2"].x < places["3"].x
    assert places["1"].y < places["4"].y < places["0"].y
    for rect in places.values():
        x, y = home.middle(rect)
        assert 0 <= x < boards.SCREEN[0]
        assert 0 <= y < boards.SCREEN[1]
