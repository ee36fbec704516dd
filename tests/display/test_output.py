"""Where the box draws, by itself: a stand-in for the window, no loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pygame
import pytest
from display_helpers import wait_for

from appliance import config
from appliance.core import limits
from appliance.display import controls
from appliance.display.output import Output
from appliance.display.window import Window
from appliance.errors import ControlError, DeviceError


class Rig:
    """An output on SDL's dummy driver; ``opened``: whether each surface so far was headless."""

    def __init__(self, mode: str) -> None:
        self.now = 100.0
        self.opened: list[bool] = []
        self.woken = 0
        self.window = Window(config.Display(mode=mode, width=320, height=240))
        self.output = Output(
            self.window,
            mode,
            lambda: "Bridge",
            lambda: self.now,
            opened=lambda: self.opened.append(self.window.headless),
            wake=self.wake,
        )

    def wake(self) -> None:
        self.woken += 1


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("appliance.display.output.screen_in_sight", lambda: True)
    rig = Rig("window")
    yield rig
    rig.output.close()


def keys() -> list[int]:
    return [event.key for event in pygame.event.get(pygame.KEYDOWN)]


def test_a_box_without_a_screen_by_its_settings_opens_none(rig: Rig) -> None:
    headless = Rig("headless")
    headless.output.open()
    assert headless.opened == [True]
    with pytest.raises(ControlError) as refused:
        headless.output.show(True)
    assert refused.value.code == "control.screen.headless"
    headless.output.close()


def test_keys_that_wait_are_carried_over(rig: Rig) -> None:
    rig.output.open()
    rig.output.post(controls.key_events("4", 0.0))
    assert rig.woken == 1
    rig.output.retreat()
    assert rig.opened == [False, True]
    assert keys() == [pygame.K_4]


def test_nothing_is_posted_while_nothing_is_open(rig: Rig) -> None:
    with pytest.raises(ControlError) as refused:
        rig.output.post(controls.key_events("4", 0.0))
    assert refused.value.code == "control.screen.closed"


def test_a_screen_that_was_lost_is_looked_for_at_its_pace(rig: Rig) -> None:
    rig.output.open()
    rig.output.retreat()
    rig.output.look(rig.now + limits.SCREEN_AGAIN_EVERY - 0.1)
    assert rig.opened == [False, True]
    rig.output.look(rig.now + limits.SCREEN_AGAIN_EVERY)
    assert rig.opened == [False, True, False]


def test_another_monitor_is_opened_anew_and_one_that_is_gone_is_said(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.output.open()
    rig.output.look(rig.now)
    monkeypatch.setattr(Window, "changed", lambda _: True)
    rig.output.look(rig.now + 0.1)
    assert rig.opened == [False]
    rig.output.look_soon()
    rig.output.look(rig.now + 0.1)
    assert rig.opened == [False, False]
    monkeypatch.setattr(Window, "lost", True)
    with pytest.raises(DeviceError):
        rig.output.look(rig.now + 0.2)


def test_a_screen_that_goes_while_it_is_looked_at_is_gone_and_not_another(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is what finds out that the display server has ended."""

    def changed(_: Window) -> bool:
        monkeypatch.setattr(Window, "lost", True)
        return True

    rig.output.open()
    monkeypatch.setattr(Window, "changed", changed)
    rig.output.look_soon()
    with pytest.raises(DeviceError) as gone:
        rig.output.look(rig.now)
    assert gone.value.code == "device.screen.lost"
    assert rig.opened == [False]


def test_a_screen_that_can_not_be_opened_again_is_gone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_window: Window, _title: str) -> None:
        raise DeviceError("device.screen.mode", "x11 not available")

    rig.output.open()
    monkeypatch.setattr(Window, "changed", lambda _: True)
    monkeypatch.setattr(Window, "open_screen", refuse)
    rig.output.look_soon()
    with pytest.raises(DeviceError) as gone:
        rig.output.look(rig.now)
    assert (gone.value.code, gone.value.sentence) == ("device.screen.lost", "x11 not available")


def test_a_script_has_it_closed_and_opened(rig: Rig) -> None:
    rig.output.open()
    for shown in (False, True):
        answers: list[bool] = []
        script = threading.Thread(target=lambda s=shown, a=answers: a.append(rig.output.show(s)))
        script.start()
        wait_for(lambda: bool(rig.output.asked))
        rig.output.answer()
        script.join(5)
        assert answers == [shown]
    assert rig.opened == [False, True, False]


def test_a_script_is_not_left_waiting_at_the_end(rig: Rig) -> None:
    rig.output.open()
    script = threading.Thread(target=rig.output.show, args=(False,))
    script.start()
    wait_for(lambda: bool(rig.output.asked))
    rig.output.close()
    script.join(5)
    assert rig.opened == [False]
