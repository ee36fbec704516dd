"""An idle screen dims, wanders, goes off, and wakes: real events, a clock that the test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pygame
import pytest
from display_helpers import Shown

from appliance import config
from appliance.bridge import Bridge
from appliance.core.call_view import CallView, JoiningView
from appliance.core.intents import Join, StartMeeting
from appliance.core.settings_view import CloseSettings, OpenSettings
from appliance.core.view import Notice, Phase, Tone
from appliance.display import Display
from appliance.display.power import PanelPower, SaverPower, find_power
from appliance.display.preview.snapshots import HOME

BLACK = (0, 0, 0, 255)
MINUTE = 60.0
START = (0.15, 0.3)  # a place on the button that starts a meeting, of the screen's width and height
WALL = datetime(2026, 3, 4, 23, 10)


class Panel:
    """Notes what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on(self) -> None:
        self.told.append("on")

    def free(self) -> None:
        self.told.append("free")

    def off(self) -> None:
        self.told.append("off")


class Night(Shown):
    """A display whose clock stands still until ``wait``."""

    now = 1000.0
    panel: Panel

    def wait(self, minutes: float) -> pygame.Surface:
        self.now += MINUTE * minutes
        self.bridge.wake()
        return self.settle()

    def wall(self) -> datetime:
        return WALL + timedelta(seconds=self.now - 1000.0)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # everything but the glass
    bridge = Bridge(HOME)
    shown = Night.__new__(Night)
    settings = config.Display(mode="fullscreen", dim_after_minutes=5, off_after_minutes=30)
    shown.panel = Panel()
    display = Display(bridge, settings, clock=lambda: shown.now, wall=shown.wall, power=shown.panel)
    shown.__init__(bridge, display, tmp_path)  # type: ignore[misc]
    bridge.listen(shown.deliver)
    display.open()
    shown.thread = threading.Thread(target=display.run, name="display")
    shown.thread.start()
    shown.settle()
    yield shown
    display.stop()
    shown.thread.join(5)
    display.close()


def lit(picture: pygame.Surface) -> bool:
    return picture.get_at((2, 2)) != BLACK


def dark(picture: pygame.Surface) -> bool:
    """Is every pixel black?"""
    return (
        pygame.transform.average_color(picture)[:3] == (0, 0, 0)
        and not pygame.mask.from_threshold(picture, (255, 255, 255), (200, 200, 200)).count()
    )


def keydown(key: int, text: str = "") -> pygame.Event:
    return pygame.Event(pygame.KEYDOWN, {"key": key, "mod": 0, "unicode": text, "scancode": 0})


def test_it_dims_then_goes_off_and_the_panel_is_told(night: Night) -> None:
    assert lit(night.wait(4.9))
    dimmed = night.wait(0.2)
    assert not lit(dimmed)
    assert not dark(dimmed)
    assert night.panel.told == ["on"]
    assert dark(night.wait(25))
    assert night.panel.told == ["on", "off"]
    night.post(keydown(pygame.K_4, "4"))
    assert night.panel.told == ["on", "off", "on"]


def test_a_dimmed_page_is_dark_and_wanders(night: Night) -> None:
    pictures = [night.wait(minutes) for minutes in (6, 1, 1)]
    for picture in pictures:
        assert max(pygame.transform.average_color(picture)[:3]) < 40
    places = [
        pygame.mask.from_threshold(p, (255, 255, 255), (120, 120, 120)).get_bounding_rects() for p in pictures
    ]
    assert places[0] != places[1] != places[2]


def test_the_first_key_only_wakes(night: Night) -> None:
    night.wait(6)
    assert lit(night.post(keydown(pygame.K_4, "4")))
    night.press("7 ok 1 2 3 4 ok")
    assert [(i.room, i.password) for i in night.intents if isinstance(i, Join)] == [(7, "1234")]


def test_what_the_first_key_makes_is_not_typed_either(night: Night) -> None:
    night.wait(6)
    text = pygame.Event(pygame.TEXTINPUT, {"text": "4"})
    night.post(keydown(pygame.K_4), text, keydown(pygame.K_7, "7"))
    night.press("ok 1 2 3 4 ok")
    assert [i.room for i in night.intents if isinstance(i, Join)] == [7]


def test_a_key_that_means_nothing_wakes_too(night: Night) -> None:
    night.wait(6)
    assert lit(night.post(keydown(pygame.K_LSHIFT)))


def test_the_first_touch_only_wakes(night: Night) -> None:
    night.wait(6)
    finger = {"x": START[0], "y": START[1], "finger_id": 1, "touch_id": 1}
    down, up = pygame.Event(pygame.FINGERDOWN, finger), pygame.Event(pygame.FINGERUP, finger)
    assert lit(night.post(down, up))
    assert night.intents == []
    night.post(down, up)
    assert isinstance(night.intents[0], StartMeeting)


def test_a_mouse_that_moves_wakes_and_its_click_is_one(night: Night) -> None:
    night.wait(6)
    moved = pygame.Event(
        pygame.MOUSEMOTION, {"pos": (5, 5), "rel": (1, 1), "buttons": (0, 0, 0), "touch": False}
    )
    assert lit(night.post(moved))
    width, height = night.display.size
    night.click(START[0] * width, START[1] * height)
    assert isinstance(night.intents[0], StartMeeting)


def test_a_scripts_key_wakes_and_is_taken(night: Night) -> None:
    night.wait(6)
    night.press("4 2 ok 1 2 3 4 ok")
    assert [i.room for i in night.intents if isinstance(i, Join)] == [42]


def test_a_meeting_that_arrives_wakes_and_keeps_it_awake(night: Night) -> None:
    night.wait(40)
    call = CallView(42, night.now, JoiningView(True, night.now + 600))
    assert not dark(night.show(replace(HOME, phase=Phase.IN_CALL, call=call)))
    assert not dark(night.wait(50))
    assert lit(night.show(HOME))  # the minutes begin when it ends
    assert lit(night.wait(4.9))
    assert not lit(night.wait(0.2))


def test_a_notice_wakes(night: Night) -> None:
    night.wait(6)
    notice = Notice(1, "Somebody tried to join with a wrong password", Tone.CALM, night.now)
    assert lit(night.show(replace(HOME, notices=(notice,))))


def test_boxes_that_come_and_go_do_not_wake(night: Night) -> None:
    night.wait(6)
    assert not lit(night.show(replace(HOME, boxes=HOME.boxes[:1])))


def test_what_was_typed_is_forgotten(night: Night) -> None:
    night.press("4 2 ok 1 2 3 4")
    night.wait(6)
    night.press("ok")  # wakes home, and nothing there is pressed by a key that saw nothing
    night.press("4 2 ok ok")
    assert [i for i in night.intents if isinstance(i, Join)] == []


def test_what_is_open_is_closed(night: Night) -> None:
    night.press("down down ok")
    assert [type(intent) for intent in night.intents] == [OpenSettings]
    night.wait(6)
    assert [type(intent) for intent in night.intents] == [OpenSettings, CloseSettings]


def test_it_is_looked_at_once_a_minute_and_no_more(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    updates: list[int] = []
    real = pygame.display.update

    def update(rects: list[tuple[int, int, int, int]]) -> None:
        updates.append(len(rects))
        real(rects)

    night.wait(6)
    monkeypatch.setattr(pygame.display, "update", update)
    night.wait(0.5)
    night.wait(0.4)
    assert updates == []
    night.wait(0.2)
    assert len(updates) == 1


def test_a_panel_is_switched_by_a_wish_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As meetingbox.service has it: nothing at a start, "off" and "on" after that, also over a restart."""
    pygame.display.init()
    request = tmp_path / "panel.request"
    monkeypatch.setenv("MEETINGBOX_PANEL_REQUEST", str(request))
    panel = find_power()
    panel.on()
    panel.free()
    assert not request.exists()
    panel.off()
    assert request.read_text() == "off"
    request.unlink()
    panel.off()
    assert not request.exists()
    again = find_power()
    again.on()
    assert request.read_text() == "on"
    again.free()
    pygame.display.quit()


def test_a_wish_that_can_not_be_left_is_no_fault_of_the_display(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pygame.display.init()
    PanelPower(tmp_path / "nowhere" / "panel.request").off()
    assert "display.panel" in caplog.text
    pygame.display.quit()


def test_without_an_appliance_the_screen_saver_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEETINGBOX_PANEL_REQUEST", raising=False)
    assert isinstance(find_power(), SaverPower)
