"""Keys, touches and clicks do what people mean, through SDL's own event queue."""

from __future__ import annotations

import time
from dataclasses import replace

import pygame
import pytest

from appliance.core.call_view import CallView, JoiningView, ShutOutView, TileState, TileView
from appliance.core.intents import (
    AdmitStranger,
    AllowJoining,
    Connect,
    Join,
    Leave,
    SetCamera,
    SetLayout,
    SetMuted,
    StartMeeting,
)
from appliance.core.view import Phase, Snapshot
from appliance.display.preview.snapshots import HOME
from appliance.errors import ControlError

IN_CALL = replace(
    HOME,
    phase=Phase.IN_CALL,
    call=CallView(42, 0.0, JoiningView(True, None), tiles=(TileView("p1", "Bridge", TileState.LIVE),)),
)

SHUT_OUT = ShutOutView(None)  # by hand only


def joins(shown) -> list[tuple[int, str]]:
    return [(i.room, i.password) for i in shown.intents if isinstance(i, Join)]


def find(shown, target: str) -> tuple[float, float]:
    """Where a target is on the screen."""
    found = shown.display.view.target(target)
    assert found is not None, target
    return found.rect.center


def finger(shown, kind: int, target: str) -> pygame.Event:
    x, y = find(shown, target)
    return pygame.Event(kind, {"x": x / 1280, "y": y / 720, "finger_id": 1, "touch_id": 1})


def keydown(key: int, text: str = "", scancode: int = 0) -> pygame.Event:
    values = {"key": key, "mod": 0, "unicode": text, "scancode": scancode}
    return pygame.Event(pygame.KEYDOWN, values)


class TestJoining:
    def test_the_script_of_a_join_from_home(self, shower) -> None:
        shown = shower(HOME)
        before = time.monotonic()
        shown.press("4 2 ok 1 2 3 4 ok")
        assert joins(shown) == [(42, "1234")]
        assert before <= shown.intents[0].pressed_at <= time.monotonic()

    def test_with_pauses_between_the_keys_it_is_the_same(self, shower) -> None:
        shown = shower(HOME)
        for key in ["4", "2", "ok", "1", "2", "3", "4", "ok"]:
            shown.press(key)
        assert joins(shown) == [(42, "1234")]

    def test_a_number_pad_without_num_lock(self, shower) -> None:
        shown = shower(HOME)
        pad = {"0": pygame.K_KP_0, "1": pygame.K_KP_1, "4": pygame.K_KP_4, "2": pygame.K_KP_2}
        typed = [keydown(pad[c]) for c in "42"]
        secret = [keydown(pad[c]) for c in "0110"]
        enter = keydown(pygame.K_KP_ENTER)
        shown.post(*typed, enter, *secret, enter)
        assert joins(shown) == [(42, "0110")]

    def test_a_french_keyboard_types_the_room_without_shift(self, shower) -> None:
        shown = shower(HOME)
        shown.post(keydown(ord("'"), "'", pygame.KSCAN_4), keydown(ord("é"), "é", pygame.KSCAN_2))
        shown.press("ok a b é 1 ok")
        assert joins(shown) == [(42, "abé1")]

    def test_a_number_pad_reaches_every_button(self, shower) -> None:
        shown = shower(HOME)
        on, before = keydown(pygame.K_KP_PLUS, "+"), keydown(pygame.K_KP_MULTIPLY, "*")
        delete, back = keydown(pygame.K_KP_MINUS, "-"), keydown(pygame.K_KP_DIVIDE, "/")
        enter = keydown(pygame.K_KP_ENTER, "\r")
        shown.post(on, on, before, enter)  # start, join, the first preset, join
        shown.post(keydown(pygame.K_KP_4), keydown(pygame.K_KP_9), delete, keydown(pygame.K_KP_2), enter)
        shown.post(back, enter)
        shown.post(*[keydown(getattr(pygame, f"K_KP_{digit}")) for digit in "0110"], enter)
        assert joins(shown) == [(42, "0110")]

    def test_text_that_comes_late_or_alone_is_typed_once(self, shower) -> None:
        shown = shower(HOME)
        shown.press("4 2 ok")

        def text(typed: str) -> pygame.Event:
            return pygame.Event(pygame.TEXTINPUT, {"text": typed})

        shown.post(keydown(ord("a"), "a"), text("a"))  # with the key
        shown.post(keydown(ord("b")), text("b"))  # later than the key
        shown.post(keydown(ord("1"), "", pygame.KSCAN_1), text("!"))  # a digit's key with shift, later
        shown.post(keydown(pygame.K_KP_7), text("7"))
        shown.post(text("é"), text("\U0001f600"), text("密码"))  # a compose key, an input method
        shown.press("ok")
        assert joins(shown) == [(42, "ab!7é\U0001f600密码")]

    def test_an_address_is_typed_by_a_script(self, shower) -> None:
        shown = shower(HOME)
        shown.press("right right ok 1 0 . 0 . 0 . 7 : 9 ok")
        assert shown.intents == [Connect("10.0.0.7:9")]

    def test_the_arrows_and_ok_alone(self, shower) -> None:
        shown = shower(HOME)
        # Home: start -> join; the pad starts at 1; 7 is below 1, next below 9.
        shown.press("right ok down down ok right right down ok")
        # The focus is back at 1 for the password.
        shown.press("ok ok ok ok right right down down down ok")
        assert joins(shown) == [(7, "1111")]

    def test_the_mouse_alone(self, shower) -> None:
        shown = shower(HOME, size=(1280, 720))
        keys = {c: (723 + 206.7 * (i % 3), 249 + 104 * (i // 3)) for i, c in enumerate("123456789D0N")}
        shown.click(640, 300)
        for c in "42N" + "1740N":
            shown.click(*keys[c])
        assert joins(shown) == [(42, "1740")]

    def test_the_full_keyboard_types_capitals_and_signs(self, shower) -> None:
        shown = shower(HOME, size=(1280, 720))
        shown.press("4 2 ok")
        shown.click(1150, 672)  # full keyboard
        shown.click(133, 513)  # shift
        shown.click(163, 433)  # A
        shown.click(163, 433)  # a: shift lasts for one letter
        shown.click(163, 594)  # signs
        shown.click(100, 352)  # @
        shown.click(600, 594)  # space
        shown.click(1120, 594)  # join
        assert joins(shown) == [(42, "Aa@ ")]

    def test_a_touch_types_and_ok_on_a_remote_then_goes_on(self, shower) -> None:
        shown = shower(HOME, size=(1280, 720))
        shown.click(640, 300)
        shown.click(723, 249)  # 1
        shown.press("ok ok")  # the first only shows where the focus is
        shown.press("1 2 3 4 ok")
        assert joins(shown) == [(1, "1234")]

    def test_a_refusal_keeps_what_was_typed_and_one_key_tries_again(self, shower) -> None:
        shown = shower(HOME)
        shown.press("4 2 ok 1 2 3 4 ok")
        shown.show(replace(HOME, phase=Phase.JOINING))
        shown.show(replace(HOME, refusal="Wrong room or password.", refusal_id=1))
        shown.press("ok")
        assert joins(shown) == [(42, "1234"), (42, "1234")]

    def test_a_short_password_is_not_sent(self, shower) -> None:
        shown = shower(HOME)
        shown.press("4 2 ok 1 2 ok")
        assert shown.intents == []
        shown.press("3 4 ok")
        assert joins(shown) == [(42, "1234")]

    def test_a_preset_asks_for_the_password_only(self, shower) -> None:
        shown = shower(HOME)
        shown.press("down ok 1 2 3 4 ok")
        assert joins(shown) == [(12, "1234")]

    def test_joining_can_be_given_up(self, shower) -> None:
        shown = shower(HOME)
        shown.press("4 2 ok 1 2 3 4 ok")
        shown.show(replace(HOME, phase=Phase.JOINING))
        shown.press("back")
        assert isinstance(shown.intents[-1], Leave)

    def test_the_password_is_gone_after_the_meeting_began(self, shower) -> None:
        shown = shower(HOME)
        shown.press("4 2 ok 1 2 3 4 ok")
        shown.show(IN_CALL)
        shown.show(HOME)
        shown.press("4 2 ok ok")
        assert len(joins(shown)) == 1

    def test_delete_and_back_take_back_one_step_each(self, shower) -> None:
        shown = shower(HOME)
        shown.press("4 9 delete 2 ok 9 9 back 0 ok 1 2 3 4 ok")
        assert joins(shown) == [(420, "1234")]


class TestCall:
    def test_start_sends_when_it_was_pressed(self, shower) -> None:
        shown = shower(HOME)
        shown.press("ok")
        assert isinstance(shown.intents[0], StartMeeting)

    def test_the_bar_by_arrows(self, shower) -> None:
        shown = shower(IN_CALL)
        shown.press("right")  # shows the focus
        shown.press("ok right ok right ok right ok")
        assert shown.intents == [
            SetMuted(True),
            SetCamera(False),
            SetLayout("speaker"),
            AllowJoining(False),
        ]

    def test_newcomers_that_are_shut_out_are_let_in_by_arrows_and_by_touch(self, shower) -> None:
        shown = shower(replace(IN_CALL, call=replace(IN_CALL.call, shut_out=SHUT_OUT)), size=(1280, 720))
        before = shown.settle()
        shown.press("up up up right right right ok")
        assert shown.intents == [AdmitStranger()]
        shown.click(1130, 28)
        assert shown.intents == [AdmitStranger()] * 2
        admitted = replace(SHUT_OUT, admitted=True)
        after = shown.show(replace(IN_CALL, call=replace(IN_CALL.call, shut_out=admitted)))
        assert before.get_at((1130, 10)) != after.get_at((1130, 10))  # the button is gone
        shown.click(1130, 28)
        assert len(shown.intents) == 2

    def test_newcomers_of_a_meeting_made_up_here_are_let_in_too(self, shower) -> None:
        start = replace(IN_CALL.call, tiles=(), password="493817", shut_out=SHUT_OUT)
        shown = shower(replace(IN_CALL, call=start), size=(1280, 720))
        shown.press("right right ok")
        assert shown.intents == [AdmitStranger()]

    def test_the_first_key_after_a_pause_only_shows_the_focus(self, shower) -> None:
        shown = shower(IN_CALL)
        shown.press("ok")
        assert shown.intents == []

    def test_leave_is_asked_once(self, shower) -> None:
        shown = shower(IN_CALL)
        shown.press("back")
        assert shown.intents == []
        shown.press("ok")
        assert shown.intents == [Leave()]

    def test_back_takes_the_question_back(self, shower) -> None:
        shown = shower(IN_CALL)
        shown.press("back back")
        shown.press("ok")
        assert shown.intents == []

    def test_a_fingers_bounce_does_not_leave(self, shower) -> None:
        shown = shower(IN_CALL, size=(1280, 720))
        down = finger(shown, pygame.FINGERDOWN, "leave")
        up = finger(shown, pygame.FINGERUP, "leave")
        shown.post(down, up, down, up)
        assert shown.intents == []
        time.sleep(0.35)
        shown.post(down, up)
        assert shown.intents == [Leave()]

    def test_m_mutes(self, shower) -> None:
        shown = shower(IN_CALL)
        shown.press("m")
        assert shown.intents == [SetMuted(True)]


class TestPointer:
    def at(self, kind: int, x: float, y: float, **more: object) -> pygame.Event:
        return pygame.Event(kind, {"pos": (round(x), round(y)), "button": 1, "touch": False} | more)

    def test_a_touch_that_sdl_echoes_as_a_mouse_is_one_press(self, shower) -> None:
        shown = shower(IN_CALL, size=(1280, 720))
        x, y = find(shown, "mute")
        shown.post(
            finger(shown, pygame.FINGERDOWN, "mute"),
            self.at(pygame.MOUSEBUTTONDOWN, x, y, touch=True),
            finger(shown, pygame.FINGERUP, "mute"),
            self.at(pygame.MOUSEBUTTONUP, x, y, touch=True),
        )
        assert shown.intents == [SetMuted(True)]

    def test_a_touch_that_slides_off_presses_nothing(self, shower) -> None:
        shown = shower(IN_CALL, size=(1280, 720))
        down, up = find(shown, "mute"), find(shown, "camera")
        shown.post(self.at(pygame.MOUSEBUTTONDOWN, *down), self.at(pygame.MOUSEBUTTONUP, *up))
        assert shown.intents == []

    def test_the_other_mouse_buttons_do_nothing(self, shower) -> None:
        shown = shower(IN_CALL, size=(1280, 720))
        shown.post(
            self.at(pygame.MOUSEBUTTONDOWN, *find(shown, "mute"), button=3),
            self.at(pygame.MOUSEBUTTONUP, *find(shown, "mute"), button=3),
        )
        assert shown.intents == []

    def test_a_finger_beside_a_small_target_hits_it(self, shower) -> None:
        shown = shower(IN_CALL, size=(1280, 720))
        x, y = find(shown, "joining")
        shown.click(x, y + 45)  # a little below the button
        assert shown.intents == [AllowJoining(False)]


def test_an_unknown_key_is_refused_by_name(shower) -> None:
    shown = shower(HOME)
    with pytest.raises(ControlError) as refused:
        shown.display.press("hyper")
    assert refused.value.code == "control.key.unknown"
    assert "hyper" in refused.value.sentence


def test_a_box_with_nothing_to_say_is_drawn_and_taken_home(shower) -> None:
    shown = shower(Snapshot(name=""))
    shown.press("up down left right tab back delete up left left left ok")
    assert isinstance(shown.intents[-1], StartMeeting)
