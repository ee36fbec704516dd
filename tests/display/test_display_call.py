"""The call on screens of every shape: tiles, the bar that hides, toasts, panels, tiles that are moved."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import replace

import pygame
import pytest
from display_helpers import wait_for

from appliance.core import limits
from appliance.core.call_view import AwayView, LinkState, TileState
from appliance.core.grid import Rect
from appliance.core.intents import AllowJoining, HideTiles, Leave, MoveTile, PinPeer, SetMuted, TilesShown
from appliance.core.view import Notice, Snapshot, Tone
from appliance.core.words import Text, Words
from appliance.display.fonts import Fonts
from appliance.display.lines import drawing, strokes
from appliance.display.navigator import Navigator
from appliance.display.preview.drawing import WALL
from appliance.display.preview.snapshots import CALL, FULL_MESH, HALF_BROKEN, NOW, PEERS, in_call, mesh
from appliance.display.render import layout
from appliance.display.scene import Box, Line, Lines, View
from appliance.display.scene import Text as TextNode
from appliance.display.screens import mesh_panel
from appliance.display.stage import Key, Moment
from appliance.display.text import ELLIPSIS, Typesetter
from appliance.display.theme import Ink, Theme

SIZES = [(640, 360), (800, 480), (1280, 720), (1024, 768), (2560, 1080), (1080, 1920)]
WIDE = (1280, 720)
BAR = {"mute", "camera", "layout", "joining", "rooms", "people", "settings", "leave"}
AFTER = NOW + limits.BAR_FOR + 0.1


def longer(text: Text) -> str:
    """As long as German or French: every word has 40 % more letters, in a language that nobody speaks."""
    if not isinstance(text, Words):
        return text
    return " ".join(word + "n" * math.ceil(0.4 * len(word)) for word in str(text).split(" "))


@pytest.fixture
def typesetter():
    pygame.font.init()
    yield Typesetter(Fonts())
    pygame.font.quit()


class Stand:
    """A navigator whose clock the test moves, and no display."""

    def __init__(self, snapshot: Snapshot, typesetter: Typesetter, size=WIDE, tr=str) -> None:
        self.intents: list[object] = []
        self.navigator = Navigator(snapshot, self.intents.append)
        self.theme, self.typesetter, self.tr = Theme(size), typesetter, tr
        self.now = NOW
        self.show(snapshot)

    def show(self, snapshot: Snapshot) -> View:
        self.navigator.adopt(snapshot, self.now)
        return self.view()

    def view(self) -> View:
        names = frozenset({"self", *(f"p{i}" for i in range(1, 16))})
        moment = Moment(
            self.navigator.snapshot, self.now, WALL, self.theme, self.typesetter, names, tr=self.tr
        )
        return self.navigator.build(moment)

    def key(self, name: str) -> View:
        named = len(name) > 1
        self.navigator.key(Key(name if named else "text", "" if named else name, at=self.now))
        return self.view()

    def keys(self, names: str) -> View:
        for name in names.split():
            self.key(name)
        return self.view()

    def said(self) -> list[object]:
        return [intent for intent in self.intents if not isinstance(intent, TilesShown)]


def names(view: View) -> set[str]:
    return {target.name for target in view.targets}


def videos(view: View) -> list[Rect]:
    return [video.rect for video in view.videos()]


def bar_of(view: View) -> Rect:
    """The bar's own box: the last one behind the first of its buttons."""
    button = view.target("mute").rect
    return next(
        n.rect
        for n in view.nodes
        if isinstance(n, Box) and n.fill is Ink.BACKGROUND and n.rect.contains(button)
    )


def chips(view: View) -> list[Rect]:
    return [n.rect for n in view.nodes if isinstance(n, Box) and n.fill is Ink.CHIP]


LIVE = tuple(replace(peer, state=TileState.LIVE, camera_on=True) for peer in PEERS)
COUNTS = range(1, limits.PEERS_MAX + 1)


class TestTiles:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("how", [{}, {"layout": "speaker", "speaker": "p1"}])
    def test_up_to_sixteen_hide_nobody_and_no_name(self, typesetter, size, how) -> None:
        for count in COUNTS:
            made = Stand(in_call(replace(CALL, tiles=LIVE[:count], **how)), typesetter, size)
            view = made.view()
            shown = videos(view)
            assert len(shown) == count + 1  # everybody, and the self-view
            assert all(made.theme.screen.contains(rect) for rect in shown)
            assert not any(a.overlaps(b) for a, b in itertools.combinations(shown, 2))
            bar = bar_of(view)
            assert len(chips(view)) == count + 1
            assert not any(chip.overlaps(bar) for chip in chips(view))
            for i in range(1, count + 1):
                target = view.target(f"tile:p{i}").rect
                assert target.h >= made.theme.px(50)
                assert not target.overlaps(bar)

    @pytest.mark.parametrize("size", SIZES)
    def test_nobody_moves_when_the_bar_comes_or_goes(self, typesetter, size) -> None:
        for count in COUNTS:
            made = Stand(in_call(replace(CALL, tiles=LIVE[:count])), typesetter, size)
            with_bar = videos(made.view())
            made.now = AFTER
            assert videos(made.view()) == with_bar
            assert "mute" not in names(made.view())

    def test_a_face_that_froze_is_said_to_be_missing(self, typesetter) -> None:
        frozen = replace(LIVE[0], peer="frozen", no_picture=True)
        view = Stand(in_call(replace(CALL, tiles=(frozen,))), typesetter).view()
        assert any(isinstance(n, TextNode) and n.text == "No picture" for n in view.nodes)


class TestBar:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("tr", [str, longer], ids=["english", "longer"])
    @pytest.mark.parametrize("how", [{}, {"muted": True, "camera_on": False, "hidden": True}])
    def test_every_label_is_whole_on_every_screen(self, typesetter, size, tr, how) -> None:
        made = Stand(in_call(replace(CALL, tiles=LIVE[:4], **how)), typesetter, size, tr)
        made.key("back")  # the longest that "leave" says
        view = made.view()
        bar = bar_of(view)
        assert made.theme.screen.contains(bar)
        buttons = [view.target(name).rect for name in sorted(BAR)]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(buttons, 2))
        assert min(min(button.w, button.h) for button in buttons) >= made.theme.px(50)
        for node in view.nodes:
            if isinstance(node, TextNode) and bar.contains(node.rect):
                lines = layout(node, typesetter)
                assert not any(line.endswith(ELLIPSIS) for line in lines), lines
                assert all(typesetter.width(line, node.px, node.bold) <= node.rect.w for line in lines)

    def test_no_button_moves_when_another_is_pressed(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        before = {name: made.view().target(name).rect for name in BAR}
        made.show(in_call(replace(CALL, muted=True, camera_on=False)))
        made.key("back")
        assert {name: made.view().target(name).rect for name in BAR} == before

    def test_it_hides_in_peace_and_the_first_key_only_shows_it(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        assert names(made.view()) >= BAR
        made.now = AFTER
        assert names(made.view()) == set()
        assert names(made.key("ok")) >= BAR
        assert made.said() == []
        made.key("ok")
        assert made.said() == [SetMuted(True)]

    def test_who_comes_back_from_another_screen_finds_it(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        made.navigator.open_keypad()
        made.view()
        made.now = AFTER
        assert names(made.key("back")) >= BAR

    def test_the_view_says_itself_when_it_hides(self, typesetter) -> None:
        made = Stand(in_call(replace(CALL, since=NOW + 0.5)), typesetter)
        made.now = NOW + limits.BAR_FOR - 0.2
        assert made.view().stale_at <= NOW + limits.BAR_FOR

    def test_keys_that_mean_one_thing_act_at_once(self, typesetter) -> None:
        for key, wanted in (("m", SetMuted(True)), ("v", HideTiles(True))):
            made = Stand(in_call(CALL), typesetter)
            made.now = AFTER
            made.view()
            made.key(key)
            assert made.said() == [wanted]
        made = Stand(in_call(CALL), typesetter)
        made.now = AFTER
        made.view()
        assert names(made.key("back")) >= BAR
        made.key("ok")
        assert made.said() == [Leave()]

    def test_it_stays_while_a_question_or_a_menu_is_open_and_while_nobody_is_here(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        made.keys("up up ok")
        made.now = NOW + limits.BAR_FOR + 1  # the menu is there for longer
        assert "menu:mute" in names(made.view())
        alone = Stand(in_call(replace(CALL, tiles=())), typesetter)
        alone.now = AFTER
        assert names(alone.view()) == BAR

    @pytest.mark.parametrize("way", ["finger", "mouse"])
    def test_a_touch_anywhere_or_a_mouse_that_moves_brings_it_back_and_no_more(
        self, shower, monkeypatch, way
    ) -> None:
        monkeypatch.setattr(limits, "BAR_FOR", 1.5)
        shown = shower(in_call(replace(CALL, since=time.monotonic())), size=WIDE)
        wait_for(lambda: shown.bridge.wake() or not shown.display.view.targets)
        assert len(shown.tiles) == 1  # nobody was made larger
        if way == "finger":
            finger = {"x": 0.5, "y": 690 / 720, "finger_id": 1, "touch_id": 1}  # where the bar will be
            pygame.event.post(pygame.Event(pygame.FINGERDOWN, finger))
            pygame.event.post(pygame.Event(pygame.FINGERUP, finger))
        else:
            moved = {"pos": (300, 300), "rel": (3, 0), "buttons": (0, 0, 0), "touch": False}
            pygame.event.post(pygame.Event(pygame.MOUSEMOTION, moved))
        wait_for(lambda: shown.bridge.wake() or names(shown.display.view) >= BAR)
        assert shown.intents == []


class TestToasts:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("count", [1, 2, 5, 9, 15])
    def test_never_over_a_name_or_the_bar_and_never_on_another(self, typesetter, size, count) -> None:
        notices = tuple(
            Notice(i, "Nobody in this room is heard now: switch it on.", Tone.BAD, NOW) for i in (1, 2, 3)
        )
        view = Stand(in_call(replace(CALL, tiles=LIVE[:count]), notices), typesetter, size).view()
        toasts = [
            n.rect for n in view.nodes if isinstance(n, Box) and n.fill is Ink.PANEL and n.border is Ink.LINE
        ]
        assert len(toasts) in (2, 3) if count == 15 else len(toasts) == 3
        others = [*chips(view), bar_of(view), *toasts]
        for toast in toasts:
            assert sum(toast.overlaps(other) for other in others) == 1  # itself

    def test_one_stays_where_it_is_when_the_one_above_goes(self, typesetter) -> None:
        first, second = (Notice(i, f"Box {i} joined", Tone.CALM, NOW) for i in (1, 2))

        def place(view: View, text: str) -> Rect:
            return next(n.rect for n in view.nodes if isinstance(n, TextNode) and n.text == text)

        made = Stand(in_call(CALL, (first,)), typesetter)
        made.now = NOW + limits.NOTICE_FOR - 1
        second = replace(second, at=made.now)
        before = place(made.show(in_call(CALL, (first, second))), "Box 2 joined")
        made.now += 1.5
        assert place(made.view(), "Box 2 joined") == before
        assert not any(isinstance(n, TextNode) and n.text == "Box 1 joined" for n in made.view().nodes)

    def test_no_more_than_three_at_once(self, typesetter) -> None:
        notices = tuple(Notice(i, f"Box {i} joined", Tone.CALM, NOW) for i in range(1, 9))
        view = Stand(in_call(CALL, notices), typesetter).view()
        texts = {n.text for n in view.nodes if isinstance(n, TextNode) and n.text.endswith("joined")}
        assert texts == {"Box 6 joined", "Box 7 joined", "Box 8 joined"}


def panel_of(view: View) -> Rect:
    return next(
        n.rect for n in view.nodes if isinstance(n, Box) and n.fill is Ink.PANEL and n.border is Ink.LINE
    )


def texts(view: View) -> list[str]:
    return [n.text for n in view.nodes if isinstance(n, TextNode)]


class TestWhoIsHere:
    def test_by_keys_there_and_back(self, typesetter) -> None:
        made = Stand(in_call(HALF_BROKEN), typesetter)
        made.keys("right right right right right right ok")
        assert names(made.view()) == {"people:mesh", "panel:close"}
        assert names(made.key("back")) >= BAR
        made.key("ok")  # the focus is where it was
        assert names(made.view()) == {"people:mesh", "panel:close"}

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("tr", [str, longer], ids=["english", "longer"])
    @pytest.mark.parametrize("count", [0, 1, 7, 8, 15])
    def test_everybody_is_named_with_when_they_came(self, typesetter, size, tr, count) -> None:
        tiles = tuple(replace(peer, since=NOW - 600) for peer in LIVE[:count])
        away = (AwayView("x", "Sick bay", NOW), AwayView("y", "Laundry", NOW))
        made = Stand(in_call(replace(CALL, tiles=tiles, away=away)), typesetter, size, tr)
        made.navigator._screen.press("people", NOW, True)
        view = made.view()
        said = texts(view)
        assert {peer.name for peer in tiles} <= set(said)
        if size != (640, 360) or count < 7:  # a window that small has no room for two lines a box
            assert said.count(tr(Words("since {time}", (("time", "14:22"),)))) == count
        assert any("Sick bay" in text and "Laundry" in text for text in said) or tr is longer
        panel = panel_of(view)
        assert not any(video.overlaps(panel) for video in videos(view))

    def test_pictures_go_on_beside_it(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        made.navigator._screen.press("people", NOW, True)
        shown = {video.tile for video in made.view().videos()}
        assert shown == {"self"} | {t.peer for t in CALL.tiles if t.state is TileState.LIVE}
        assert len(made.view().tiles) == len(CALL.tiles) + 1


class TestMesh:
    def test_h_shows_it_and_hides_it(self, typesetter) -> None:
        made = Stand(in_call(HALF_BROKEN), typesetter)
        assert names(made.key("h")) == {"panel:close"}
        assert names(made.key("h")) >= BAR
        made.key("h")
        assert names(made.key("back")) >= BAR
        assert made.said() == []

    def test_one_press_from_who_is_here(self, typesetter) -> None:
        made = Stand(in_call(HALF_BROKEN), typesetter)
        made.keys("right right right right right right ok ok")
        assert names(made.view()) == {"panel:close"}
        made.key("ok")
        assert names(made.view()) >= BAR

    def test_by_finger_alone(self, shower) -> None:
        shown = shower(in_call(HALF_BROKEN), size=WIDE)
        for target in ("people", "people:mesh"):
            shown.click(*shown.display.view.target(target).rect.center)
        assert "All connections" in texts(shown.display.view)
        shown.click(*shown.display.view.target("panel:close").rect.center)
        assert names(shown.display.view) >= BAR
        assert shown.intents == []
        assert not shown.display.faults

    def test_it_says_who_does_not_see_whom_and_who_is_away(self, typesetter) -> None:
        made = Stand(in_call(HALF_BROKEN), typesetter)
        said = texts(made.key("h"))
        assert "Workshop and Wheelhouse and chart room do not see each other." in said
        assert "Bridge is away." in said
        assert "Bridge · away" in said

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("tr", [str, longer], ids=["english", "longer"])
    def test_two_to_sixteen_boxes_no_name_on_another(self, typesetter, size, tr) -> None:
        for count in COUNTS:
            call = replace(CALL, tiles=LIVE[:count], mesh=mesh(LIVE[:count], p1_p2=(LinkState.NONE, 0)))
            made = Stand(in_call(call), typesetter, size, tr)
            view = made.key("h")
            panel = panel_of(view)
            inside = [n for n in view.nodes if isinstance(n, TextNode) and panel.contains(n.rect)]
            assert {peer.name for peer in LIVE[:count]} <= {n.text for n in inside}
            inks = []
            for node in inside:
                lines = layout(node, typesetter)
                wide = max(typesetter.width(line, node.px, node.bold) for line in lines)
                left = {"left": node.rect.x, "right": node.rect.right - wide}.get(
                    node.align, node.rect.x + (node.rect.w - wide) // 2
                )
                trim = node.rect.h // 5
                inks.append((node, Rect(left, node.rect.y + trim, wide, node.rect.h - 2 * trim)))
            for (a, ink_a), (b, ink_b) in itertools.combinations(inks, 2):
                assert not ink_a.overlaps(ink_b), (a.text, b.text)

    def test_every_kind_of_link_looks_different_without_its_colour(self) -> None:
        grey, theme = (200, 200, 200), Theme(WIDE)
        seen = set()
        for kind in (
            mesh_panel.GOOD,
            mesh_panel.FAIR,
            mesh_panel.BAD,
            mesh_panel.NONE,
            mesh_panel.CONNECTING,
            mesh_panel.UNKNOWN,
        ):
            lines = tuple((line, grey) for line in mesh_panel.strokes_of(theme, kind, (10, 20), (210, 20)))
            seen.add(pygame.image.tobytes(drawing(220, 40, lines), "RGBA"))
        assert len(seen) == 6

    def test_a_dashed_line_begins_and_ends_with_a_stroke(self) -> None:
        parts = list(strokes(Line(0, 0, 300, 400, Ink.BAD, 3, 20, 10)))
        assert parts[0][0] == (0, 0)
        assert parts[-1][1] == pytest.approx((300, 400))
        assert all(math.dist(a, b) == pytest.approx(20) for a, b in parts)
        assert list(strokes(Line(0, 0, 3, 4, Ink.BAD, 3, 20, 10))) == [((0, 0), (3, 4))]

    def test_lines_turn_with_the_page(self) -> None:
        lines = Lines(Rect(10, 0, 100, 50), (Line(0, 0, 100, 50, Ink.BAD, 1),))
        turned = lines.mirrored(Rect(500, 0, 100, 50))
        assert turned == Lines(Rect(500, 0, 100, 50), (Line(100, 0, 0, 50, Ink.BAD, 1),))
        assert turned.mirrored(lines.rect) == lines

    def test_a_full_mesh_is_drawn_once_and_not_with_every_tick_of_the_clock(self, typesetter) -> None:
        made = Stand(in_call(FULL_MESH), typesetter)
        before = [n for n in made.key("h").nodes if isinstance(n, Lines)]
        made.now += 1
        assert [n for n in made.view().nodes if isinstance(n, Lines)] == before


class TestMoving:
    def test_by_arrows_and_ok_alone(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        made.keys("up up ok down down ok")
        assert names(made.view()) == {f"place:p{i}" for i in range(1, 5)}
        first = made.navigator.focused
        made.keys("right ok")
        assert [type(intent) for intent in made.said()] == [MoveTile]
        (moved,) = made.said()
        assert f"place:{moved.peer}" == first
        assert names(made.view()) >= BAR

    def test_back_leaves_it_where_it_is(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        made.keys("up up ok down down ok right back")
        assert made.said() == []
        assert names(made.view()) >= BAR

    def test_nobody_goes_on_with_it(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        made.keys("up up ok down down ok")
        made.now += limits.MENU_FOR + 0.1
        assert not any(name.startswith("place:") for name in names(made.view()))

    def test_its_peer_leaves_meanwhile(self, typesetter) -> None:
        made = Stand(in_call(CALL), typesetter)
        made.keys("up up ok down down ok")
        peer = made.navigator.focused.removeprefix("place:")
        made.show(in_call(replace(CALL, tiles=tuple(t for t in CALL.tiles if t.peer != peer))))
        assert names(made.view()) >= BAR

    def finger(self, kind: int, at: tuple[float, float]) -> pygame.Event:
        return pygame.Event(kind, {"x": at[0] / 1280, "y": at[1] / 720, "finger_id": 1, "touch_id": 1})

    def mouse(self, kind: int, at: tuple[float, float]) -> pygame.Event:
        values = {
            "pos": (round(at[0]), round(at[1])),
            "button": 1,
            "buttons": (1, 0, 0),
            "rel": (1, 1),
            "touch": False,
        }
        return pygame.Event(kind, values)

    def middle(self, shown, peer: str) -> tuple[float, float]:
        return shown.display.view.target(f"tile:{peer}").rect.center

    @pytest.mark.parametrize("pointer", ["finger", "mouse"])
    def test_a_drag_puts_it_at_another_place(self, shower, pointer) -> None:
        make = getattr(self, pointer)
        down, motion, up = (
            (pygame.FINGERDOWN, pygame.FINGERMOTION, pygame.FINGERUP)
            if pointer == "finger"
            else (pygame.MOUSEBUTTONDOWN, pygame.MOUSEMOTION, pygame.MOUSEBUTTONUP)
        )
        shown = shower(in_call(CALL), size=WIDE)
        start, end = self.middle(shown, "p3"), self.middle(shown, "p1")
        before = shown.settle()
        shown.post(make(down, start), make(motion, (start[0] + 30, start[1] - 30)), make(motion, end))
        during = shown.settle()
        assert pygame.image.tobytes(during, "RGB") != pygame.image.tobytes(before, "RGB")
        assert "place:p1" in names(shown.display.view)
        shown.post(make(up, end))
        assert shown.intents == [MoveTile("p3", 0)]
        assert names(shown.display.view) >= BAR

    def test_a_finger_that_trembles_presses(self, shower) -> None:
        shown = shower(in_call(CALL), size=WIDE)
        start = self.middle(shown, "p3")
        near = start[0] + 6, start[1] - 6
        shown.post(
            self.finger(pygame.FINGERDOWN, start),
            self.finger(pygame.FINGERMOTION, near),
            self.finger(pygame.FINGERUP, near),
        )
        assert "menu:move" in names(shown.display.view)

    @pytest.mark.parametrize("end", [(1200.0, 690.0), (640.0, 20.0)])
    def test_dropped_at_no_place_it_stays(self, shower, end) -> None:
        shown = shower(in_call(CALL), size=WIDE)
        start = self.middle(shown, "p3")
        shown.post(
            self.finger(pygame.FINGERDOWN, start),
            self.finger(pygame.FINGERMOTION, (start[0] + 40, start[1])),
            self.finger(pygame.FINGERMOTION, end),
            self.finger(pygame.FINGERUP, end),
        )
        assert shown.intents == []
        assert names(shown.display.view) >= BAR

    def test_dropped_on_the_large_one_it_is_pinned(self, shower) -> None:
        shown = shower(in_call(replace(CALL, layout="speaker", speaker="p1")), size=WIDE)
        start, end = self.middle(shown, "p3"), self.middle(shown, "p1")
        shown.post(
            self.finger(pygame.FINGERDOWN, start),
            self.finger(pygame.FINGERMOTION, end),
            self.finger(pygame.FINGERUP, end),
        )
        assert shown.intents == [PinPeer("p3")]

    def test_a_button_is_not_dragged(self, shower) -> None:
        shown = shower(in_call(CALL), size=WIDE)
        start = shown.display.view.target("joining").rect.center
        shown.post(
            self.finger(pygame.FINGERDOWN, start),
            self.finger(pygame.FINGERMOTION, (start[0] + 25, start[1])),
            self.finger(pygame.FINGERUP, (start[0] + 25, start[1])),
        )
        assert shown.intents == [AllowJoining(False)]


def test_settings_open_from_the_bar_and_back_leads_to_the_call(typesetter) -> None:
    made = Stand(in_call(CALL), typesetter)
    made.keys("right right right right right right right ok")
    assert not names(made.view()) & BAR
    made.key("back")
    assert names(made.key("back")) >= BAR
