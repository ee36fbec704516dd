"""What comes after home is drawn ahead: in nobody's sight, a little at a time, again when it is another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pygame
import pytest

from appliance.bridge import Bridge
from appliance.core import limits
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.view import BoxSeen, LookView, Phase, Snapshot
from appliance.display.canvas import Canvas
from appliance.display.navigator import Navigator
from appliance.display.rehearsal import Rehearsal
from appliance.display.text import Typesetter

HOME = Snapshot(
    name="Harbour Office",
    boxes=tuple(BoxSeen(name, "10.20.0.11", True, 100.0) for name in ("Bridge", "Engine Room", "Infirmary")),
)
TILES = tuple(TileView(box.name, box.name, TileState.LIVE, quality=3) for box in HOME.boxes)
CALL = replace(HOME, phase=Phase.IN_CALL, call=CallView(42, 100.0, JoiningView(True, 106.0), TILES))


class Rig:
    """A canvas at home, its clock, and a rehearsal of what comes next. ``rendered``: lines drawn anew."""

    def __init__(self) -> None:
        self.now = 100.0
        self.step = 0.0  # what a look at the clock takes
        self.rendered = Counter[str]()
        self.surface = pygame.Surface((1280, 720))
        self.canvas = Canvas(
            Bridge(HOME),
            lambda: self.now,
            lambda: datetime(2026, 1, 5, 14, 30),
            lambda _: str,
            measure=False,
        )
        self.canvas.open(self.surface, LookView())
        self.rehearsal = Rehearsal(self.canvas.prepare, self.clock)
        self.rehearsal.soon()
        self.show(HOME)

    def clock(self) -> float:
        self.now += self.step
        return self.now

    def show(self, snapshot: Snapshot, *, keypad: bool = False) -> None:
        moment = self.canvas.moment(snapshot)
        assert moment is not None
        navigator = Navigator(snapshot, lambda _: None)
        navigator.adopt(snapshot, self.now)
        if keypad:
            navigator.open_keypad()
        self.canvas.show(navigator.build(moment))

    def go_on(self, snapshot: Snapshot = HOME) -> None:
        self.rehearsal.go_on(snapshot, self.canvas.moment)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    pygame.font.init()
    rig = Rig()
    render = Typesetter._render

    def counted(setter: Typesetter, text: str, *how: object) -> pygame.Surface:
        rig.rendered[text] += 1
        return render(setter, text, *how)  # type: ignore[arg-type]

    monkeypatch.setattr(Typesetter, "_render", counted)
    yield rig
    rig.canvas.close()
    pygame.font.quit()


def test_a_meeting_of_who_is_here_finds_its_words_drawn(rig: Rig) -> None:
    rig.now += limits.REHEARSE_AFTER
    rig.go_on()
    ahead = rig.rendered.copy()
    rig.show(CALL)
    assert {"Engine Room", "Connecting to Engine Room", "Leave"} <= set(ahead)
    new = set(rig.rendered - ahead)
    assert all(any(char.isdigit() for char in text) for text in new), (
        new
    )  # the room, and how long the door is open


def test_a_meeting_of_as_many_as_may_be_does_too(rig: Rig) -> None:
    names = [f"Deck {chr(ord('A') + number)}" for number in range(limits.PEERS_MAX)]
    home = replace(HOME, boxes=tuple(BoxSeen(name, "10.20.0.11", True, 100.0) for name in names))
    tiles = tuple(TileView(name, name, TileState.LIVE, quality=3) for name in names)
    rig.show(home)
    rig.go_on(home)
    rig.now += limits.REHEARSE_AFTER
    rig.go_on(home)
    ahead = rig.rendered.copy()
    rig.show(home, keypad=True)
    rig.show(replace(CALL, call=replace(CALL.call, tiles=tiles)))  # type: ignore[type-var]
    new = set(rig.rendered - ahead)
    assert len(ahead) > len(names)
    assert all(any(char.isdigit() for char in text) for text in new), new


def test_nothing_of_it_is_seen(rig: Rig) -> None:
    before = pygame.image.tobytes(rig.surface, "RGB")
    rig.now += limits.REHEARSE_AFTER
    rig.go_on()
    assert rig.rendered
    assert pygame.image.tobytes(rig.surface, "RGB") == before
    assert rig.surface.get_clip().size == rig.surface.get_size()
    assert not rig.canvas.faults


def test_the_first_page_comes_first(rig: Rig) -> None:
    rig.now += limits.REHEARSE_AFTER - 0.01
    rig.go_on()
    assert not rig.rendered


def test_a_key_waits_for_no_more_than_a_turn(rig: Rig) -> None:
    rig.now += limits.REHEARSE_AFTER
    rig.step = limits.REHEARSED_PER_TURN / 2
    turns, total = 0, -1
    while rig.rendered.total() != total or turns < 20:
        total = rig.rendered.total()
        before = rig.now
        rig.go_on()
        assert rig.now - before <= 3 * limits.REHEARSED_PER_TURN
        turns += 1
        assert turns < 2000
    assert total > 20


def test_it_is_repeated_now_and_then_and_when_somebody_comes(rig: Rig) -> None:
    rig.now += limits.REHEARSE_AFTER
    rig.go_on()
    rig.rendered.clear()
    more = replace(HOME, boxes=(*HOME.boxes, BoxSeen("Galley", "10.20.0.19", True, 100.0)))
    rig.go_on(more)
    assert not rig.rendered
    rig.now += limits.REHEARSE_AFTER
    rig.go_on(more)
    assert "Galley" in rig.rendered
    rig.canvas._typesetter._lines.clear()  # type: ignore[union-attr]  # the clocks of some hours
    rig.rendered.clear()
    rig.go_on(more)
    assert not rig.rendered
    rig.now += limits.REHEARSE_EVERY
    rig.go_on(more)
    assert "Galley" in rig.rendered


def test_a_meeting_is_not_disturbed(rig: Rig) -> None:
    rig.now += 2 * limits.REHEARSE_EVERY
    rig.go_on(CALL)
    assert not rig.rendered


def test_what_a_meeting_interrupts_begins_again_at_home(rig: Rig) -> None:
    rig.now += limits.REHEARSE_AFTER
    rig.step = limits.REHEARSED_PER_TURN
    rig.go_on()
    assert rig.rehearsal.going_on
    rig.go_on(CALL)
    assert not rig.rehearsal.going_on
    rig.step = 0.0
    rig.go_on()
    assert "Connecting to Engine Room" in rig.rendered
    assert not rig.rehearsal.going_on


def test_another_look_is_drawn_ahead_too(rig: Rig) -> None:
    rig.now += limits.REHEARSE_AFTER
    rig.go_on()
    rig.rendered.clear()
    light = LookView(theme="light")
    assert rig.canvas.restyle(light)
    assert not rig.canvas.restyle(light)
    rig.rehearsal.soon()
    rig.now += limits.REHEARSE_AFTER
    rig.go_on(replace(HOME, look=light))
    assert "Engine Room" in rig.rendered
