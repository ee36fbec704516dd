"""Several rooms on the screen: the menu above the bar, the rooms at home, joining another one from a call."""

from __future__ import annotations

import time
from dataclasses import replace

from appliance.core import limits
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.intents import Join, SwitchRoom
from appliance.core.view import Phase, RoomView
from appliance.display.preview.snapshots import HOME

CALL = CallView(42, 0.0, JoiningView(True, None), tiles=(TileView("p1", "Bridge", TileState.LIVE),))
ROOMS = (RoomView(42, True, 2), RoomView(7, False, 1), RoomView(417, False, 3))
IN_CALL = replace(HOME, phase=Phase.IN_CALL, call=CALL, rooms=ROOMS)
OTHER = replace(IN_CALL, call=replace(CALL, room=43))
TO_ROOMS = "right right right right right ok"  # the first only shows the focus


def targets(shown) -> list[str]:
    return [target.name for target in shown.display.view.targets]


def click(shown, name: str) -> None:
    time.sleep(limits.LEAVE_TOUCH_GAP + 0.05)  # not the bounce of the finger before
    target = shown.display.view.target(name)
    assert target is not None, targets(shown)
    shown.click(*target.rect.center)


class TestMenu:
    def test_arrows_and_ok_go_on_with_a_room_on_hold(self, shower) -> None:
        shown = shower(IN_CALL)
        shown.press(TO_ROOMS)
        assert targets(shown) == ["rooms:42", "rooms:7", "rooms:417", "rooms:another"]
        shown.press("ok")  # the first one on hold
        assert shown.intents == [SwitchRoom(7)]
        assert "rooms" in targets(shown)

    def test_fingers_do_the_same(self, shower) -> None:
        shown = shower(IN_CALL, size=(1280, 720))
        click(shown, "rooms")
        click(shown, "rooms:417")
        assert shown.intents == [SwitchRoom(417)]

    def test_back_and_a_touch_beside_it_close_it(self, shower) -> None:
        shown = shower(IN_CALL, size=(1280, 720))
        shown.press(f"{TO_ROOMS} back")
        assert "rooms:42" not in targets(shown)
        click(shown, "rooms")
        shown.click(20, 300)
        time.sleep(limits.LEAVE_TOUCH_GAP + 0.05)
        shown.click(20, 300)
        assert "rooms:42" not in targets(shown)
        assert shown.intents == []

    def test_another_meeting_closes_it(self, shower) -> None:
        shown = shower(IN_CALL)
        shown.press(TO_ROOMS)
        shown.show(OTHER)
        assert "rooms:42" not in targets(shown)


class TestJoiningAnother:
    def to_keypad(self, shown) -> None:
        shown.press(f"{TO_ROOMS} down down ok")

    def test_the_keypad_opens_over_the_call_and_the_meeting_goes_on_after_back(self, shower) -> None:
        shown = shower(IN_CALL)
        self.to_keypad(shown)
        assert "key:1" in targets(shown)
        shown.show(replace(IN_CALL, call=replace(CALL, meter=2)))  # the call goes on behind it
        assert "key:1" in targets(shown)
        shown.press("back")
        assert "leave" in targets(shown)

    def test_joining_is_shown_until_the_box_says_how_it_went(self, shower) -> None:
        shown = shower(IN_CALL)
        self.to_keypad(shown)
        shown.press("4 3 ok 1 2 3 4 ok")
        assert next(i for i in shown.intents if isinstance(i, Join)).room == 43
        shown.show(replace(IN_CALL, call=replace(CALL, meter=1)))  # not handled yet
        assert targets(shown) == ["cancel"]
        shown.show(replace(IN_CALL, phase=Phase.JOINING, call=None))
        assert targets(shown) == ["cancel"]
        shown.show(OTHER)
        assert "leave" in targets(shown)

    def test_after_a_refusal_one_key_tries_again_and_back_leads_to_the_call(self, shower) -> None:
        shown = shower(IN_CALL)
        self.to_keypad(shown)
        shown.press("4 3 ok 1 2 3 4 ok")
        shown.show(replace(IN_CALL, phase=Phase.JOINING, call=None))
        shown.show(replace(IN_CALL, refusal="Wrong room or password.", refusal_id=1))
        shown.press("ok")
        assert len([i for i in shown.intents if isinstance(i, Join)]) == 2
        shown.show(replace(IN_CALL, refusal="Wrong room or password.", refusal_id=2))
        for _ in range(3):
            shown.press("back")
        assert "leave" in targets(shown)


class TestHome:
    def test_the_first_key_down_is_a_room_on_hold(self, shower) -> None:
        shown = shower(replace(HOME, rooms=ROOMS[1:]))
        assert {"held:7", "held:417", "preset:0"} <= set(targets(shown))
        shown.press("down ok")
        assert shown.intents == [SwitchRoom(7)]
