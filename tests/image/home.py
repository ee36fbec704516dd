"""What a person sees of a box, and where its keys are: read off the screen, or by the product's layout."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import pygame
from image.emulator.screen import Pixels, share_of
from image.reading import Reader

from appliance.core.grid import Rect
from appliance.core.view import Snapshot
from appliance.display import theme
from appliance.display.fonts import Fonts
from appliance.display.screens.keypad import KeypadScreen
from appliance.display.stage import Moment, Stage
from appliance.display.text import Typesetter
from appliance.display.theme import DARK, Ink

START, JOIN = "Start a meeting", "Join"
WHICH_ROOM = "Which room?"
NO_NETWORK = "No network. Plug in a network cable."
DOOR_LEAST = 0.02  # of the screen: the green door to a new meeting, with the smallest room that it is given


def may_be_home(picture: Pixels) -> bool:
    """A quick look: is there a door of the accent's colour on the page's background?"""
    accent, background = DARK[Ink.ACCENT], DARK[Ink.BACKGROUND]
    picture = picture[::4, ::4]  # who looks often must not slow down what is looked at
    return share_of(picture, accent[:3]) >= DOOR_LEAST and share_of(picture, background[:3]) >= 0.1


def is_home(reader: Reader, picture: Pixels) -> bool:
    """Are the two doors there, to a new meeting and to one that has begun?"""
    return may_be_home(picture) and reader.says(picture, START) and reader.says(picture, JOIN)


def password_for(room: int) -> str:
    """The keypad's second question."""
    return f"Password for room {room}"


def keypad_keys(size: tuple[int, int]) -> dict[str, Rect]:
    """Where the keypad's keys are on a screen: 0 to 9 and "next", by the product's own layout."""
    pygame.font.init()
    typesetter = Typesetter(Fonts())
    snapshot = Snapshot(name="")
    moment = Moment(snapshot, 0.0, datetime(2026, 1, 1), theme.Theme(size), typesetter)
    view = KeypadScreen(cast(Stage, None)).view(moment)
    typesetter.close()
    named = {target.name.removeprefix("key:"): target.rect for target in view.targets}
    return {name: named[name] for name in (*"0123456789", "next")}


def middle(rect: Rect) -> tuple[int, int]:
    """Where a finger would touch it."""
    return rect.x + rect.w // 2, rect.y + rect.h // 2
