"""The settings on a real display, driven by real keys, touches and clicks."""

from __future__ import annotations

import time
from dataclasses import replace

import pygame
import pytest

from appliance.core import limits
from appliance.core import settings_view as s
from appliance.core.intents import CheckSound, StartMeeting
from appliance.core.picture import SELF_TILE
from appliance.core.settings_view import CALL_PAGES, PAGES, CloseSettings, OpenSettings, PinView, SettingsView
from appliance.core.view import Phase, SoundCheckView
from appliance.display.preview.settings import CHECK, OPEN, SETTINGS, to
from appliance.display.preview.snapshots import CALL, HOME, in_call
from appliance.display.scene import Video

ROOMS = replace(HOME, settings=SETTINGS, sound_check=SoundCheckView(0.3))
LOCKED = replace(HOME, settings=SettingsView(locked=True, pin=PinView(kept=True, left=5)))


def changes(shown) -> list[object]:
    """What was sent but for the opening of pages."""
    return [intent for intent in shown.intents if not isinstance(intent, OpenSettings)]


def touch(shown, target: str) -> None:
    """Press a target with a finger, in the middle of where it is drawn."""
    view = shown.display.view
    found = next(t for t in view.targets if t.name == target)
    width, height = shown.display.size
    x, y = found.rect.center
    values = {"x": x / width, "y": y / height, "finger_id": 1, "touch_id": 1, "dx": 0, "dy": 0, "pressure": 1}
    shown.post(pygame.Event(pygame.FINGERDOWN, values), pygame.Event(pygame.FINGERUP, values))


@pytest.mark.parametrize("page", PAGES)
def test_arrows_and_ok_open_every_page(shower, page: str) -> None:
    shown = shower(ROOMS)
    shown.press(to(page))
    assert shown.intents[0] == OpenSettings("sound")
    assert shown.intents[-1] == OpenSettings(page)
    shown.press("back")
    if shown.intents[-1] != CloseSettings():  # out of the page, which may have nothing to press
        shown.press("back")
    assert shown.intents[-1] == CloseSettings()


@pytest.mark.parametrize("page", PAGES)
def test_touch_opens_every_page_and_goes_home(shower, page: str) -> None:
    shown = shower(ROOMS, size=(1280, 720))
    touch(shown, "settings")
    touch(shown, f"page:{page}")
    assert shown.intents[-1] == OpenSettings(page)
    touch(shown, "back")
    assert shown.intents[-1] == CloseSettings()


def test_back_goes_up_one_level_at_a_time(shower) -> None:
    shown = shower(ROOMS)
    shown.press(f"{CHECK} back")  # to the page about sound
    shown.press("back")  # to the list
    assert CloseSettings() not in shown.intents
    shown.press("back")
    assert shown.intents[-1] == CloseSettings()
    shown.press("up up left left ok")
    assert isinstance(shown.intents[-1], StartMeeting)


def test_digits_are_no_room_number_here(shower) -> None:
    shown = shower(ROOMS)
    shown.press(f"{OPEN} 4 2 ok 1 2 3 4 ok")
    assert not any(type(intent).__name__ == "Join" for intent in shown.intents)


class TestSound:
    def test_a_device_is_chosen_with_arrows(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('sound')} down ok")
        assert changes(shown) == [s.ChooseDevice("microphone", "device:PCH")]
        shown.press("right down ok")
        assert changes(shown)[1:] == [s.ChooseDevice("speaker", "device:HDMI")]

    def test_the_test_sound_is_played_by_a_finger(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(OPEN)
        touch(shown, "test")
        assert changes(shown) == [s.PlayTestSound()]

    def test_the_sound_check_plays_once_at_a_time(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{CHECK} ok")
        assert changes(shown) == [CheckSound()]
        shown.show(replace(ROOMS, sound_check=SoundCheckView(0.3, running=True)))
        shown.press("ok")
        assert changes(shown) == [CheckSound()]

    def test_a_list_that_is_too_long_turns(self, shower) -> None:
        many = s.Choices("auto", tuple(s.Choice(f"device:{i}", f"Card {i}") for i in range(30)))
        shown = shower(replace(ROOMS, settings=replace(SETTINGS, microphone=many)))
        shown.press(OPEN)
        seen: set[str] = set()
        for _ in range(30):
            seen |= {t.name for t in shown.display.view.targets if t.name.startswith("microphone:")}
            touch(shown, "microphone-more")
        assert seen == {f"microphone:device:{i}" for i in range(30)}


class TestCamera:
    def test_our_picture_is_wanted_while_the_page_is_open(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(to("camera"))
        assert shown.tiles[-1].self_view is not None
        assert any(isinstance(n, Video) and n.tile == SELF_TILE for n in shown.display.view.nodes)
        shown.press("left up ok")  # to another page
        assert shown.tiles[-1].self_view is None
        shown.press("left down ok")
        assert shown.tiles[-1].self_view is not None
        shown.press("back back")
        assert shown.tiles[-1].self_view is None

    def test_no_camera_is_asked_for_no_picture(self, shower) -> None:
        shown = shower(
            replace(ROOMS, settings=replace(SETTINGS, camera=replace(SETTINGS.camera, value="none")))
        )
        shown.press(to("camera"))
        assert all(tiles.self_view is None for tiles in shown.tiles)

    def test_another_one_is_chosen(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('camera')} down down ok")
        assert changes(shown) == [s.ChooseDevice("camera", "v4l2:/dev/video2")]


class TestName:
    def test_it_is_typed_on_a_keyboard(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('name')} ok {'delete ' * 14} B r i d g e ok")
        assert changes(shown) == [s.SetName("Bridge")]

    def test_it_is_typed_with_arrows_alone(self, shower) -> None:
        shown = shower(replace(ROOMS, name="Q"))
        shown.press(f"{to('name')} ok ok right ok")  # from q on: q, w
        shown.press("down down down down down down right right right right right right right right ok")
        assert changes(shown) == [s.SetName("Qqw")]

    def test_it_is_typed_by_touch_alone(self, shower) -> None:
        shown = shower(replace(ROOMS, name="Q"), size=(1280, 720))
        for target in ("settings", "page:name", "change", "key:w", "layer:shift", "key:E", "delete", "next"):
            touch(shown, target)
        assert changes(shown) == [s.SetName("Qw")]

    def test_an_empty_one_is_no_name_and_back_keeps_the_old_one(self, shower) -> None:
        shown = shower(replace(ROOMS, name="Q"))
        shown.press(f"{to('name')} ok delete")
        touch(shown, "next")
        assert changes(shown) == []
        shown.press("back")
        assert "change" in {t.name for t in shown.display.view.targets}
        assert changes(shown) == []


class TestRooms:
    OURS = (("Morning round", 12), ("Bridge", 42), ("Workshop", 7))

    def test_one_is_added(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('rooms')} down down down ok M e s s ok 8 1 2 ok")
        assert changes(shown) == [s.SetPresets((*self.OURS, ("Mess", 812)))]

    def test_one_is_changed(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('rooms')} down ok 2 ok delete 3 ok")
        assert changes(shown) == [s.SetPresets((self.OURS[0], ("Bridge2", 43), self.OURS[2]))]

    def test_one_is_removed_by_a_second_press(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('rooms')} right ok")
        assert changes(shown) == []
        shown.press("ok")
        assert changes(shown) == [s.SetPresets(self.OURS[1:])]

    def test_a_question_about_one_is_no_answer_for_another(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('rooms')} right ok down ok")
        assert changes(shown) == []

    def test_no_more_than_fit_at_home(self, shower) -> None:
        full = tuple(replace(HOME.presets[0], room=i) for i in range(1, 7))
        shown = shower(replace(ROOMS, presets=full))
        shown.press(to("rooms"))
        assert "add" not in {t.name for t in shown.display.view.targets}

    def test_a_number_out_of_range_is_not_taken_and_the_name_stays(self, shower) -> None:
        shown = shower(replace(ROOMS, presets=()))
        shown.press(f"{to('rooms')} ok M ok")
        touch(shown, "next")  # no number yet
        assert changes(shown) == []
        shown.press("1 0 0 1 ok")
        assert changes(shown) == [s.SetPresets((("M", 100),))]
        shown.press("ok N ok 1 back ok 2 ok")  # back to the name, on again
        assert changes(shown)[1:] == [s.SetPresets((("N", 2),))]


def test_the_joining_window_goes_in_steps(shower) -> None:
    shown = shower(ROOMS)
    shown.press(f"{to('joining')} ok left ok")
    assert changes(shown) == [s.SetJoiningMinutes(15.0), s.SetJoiningMinutes(5.0)]
    shown.show(replace(ROOMS, settings=replace(SETTINGS, joining_minutes=1440.0)))
    shown.press("right ok")
    shown.show(replace(ROOMS, settings=replace(SETTINGS, joining_minutes=7.5)))
    shown.press("ok left ok")
    assert changes(shown)[2:] == [s.SetJoiningMinutes(10.0), s.SetJoiningMinutes(5.0)]


def test_language_and_look_are_chosen(shower) -> None:
    shown = shower(ROOMS)
    shown.press(f"{to('language')} down ok left down ok down ok right ok")
    assert changes(shown) == [
        s.ChangeLook(language="de"),
        s.ChangeLook(theme="light"),
        s.ChangeLook(still=True),
    ]


class TestPin:
    def test_it_is_set_by_a_number_pad_typed_twice(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('pin')} ok 4 7 1 1 ok 4 7 1 2 ok")
        assert changes(shown) == []  # they differ: from the beginning
        shown.press("4 7 1 1 ok 4 7 1 1 ok")
        assert changes(shown) == [s.SetPin("4711")]

    def test_a_short_one_is_not_taken(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('pin')} ok 4 7 1 ok 4 7 1 ok")
        assert changes(shown) == []

    def test_it_is_removed_by_a_second_press(self, shower) -> None:
        shown = shower(replace(ROOMS, settings=replace(SETTINGS, pin=PinView(kept=True, left=5))))
        shown.press(f"{to('pin')} down ok")
        assert changes(shown) == []
        shown.press("ok")
        assert changes(shown) == [s.SetPin("")]

    def test_locked_settings_have_the_pad_and_a_way_out(self, shower) -> None:
        shown = shower(LOCKED)
        shown.press(f"{OPEN} 4 7 1 1 ok")
        assert changes(shown) == [s.EnterPin("4711")]
        shown.press("ok 8 8 8 8")  # what was typed is gone
        touch(shown, "next")
        assert changes(shown)[1:] in ([s.EnterPin("18888")], [s.EnterPin("8888")])
        shown.press("back")
        assert shown.intents[-1] == CloseSettings()

    def test_it_is_typed_by_touch_alone(self, shower) -> None:
        shown = shower(LOCKED)
        for target in ("settings", "key:4", "key:7", "delete", "key:7", "key:1", "key:1", "next"):
            touch(shown, target)
        assert changes(shown) == [s.EnterPin("4711")]

    def test_what_was_typed_is_not_there_the_next_time(self, shower) -> None:
        shown = shower(LOCKED)
        shown.press(f"{OPEN} 4 7 back {OPEN} 1 1 ok")
        assert not any(isinstance(intent, s.EnterPin) for intent in shown.intents)

    def test_once_it_fits_the_pages_are_there(self, shower) -> None:
        shown = shower(LOCKED)
        shown.press(f"{OPEN} 4 7 1 1 ok")
        shown.show(ROOMS)
        assert {f"page:{page}" for page in PAGES} <= {t.name for t in shown.display.view.targets}

    def test_a_wait_is_counted_down_on_the_screen(self, shower) -> None:
        until = shower(HOME).display._clock() + 30
        pin = PinView(kept=True, wrong=5, left=5, until=until)
        shown = shower(replace(LOCKED, settings=SettingsView(locked=True, pin=pin)))
        shown.press(OPEN)
        view = shown.display.view
        assert any("Too many wrong ones" in getattr(node, "text", "") for node in view.nodes)
        assert view.stale_at <= shown.display._clock() + 1.0


class TestReset:
    def test_it_is_asked_twice_and_ok_alone_says_no(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('reset')} ok ok ok ok")
        assert changes(shown) == []
        shown.press("right ok ok")  # yes, then no
        assert changes(shown) == []

    def test_two_answers_do_it(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(f"{to('reset')} ok right ok left ok")
        assert changes(shown) == [s.FactoryReset()]

    def test_a_finger_that_bounces_answers_nothing(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(OPEN)
        touch(shown, "page:reset")
        touch(shown, "ask")
        touch(shown, "yes:1")  # within the same moment
        assert "yes:2" not in {t.name for t in shown.display.view.targets}
        assert changes(shown) == []


class TestBox:
    def test_a_meeting_that_begins_closes_them(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(OPEN)
        shown.show(replace(HOME, phase=Phase.JOINING))
        shown.show(HOME)
        shown.press("ok")  # home again, its first button
        assert isinstance(shown.intents[-1], StartMeeting)

    def test_the_box_closes_them(self, shower) -> None:
        shown = shower(ROOMS)
        shown.press(OPEN)
        shown.show(HOME)  # after a factory reset
        shown.press("ok")
        assert isinstance(shown.intents[-1], StartMeeting)

    def test_nobody_there_closes_them(self, shower, monkeypatch) -> None:
        monkeypatch.setattr(limits, "SETTINGS_LEFT_AFTER", 0.2)
        shown = shower(ROOMS)
        shown.press(to("camera"))
        for _ in range(100):
            if shown.intents[-1] == CloseSettings():
                break
            events_of_time(shown)
        assert shown.intents[-1] == CloseSettings()
        assert shown.tiles[-1].self_view is None

    def test_in_a_call_there_are_the_devices_alone(self, shower) -> None:
        call = replace(in_call(CALL), settings=replace(SETTINGS, pages=CALL_PAGES))
        shown = shower(call)
        shown.display._navigator.open_settings("sound")
        shown.show(replace(call, refusal_id=1))
        pages = {t.name for t in shown.display.view.targets if t.name.startswith("page:")}
        assert pages == {"page:sound", "page:camera"}
        assert "check" not in {t.name for t in shown.display.view.targets}  # the others would hear it
        touch(shown, "page:camera")
        touch(shown, "camera:v4l2:/dev/video0")
        assert changes(shown) == [s.ChooseDevice("camera", "v4l2:/dev/video0")]
        touch(shown, "back")
        assert shown.intents[-1] == CloseSettings()
        assert any(t.name.startswith("tile:") for t in shown.display.view.targets)


def events_of_time(shown) -> None:
    """Let a moment pass on the display."""
    time.sleep(0.02)
    shown.settle()
