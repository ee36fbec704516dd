"""The speaker layout and the menu of a tile, by keys, mouse and finger."""

from __future__ import annotations

import time
from dataclasses import replace

import pygame
import pytest
from display_helpers import plain, wait_for

from appliance.core import limits
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.grid import Rect
from appliance.core.intents import ClosePeer, HideTiles, Leave, MutePeer, PinPeer, SetLayout, SetMuted
from appliance.core.picture import SELF_TILE
from appliance.core.view import Phase
from appliance.display.preview.snapshots import HOME

WIDE = (1280, 720)
TILES = tuple(
    TileView(peer, name, TileState.LIVE)
    for peer, name in (("p1", "Bridge"), ("p2", "Engine Room"), ("p3", "Infirmary"), ("p4", "Workshop"))
)
CALL = CallView(42, 0.0, JoiningView(True, None), TILES)
BOUNCE = limits.LEAVE_TOUCH_GAP + 0.05


def in_call(**changes: object):
    return replace(HOME, phase=Phase.IN_CALL, call=replace(CALL, **changes))


def tile(peer: str, **changes: object) -> tuple[TileView, ...]:
    return tuple(replace(t, **changes) if t.peer == peer else t for t in TILES)


def widths(shown) -> dict[str, int]:
    told = shown.tiles[-1]
    return {name: w for name, w, _ in told.sizes} | {SELF_TILE: told.self_view[0]}


def largest(shown) -> str | None:
    """Whose tile is more than twice as wide as anybody else's; None in a grid."""
    by_width = sorted(widths(shown).items(), key=lambda item: -item[1])
    return by_width[0][0] if by_width[0][1] > 2 * by_width[1][1] else None


def find(shown, target: str) -> tuple[float, float]:
    """Where a target is on the screen."""
    found = shown.display.view.target(target)
    assert found is not None, target
    return found.rect.center


def targets(shown) -> set[str]:
    return {target.name for target in shown.display.view.targets}


def finger(kind: int, x: float, y: float) -> pygame.Event:
    return pygame.Event(kind, {"x": x / WIDE[0], "y": y / WIDE[1], "finger_id": 1, "touch_id": 1})


def touch(shown, target: str) -> None:
    x, y = find(shown, target)
    shown.post(finger(pygame.FINGERDOWN, x, y), finger(pygame.FINGERUP, x, y))


ALONE = {"menu:mute", "menu:pin", "menu:close"}  # of the only other one
MENU = {*ALONE, "menu:move"}
BAR = {"mute", "camera", "layout", "joining", "rooms", "people", "settings", "leave"}


class TestLayout:
    def test_everybody_is_alike_in_the_grid(self, shower) -> None:
        assert largest(shower(in_call(speaker="p2"), size=WIDE)) is None

    def test_the_speaker_is_large_and_everybody_else_is_there(self, shower) -> None:
        shown = shower(in_call(layout="speaker", speaker="p2"), size=WIDE)
        assert largest(shown) == "p2"
        assert set(widths(shown)) == {"p1", "p2", "p3", "p4", SELF_TILE}
        shown.show(in_call(layout="speaker", speaker="p3"))
        assert largest(shown) == "p3"
        assert set(widths(shown)) == {"p1", "p2", "p3", "p4", SELF_TILE}

    def test_before_anybody_spoke_the_first_is_large(self, shower) -> None:
        assert largest(shower(in_call(layout="speaker"), size=WIDE)) == "p1"

    @pytest.mark.parametrize("layout", ["grid", "speaker"])
    def test_a_pinned_peer_is_large_whoever_speaks(self, shower, layout) -> None:
        assert largest(shower(in_call(layout=layout, speaker="p2", pinned="p4"), size=WIDE)) == "p4"

    def test_a_pinned_peer_that_left_leaves_the_grid(self, shower) -> None:
        shown = shower(in_call(pinned="p4"), size=WIDE)
        shown.show(in_call(pinned="p4", tiles=TILES[:3]))
        assert largest(shown) is None

    def test_a_picture_moves_with_its_tile(self, shower) -> None:
        shown = shower(in_call(layout="speaker", speaker="p1"), size=WIDE)
        shown.bridge.slot("p2").put(plain((200, 40, 40), (640, 360)))
        assert tuple(shown.settle().get_at((500, 300)))[:3] != (200, 40, 40)
        moved = shown.show(in_call(layout="speaker", speaker="p2"))
        assert tuple(moved.get_at((500, 300)))[:3] == (200, 40, 40)

    def test_the_button_goes_there_and_back(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        shown.click(*find(shown, "layout"))
        assert shown.intents == [SetLayout("speaker")]
        shown.show(in_call(layout="speaker"))
        shown.click(*find(shown, "layout"))
        assert shown.intents == [SetLayout("speaker"), SetLayout("grid")]

    @pytest.mark.parametrize(
        ("layout", "wanted"),
        [("grid", [PinPeer(None)]), ("speaker", [PinPeer(None), SetLayout("grid")])],
    )
    def test_the_button_takes_a_pin_out_on_the_way_to_the_grid(self, shower, layout, wanted) -> None:
        shown = shower(in_call(layout=layout, pinned="p2"), size=WIDE)
        shown.click(*find(shown, "layout"))
        assert shown.intents == wanted

    def test_alone_the_button_still_chooses(self, shower) -> None:
        shown = shower(in_call(tiles=()), size=WIDE)
        shown.click(*find(shown, "layout"))
        assert shown.intents == [SetLayout("speaker")]


class TestMenuByKeys:
    def test_up_from_the_bar_ok_and_ok_mutes_here(self, shower) -> None:
        shown = shower(in_call(tiles=TILES[:1]))
        shown.press("up up ok")
        assert targets(shown) == ALONE
        shown.press("ok")
        assert shown.intents == [MutePeer("p1", True)]
        assert targets(shown) > {"tile:p1", "mute", "leave"}

    def test_the_focus_returns_to_the_tile(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        shown.press("up up up ok down ok")
        assert shown.intents == [PinPeer("p1")]
        shown.press("ok ok")
        assert shown.intents == [PinPeer("p1"), MutePeer("p1", True)]

    def test_arrows_stay_in_the_menu(self, shower) -> None:
        shown = shower(in_call(tiles=TILES[:1]))
        shown.press("up up ok down down down down left right")
        assert targets(shown) == ALONE
        shown.press("up ok")
        assert shown.intents == [PinPeer("p1")]

    @pytest.mark.parametrize("key", ["back", "delete"])
    def test_back_closes_it_and_asks_nothing(self, shower, key) -> None:
        shown = shower(in_call(tiles=TILES[:1]))
        shown.press(f"up up ok {key}")
        assert targets(shown) == {"tile:p1", *BAR}
        shown.press("ok back back ok")  # opens it again; then the question whether to leave
        assert shown.intents == [Leave()]

    def test_what_was_done_can_be_undone(self, shower) -> None:
        shown = shower(in_call(tiles=tile("p1", muted_here=True), pinned="p1"), size=WIDE)
        shown.press("up")
        shown.press("up ok ok")
        shown.press("ok down ok")
        assert shown.intents == [MutePeer("p1", False), PinPeer(None)]

    def test_closing_is_asked_once(self, shower) -> None:
        shown = shower(in_call(tiles=TILES[:1]))
        shown.press("up up ok down down ok")
        assert shown.intents == []
        shown.press("ok")
        assert shown.intents == [ClosePeer("p1")]

    def test_another_choice_takes_the_question_back(self, shower) -> None:
        shown = shower(in_call(tiles=TILES[:1]))
        shown.press("up up ok down down ok up ok")
        shown.press("ok down down ok")
        assert shown.intents == [PinPeer("p1")]

    def test_m_still_mutes_our_own_microphone(self, shower) -> None:
        shown = shower(in_call(tiles=TILES[:1]))
        shown.press("up up ok m")
        assert shown.intents == [SetMuted(True)]
        assert targets(shown) == ALONE

    def test_the_self_view_has_no_menu(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        assert {name for name in targets(shown) if name.startswith("tile:")} == {
            f"tile:{t.peer}" for t in TILES
        }


class TestMenuByPointer:
    def test_a_click_opens_it_and_another_acts(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        shown.click(*find(shown, "tile:p2"))
        assert targets(shown) == MENU
        time.sleep(BOUNCE)
        shown.click(*find(shown, "menu:pin"))
        assert shown.intents == [PinPeer("p2")]
        assert "tile:p2" in targets(shown)

    def test_a_finger_does_the_same(self, shower) -> None:
        shown = shower(in_call(layout="speaker", speaker="p2"), size=WIDE)
        touch(shown, "tile:p4")
        time.sleep(BOUNCE)
        touch(shown, "menu:mute")
        assert shown.intents == [MutePeer("p4", True)]

    def test_the_bounce_of_the_finger_that_opened_it_presses_nothing(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        x, y = find(shown, "tile:p2")
        down, up = finger(pygame.FINGERDOWN, x, y), finger(pygame.FINGERUP, x, y)
        shown.post(down, up, down, up)
        assert targets(shown) == MENU
        assert shown.intents == []

    def test_a_touch_beside_it_closes_it_and_presses_nothing(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        x, y = find(shown, "leave")
        shown.click(*find(shown, "tile:p2"))
        time.sleep(BOUNCE)
        shown.click(x, y)
        assert "tile:p2" in targets(shown)
        shown.press("up")
        assert shown.intents == []

    def test_a_finger_closes_the_connection_with_two_presses(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        touch(shown, "tile:p3")
        time.sleep(BOUNCE)
        touch(shown, "menu:close")
        touch(shown, "menu:close")  # at once: a bounce
        assert shown.intents == []
        time.sleep(BOUNCE)
        touch(shown, "menu:close")
        assert shown.intents == [ClosePeer("p3")]

    def test_it_is_on_the_screen_at_every_corner(self, shower) -> None:
        many = tuple(replace(TILES[0], peer=f"p{i}") for i in range(15))
        shown = shower(in_call(tiles=many, layout="speaker"), size=(800, 480))
        for peer in many:
            shown.click(*find(shown, f"tile:{peer.peer}"))
            assert all(Rect(0, 0, 800, 480).contains(t.rect) for t in shown.display.view.targets)
            shown.press("back")


class TestMenuGoesAway:
    def test_when_its_peer_leaves(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        shown.click(*find(shown, "tile:p4"))
        shown.show(in_call(tiles=TILES[:3]))
        assert "mute" in targets(shown)

    def test_when_nobody_uses_it(self, shower, monkeypatch) -> None:
        monkeypatch.setattr(limits, "MENU_FOR", 0.3)
        shown = shower(in_call(), size=WIDE)
        shown.click(*find(shown, "tile:p4"))
        assert targets(shown) == MENU
        wait_for(lambda: "mute" in targets(shown))
        shown.press("down")  # one that comes too late doesn't bring it back
        assert "mute" in targets(shown)

    def test_with_the_meeting(self, shower) -> None:
        shown = shower(in_call(), size=WIDE)
        shown.click(*find(shown, "tile:p4"))
        shown.show(HOME)
        shown.show(in_call())
        assert "mute" in targets(shown)

    def test_and_what_was_under_it_is_whole_again(self, shower) -> None:
        still = tuple(replace(t, camera_on=t.peer == "p2") for t in TILES)  # no spinner turns anywhere
        shown = shower(in_call(tiles=still, since=time.monotonic() + 60), size=WIDE)
        shown.bridge.slot("p2").put(plain((200, 40, 40), (604, 310)))
        before = shown.settle()
        shown.click(*find(shown, "tile:p2"))
        shown.bridge.slot("p2").put(plain((200, 40, 40), (604, 310), serial=2))
        during = shown.settle()
        time.sleep(BOUNCE)
        after = shown.click(10, 10)
        picture = pygame.Rect(0, 50, 1280, 670)  # below the clock
        before, during, after = (
            pygame.image.tobytes(s.subsurface(picture), "RGB") for s in (before, during, after)
        )
        assert during != before
        assert after == before


class TestChip:
    @pytest.mark.parametrize(
        "changes",
        [{"tiles": tile("p2", muted=True)}, {"tiles": tile("p2", muted_here=True)}, {"pinned": "p2"}],
    )
    @pytest.mark.parametrize("size", [WIDE, (800, 480)])
    def test_each_state_is_seen(self, shower, changes, size) -> None:
        plainly = in_call(layout="speaker", speaker="p2", since=time.monotonic() + 60)
        shown = shower(plainly, size=size)
        before = pygame.image.tobytes(shown.settle(), "RGB")
        changed = replace(plainly, call=replace(plainly.call, **changes))
        assert pygame.image.tobytes(shown.show(changed), "RGB") != before

    def test_the_words_for_both_kinds_of_mute(self, shower) -> None:
        bridge, engine_room = (replace(t, muted=True, camera_on=False) for t in TILES[:2])
        tiles = (bridge, replace(engine_room, muted_here=True))
        shown = shower(in_call(tiles=tiles, layout="speaker", speaker="p2"), size=(1920, 1080))
        texts = {node.text for node in shown.display.view.nodes if hasattr(node, "text")}
        assert {"Bridge · muted", "Engine Room · muted here"} <= texts


class TestHiddenPictures:
    def test_nobodys_picture_is_asked_for_or_drawn(self, shower) -> None:
        shown = shower(in_call(), WIDE)
        assert len(shown.tiles[-1].sizes) == len(TILES)
        before = shown.settle()
        shown.show(in_call(hidden=True))
        assert shown.tiles[-1].sizes == ()
        assert shown.tiles[-1].self_view is None
        shown.bridge.slot("p1").put(plain((255, 0, 0), (640, 360)))
        hidden = shown.settle()
        assert pygame.image.tobytes(hidden, "RGB").count(b"\xff\x00\x00" * 8) == 0
        assert pygame.image.tobytes(hidden, "RGB") != pygame.image.tobytes(before, "RGB")
        shown.show(in_call())
        assert len(shown.tiles[-1].sizes) == len(TILES)

    def test_v_hides_them_and_shows_them_again(self, shower) -> None:
        shown = shower(in_call(), WIDE)
        shown.press("v")
        shown.show(in_call(hidden=True))
        shown.press("v")
        assert shown.intents == [HideTiles(True), HideTiles(False)]

    def test_the_layout_button_shows_them_again(self, shower) -> None:
        shown = shower(in_call(hidden=True, layout="speaker"), WIDE)
        shown.click(*find(shown, "layout"))
        assert shown.intents == [HideTiles(False)]
