"""Typing another box's address, with every kind of key."""

from __future__ import annotations

from dataclasses import replace

import pygame

from appliance.core.intents import CloseConnect, Connect, StartMeeting
from appliance.core.view import ConnectView, Phase, Tone
from appliance.display.preview.scenes import TO_ADDRESS
from appliance.display.preview.snapshots import HOME

ADDRESS = "10.31.0.14"
KEYS = " ".join(ADDRESS)
FAILED = ConnectView(ADDRESS, sentence="Nothing answers at 10.31.0.14.", tone=Tone.WARNING)


def keydown(key: int, text: str = "") -> pygame.Event:
    return pygame.Event(pygame.KEYDOWN, {"key": key, "mod": 0, "unicode": text, "scancode": 0})


def test_a_keyboard(shower) -> None:
    shown = shower(HOME)
    shown.press(f"{TO_ADDRESS} {KEYS} x delete 5 ok")  # x is no part of an address, and not taken
    assert shown.intents == [Connect("10.31.0.15")]


def test_a_number_pad_with_its_point_or_comma(shower) -> None:
    shown = shower(HOME)
    shown.press(TO_ADDRESS)
    for point in (pygame.K_KP_PERIOD, 1 << 30 | 0x85):
        shown.post(keydown(pygame.K_KP_1), keydown(pygame.K_KP_0), keydown(point))
    shown.post(keydown(pygame.K_KP_ENTER))
    assert shown.intents == [Connect("10.10.")]


def test_the_arrows_and_ok_alone(shower) -> None:
    shown = shower(HOME)
    shown.press(TO_ADDRESS)
    # The pad begins at 1: right 2, 3; below it 6, 9 and the colon, the point two to the left.
    shown.press("ok right ok right ok down down down left left ok")
    shown.press("right right right ok")
    assert shown.intents == [Connect("123.")]


def test_the_mouse_alone(shower) -> None:
    shown = shower(HOME, size=(1280, 720))
    shown.click(1060, 580)  # the button under the list of boxes
    shown.click(690, 250)  # 1
    shown.click(690, 560)  # .
    shown.click(1180, 500)  # connect
    assert shown.intents == [Connect("1.")]


def test_an_error_keeps_what_was_typed(shower) -> None:
    shown = shower(HOME)
    shown.press(f"{TO_ADDRESS} {KEYS} ok")
    shown.show(replace(HOME, connect=ConnectView(ADDRESS, busy=True)))
    shown.press("ok ok")  # it is being looked at
    assert shown.intents == [Connect(ADDRESS)]
    shown.show(replace(HOME, connect=FAILED))
    shown.press("ok delete 5 ok")
    assert shown.intents == [Connect(ADDRESS), Connect(ADDRESS), Connect("10.31.0.15")]


def test_a_sentence_about_another_address_is_not_shown(shower) -> None:
    shown = shower(HOME)
    before = shown.press(f"{TO_ADDRESS} {KEYS}")
    after = shown.show(replace(HOME, connect=FAILED))
    assert pygame.image.tobytes(before, "RGB") == pygame.image.tobytes(after, "RGB")


def test_nothing_typed_is_not_sent(shower) -> None:
    shown = shower(HOME)
    shown.press(f"{TO_ADDRESS} right right right down ok")
    assert shown.intents == []


def test_back_goes_home_and_ends_it(shower) -> None:
    shown = shower(HOME)
    shown.press(f"{TO_ADDRESS} 1 back")
    assert shown.intents == [CloseConnect()]
    shown.press("left left ok")
    assert isinstance(shown.intents[-1], StartMeeting)


def test_a_meeting_that_a_script_begins_ends_it(shower) -> None:
    shown = shower(HOME)
    shown.press(f"{TO_ADDRESS} 1")
    shown.show(replace(HOME, phase=Phase.JOINING))
    shown.show(HOME)
    shown.press("4 2 ok 1 2 3 4 ok")  # home, where digits are a room number
    assert [type(intent).__name__ for intent in shown.intents] == ["Join"]
