"""Every screen in every size: text stays in its box and on its own, everything can be reached."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pygame
import pytest

from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.grid import Rect
from appliance.core.idle import Idleness
from appliance.core.intents import Intent, Join
from appliance.core.picture import SELF_TILE
from appliance.core.sound_check import SENTENCES, Outcome, Report
from appliance.core.view import (
    BoxSeen,
    DeviceView,
    NetworkView,
    Notice,
    Phase,
    Preset,
    Snapshot,
    SoundCheckView,
    Tone,
)
from appliance.core.words import Words
from appliance.display.fonts import Fonts
from appliance.display.navigator import Navigator
from appliance.display.preview.drawing import WALL
from appliance.display.preview.scenes import SCENES, Scene
from appliance.display.preview.settings import CHECK, SETTINGS
from appliance.display.preview.snapshots import HOME, NOW, TROUBLE
from appliance.display.render import layout
from appliance.display.scene import Box, Text, View
from appliance.display.stage import Key, Moment
from appliance.display.text import ELLIPSIS, Typesetter, line_height
from appliance.display.theme import Ink, Theme

SIZES = [(1280, 720), (1920, 1080), (800, 480), (1024, 768), (2560, 1080), (1080, 1920)]
LONG = "Wheelhouse, chart room and radio cabin aft"
KEYS = {"ok", "back", "up", "down", "left", "right", "delete"}

WORST = (
    Scene(
        "home-worst",
        Snapshot(
            name=LONG,
            boxes=tuple(BoxSeen(LONG, "10.0.0.1", i % 2 == 0, NOW - 7000) for i in range(20)),
            network=NetworkView("wireless", "fe80::1234:5678:9abc:def0%wlan0"),
            devices=(DeviceView("camera", "", LONG * 4), DeviceView("microphone", "", LONG * 4)),
            presets=tuple(Preset(LONG, 1000) for _ in range(9)),
        ),
    ),
    Scene(
        "sound-check-worst",
        replace(
            HOME,
            devices=(DeviceView("microphone", LONG * 4), DeviceView("speaker", "", LONG * 4)),
            sound_check=SoundCheckView(
                1.0,
                True,
                max(SENTENCES.values(), key=lambda sentence: len(str(sentence))),
                Report(Outcome.GOOD, *[-100.4] * 5).figures,
            ),
            settings=SETTINGS,
        ),
        CHECK,
    ),
    Scene(
        "call-worst",
        replace(
            HOME,
            name=LONG,
            phase=Phase.IN_CALL,
            call=CallView(
                1000,
                NOW - 90_000,
                JoiningView(True, NOW + 5000),
                tuple(
                    TileView(
                        f"p{i}", LONG, list(TileState)[i % 3], muted=True, camera_on=i % 4 > 0, quality=3
                    )
                    for i in range(15)
                ),
                muted=True,
                camera_on=False,
            ),
            notices=tuple(Notice(i, LONG * 4, Tone.BAD, NOW) for i in range(1, 6)),
        ),
    ),
    Scene(
        "call-worst-speaker",
        replace(
            HOME,
            name=LONG,
            phase=Phase.IN_CALL,
            call=CallView(
                1000,
                NOW - 90_000,
                JoiningView(True, NOW + 5000),
                tuple(
                    TileView(
                        f"p{i}",
                        LONG,
                        list(TileState)[i % 3],
                        quality=1,
                        muted=i % 2 > 0,
                        muted_here=i % 3 > 0,
                    )
                    for i in range(15)
                ),
                muted=True,
                layout="speaker",
                pinned="p7",
            ),
        ),
        "up up ok",
    ),
    Scene(
        "start-worst",
        replace(
            HOME,
            phase=Phase.IN_CALL,
            call=CallView(1000, NOW, JoiningView(True, NOW + 80_000), password="W" * 64),
        ),
    ),
    Scene(
        "keypad-worst", HOME, "1 0 0 0 ok " + "W " * 64 + "X", replace(HOME, refusal=LONG * 6, refusal_id=1)
    ),
    Scene("scripts", replace(HOME, name="غرفة الاجتماعات 4", boxes=(BoxSeen("会議室 字", "", True, NOW),))),
)


@pytest.fixture(scope="module")
def typesetter():
    pygame.font.init()
    yield Typesetter(Fonts())
    pygame.font.quit()


class Stand:
    """A navigator with a still clock and no display, in English or what ``tr`` makes of it."""

    def __init__(
        self,
        snapshot: Snapshot,
        size: tuple[int, int],
        typesetter: Typesetter,
        tr: Callable[[Words | str], str] = str,
        right_to_left: bool = False,
    ) -> None:
        self.tr, self.right_to_left = tr, right_to_left
        self.intents: list[Intent] = []
        self.now = NOW
        self.navigator = Navigator(snapshot, self.intents.append, Idleness(10, 120, NOW))
        self.theme, self.typesetter = Theme(size), typesetter
        self.adopt(snapshot)

    def adopt(self, snapshot: Snapshot) -> View:
        self.navigator.adopt(snapshot, NOW)
        return self.view()

    def view(self) -> View:
        return self.navigator.build(
            Moment(
                self.navigator.snapshot,
                self.now,
                WALL,
                self.theme,
                self.typesetter,
                frozenset({SELF_TILE}),
                tr=self.tr,
                right_to_left=self.right_to_left,
            )
        )

    def press(self, keys: str, at: float = NOW) -> View:
        for name in keys.split():
            digit = name if name.isdigit() else ""
            self.navigator.key(Key(name, at=at) if name in KEYS else Key("text", name, digit, at))
            self.view()
        return self.view()


def stand(scene: Scene, size: tuple[int, int], typesetter: Typesetter, **language: Any) -> Stand:
    made = Stand(scene.snapshot, size, typesetter, **language)
    made.press(scene.keys)
    if scene.after is not None:
        made.adopt(scene.after)
    if scene.idle and scene.snapshot.phase is Phase.IDLE:
        made.now += scene.idle
        made.view()
    return made


def everywhere(scenes: tuple[Scene, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("scene", "size"),
        list(itertools.product(scenes, SIZES)),
        ids=[f"{scene.name}-{w}x{h}" for scene, (w, h) in itertools.product(scenes, SIZES)],
    )


@everywhere(SCENES + WORST)
def test_every_node_is_on_the_screen(scene, size, typesetter) -> None:
    made = stand(scene, size, typesetter)
    screen = made.theme.screen
    for node in made.view().nodes:
        assert screen.contains(node.rect), node


@everywhere(SCENES + WORST)
def test_text_stays_in_its_box(scene, size, typesetter) -> None:
    for node in stand(scene, size, typesetter).view().nodes:
        if isinstance(node, Text):
            lines = layout(node, typesetter)
            wide = max(
                (typesetter.width(line, node.px, node.bold, node.tracking) for line in lines), default=0
            )
            assert wide <= node.rect.w, (node, lines)
            assert len(lines) * line_height(node.px) <= node.rect.h + line_height(node.px) * 0.2, (
                node,
                lines,
            )


@everywhere(SCENES + WORST)
def test_no_text_lies_on_another(scene, size, typesetter) -> None:
    nodes = stand(scene, size, typesetter).view().nodes
    inks: list[tuple[int, Text, Rect]] = []
    for i, node in enumerate(nodes):
        if isinstance(node, Text) and (ink := ink_of(node, typesetter)) is not None:
            inks.append((i, node, ink))
    for (i, a, ink_a), (j, b, ink_b) in itertools.combinations(inks, 2):
        if ink_a.overlaps(ink_b):
            # Only where a box between them hides the lower one: a notice over a tile.
            hidden = any(isinstance(n, Box) and n.fill and n.rect.overlaps(ink_a) for n in nodes[i + 1 : j])
            assert hidden, (a, b)


@everywhere(SCENES)
def test_our_own_sentences_are_never_cut(scene, size, typesetter) -> None:
    for node in stand(scene, size, typesetter).view().nodes:
        if isinstance(node, Text) and not a_name(node.text, scene) and node.text.count(" ") > 0:
            drawn = layout(node, typesetter)
            if size[0] >= size[1] and "connecting to" not in node.text.lower():
                assert not any(line.endswith(ELLIPSIS) for line in drawn), node


def a_name(text: str, scene: Scene) -> bool:
    """Whether a chip's text, maybe cut, is the name of a box: any length is possible there."""
    call = scene.snapshot.call
    begins = text.split(ELLIPSIS)[0]
    return call is not None and any(tile.name.startswith(begins) for tile in call.tiles)


@everywhere(SCENES)
def test_arrows_reach_every_target(scene, size, typesetter) -> None:
    made = stand(scene, size, typesetter)
    names = {target.name for target in made.view().targets}
    if not names:
        assert scene.idle  # there is nothing to press where nobody is
        return
    made.press("up")  # the focus is visible from here on
    reached, edge = set(), [made.navigator.focused]
    while edge:
        here = edge.pop()
        reached.add(here)
        for arrow in ("up", "down", "left", "right"):
            made.navigator.focus(here)
            made.press(arrow)
            if made.navigator.focused not in reached:
                edge.append(made.navigator.focused)
    assert reached == names


@everywhere(SCENES)
def test_targets_are_large_enough_for_a_finger_and_apart(scene, size, typesetter) -> None:
    made = stand(scene, size, typesetter)
    for target in made.view().targets:
        assert min(target.rect.w, target.rect.h) >= made.theme.px(50), target
    for a, b in itertools.combinations(made.view().targets, 2):
        assert not a.rect.overlaps(b.rect), (a, b)


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_a_touch_does_what_ok_does_for_every_target(scene, typesetter) -> None:
    for target in stand(scene, (1280, 720), typesetter).view().targets:
        by_key, by_touch = stand(scene, (1280, 720), typesetter), stand(scene, (1280, 720), typesetter)
        by_key.press("up")  # makes the focus visible where it was hidden
        by_key.navigator.focus(target.name)
        later = NOW + 1.0  # a finger's second press in the same moment is taken for its bounce
        by_key.press("ok", later)
        x, y = target.rect.center
        by_touch.navigator.pointer_down(x, y, 10)
        by_touch.view()
        by_touch.navigator.pointer_up(x, y, 10, later)
        assert without_ring(by_touch.view()) == without_ring(by_key.view()), target
        assert by_touch.intents == by_key.intents, target


def test_every_tile_says_at_which_size_it_wants_its_picture(typesetter) -> None:
    scene = next(scene for scene in SCENES if scene.name == "call-16")
    view = stand(scene, (1280, 720), typesetter).view()
    assert {name for name, _, _ in view.tiles} == {tile.peer for tile in scene.snapshot.call.tiles} | {
        SELF_TILE
    }


def test_what_is_wrong_is_said_on_the_home_screen(typesetter) -> None:
    texts = [
        node.text for node in Stand(TROUBLE, (1280, 720), typesetter).view().nodes if isinstance(node, Text)
    ]
    assert str(TROUBLE.problems[0].sentence) in texts
    assert str(TROUBLE.devices[0].problem) in texts
    assert "No network" in texts


def shown(name: str, typesetter: Typesetter) -> str:
    """Everything that is written on a scene."""
    scene = next(scene for scene in SCENES if scene.name == name)
    nodes = stand(scene, (1280, 720), typesetter).view().nodes
    return " | ".join(" ".join(layout(node, typesetter)) for node in nodes if isinstance(node, Text))


def test_too_many_tries_are_told_with_the_time_to_wait_and_what_was_typed_stays(typesetter) -> None:
    said = shown("keypad-too-often", typesetter)
    assert "Too many tries with room 42 were refused. Try again in 48 minutes." in said
    made = stand(next(s for s in SCENES if s.name == "keypad-too-often"), (1280, 720), typesetter)
    made.press("ok")
    assert [(i.room, i.password) for i in made.intents if isinstance(i, Join)][-1] == (42, "17402")


def test_joining_says_what_happens_and_how_long_it_takes(typesetter) -> None:
    assert "Looking for the others" in shown("joining", typesetter)
    assert "6 seconds more at most" in shown("joining", typesetter)
    assert "The password is being checked" in shown("joining-proving", typesetter)


def test_a_stranger_who_is_shut_out_reads_that_others_are_there(typesetter) -> None:
    assert "let no newcomers in now" in shown("call-unanswered", typesetter)
    assert "first one here" not in shown("call-unanswered", typesetter)
    assert "first one here" in shown("call-alone", typesetter)


def test_boxes_that_discovery_does_not_show_are_listed_with_their_state(typesetter) -> None:
    said = shown("home-elsewhere", typesetter)
    assert "Elsewhere | Shipyard" in said.replace("ready | ", "")
    assert "no answer | 10.31.0.90" in said


def test_the_worst_problem_is_told_first_and_leaves_room_for_the_doors(typesetter) -> None:
    assert "Another box here is called Harbour Office too." in shown("home-namesake", typesetter)
    scene = next(scene for scene in SCENES if scene.name == "home-namesake")
    made = stand(scene, (1280, 720), typesetter)
    assert made.view().target("start").rect.h >= made.theme.px(110)


def test_a_notice_is_shown_once_and_goes_away(typesetter) -> None:
    made = Stand(HOME, (1280, 720), typesetter)
    call = next(scene.snapshot for scene in SCENES if scene.name == "call")

    def seen(now: float) -> bool:
        made.navigator.adopt(replace(call, refusal_id=int(now)), now)
        moment = Moment(call, now, WALL, made.theme, typesetter)
        return any(
            isinstance(n, Text) and n.text == "Infirmary joined" for n in made.navigator.build(moment).nodes
        )

    assert seen(NOW)
    assert seen(NOW + 4.9)
    assert not seen(NOW + 5.1)
    assert not seen(NOW + 6)


def ink_of(node: Text, typesetter: Typesetter) -> Rect | None:
    """Where a text node's letters are, roughly: capitals' height, the widest line."""
    lines = [line for line in layout(node, typesetter) if line]
    if not lines:
        return None
    wide = max(typesetter.width(line, node.px, node.bold, node.tracking) for line in lines)
    high = len(lines) * line_height(node.px)
    x = (
        node.rect.x
        + {"left": 0, "center": (node.rect.w - wide) // 2, "right": node.rect.w - wide}[node.align]
    )
    y = node.rect.y if node.top else node.rect.y + (node.rect.h - high) // 2
    trim = round(node.px * 0.25)
    return Rect(x, y + trim, wide, high - 2 * trim)


def without_ring(view: View) -> tuple[object, ...]:
    return tuple(n for n in view.nodes if not (isinstance(n, Box) and n.border == Ink.FOCUS))


def test_the_clock_shows_the_wall_time(typesetter) -> None:
    made = Stand(HOME, (1280, 720), typesetter)
    moment = Moment(HOME, NOW, datetime(2026, 1, 1, 9, 5, 40), made.theme, typesetter)
    view = made.navigator.build(moment)
    assert any(isinstance(n, Text) and n.text == "09:05" for n in view.nodes)
    assert view.stale_at == pytest.approx(NOW + 20)
