"""From power-on to the other's picture with one thing in the hand, on a real X server: nothing but a number
pad, nothing but a mouse, nothing but arrows and Enter. Whole boxes, real keys, real clicks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from net.boxes import Boxes, TestBox
from net.x_screen import SIZE, Hands, Shadow, XScreen, peers_picture, read_out

from appliance.core.view import Preset

ROOM = str(1 + os.getpid() % 999)
PASSWORD = f"{os.getpid():06d}"  # another test on this loopback may use the same room
BRIDGE, GALLEY = f"Bridge {os.getpid()}", f"Galley {os.getpid()}"  # of one name would be said at home
PRESETS = (Preset("Morning round", 1000), Preset("Harbour", int(ROOM)), Preset("Workshop", 7))
TOOLS = ("pad", "mouse", "arrows")


class Room:
    """A box under test with its screen and what is expected on it."""

    def __init__(self, name: str, boxes: Boxes, folder: Path, stack: ExitStack) -> None:
        self.screen = stack.enter_context(XScreen(folder / f"x-{len(boxes.all)}"))
        self.shadow = Shadow(name, PRESETS)
        stack.callback(self.shadow.close)
        presets = ", ".join(f'{{ label = "{each.label}", room = {each.room} }}' for each in PRESETS)
        self.box: TestBox = boxes.start(
            name,
            mode="window",
            size=SIZE,
            environment=self.screen.environment,
            head=[f"presets = [{presets}]"],
            ready=False,
        )
        self.boxes = boxes

    def hands(self, tool: str) -> Hands:
        """Somebody comes, when the first picture of the box is on the glass."""
        self.boxes.wait(lambda: bool(self.box.status()) and self.lit, 20.0)
        return Hands(tool, self.screen, self.shadow)

    @property
    def lit(self) -> bool:
        return float(self.screen.picture().std()) > 5

    def shows(self, name: str) -> None:
        """The other's picture is drawn, on the glass too, and it moves."""
        self.boxes.wait(lambda: self.box.drawn() == {name}, 20.0)
        first = peers_picture(self.shadow, self.box, self.screen)
        assert first.std() > 20, "the tile is of one colour"
        self.boxes.wait(
            lambda: bool(np.abs(peers_picture(self.shadow, self.box, self.screen) - first).mean() > 0.5)
        )


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def meeting(boxes: Boxes) -> TestBox:
    """Somebody who is in the meeting already."""
    other = boxes.start(BRIDGE)
    other.ask("join", room=int(ROOM), password=PASSWORD)
    boxes.wait(lambda: other.status()["state"] == "in-call")
    return other


@pytest.mark.parametrize("tool", TOOLS)
def test_a_number_and_a_password_are_typed(tool: str, tmp_path: Path, stack: ExitStack) -> None:
    boxes = stack.enter_context(Boxes(tmp_path))
    other = meeting(boxes)
    room = Room(GALLEY, boxes, tmp_path, stack)
    hands = room.hands(tool)
    if tool != "pad":  # a digit on a number pad opens the keypad by itself
        hands.press("join")
    hands.type(ROOM)
    hands.press("next")
    hands.type(PASSWORD)
    hands.press("next")
    room.shows(BRIDGE)
    boxes.wait(lambda: other.drawn() == {GALLEY})


@pytest.mark.parametrize("tool", TOOLS)
def test_a_preset_room_is_one_press_and_its_password(tool: str, tmp_path: Path, stack: ExitStack) -> None:
    boxes = stack.enter_context(Boxes(tmp_path))
    other = meeting(boxes)
    room = Room(GALLEY, boxes, tmp_path, stack)
    hands = room.hands(tool)
    hands.press("preset:1")
    hands.type(PASSWORD)
    hands.press("next")
    room.shows(BRIDGE)
    boxes.wait(lambda: other.drawn() == {GALLEY})


@pytest.mark.parametrize("tool", TOOLS)
def test_a_meeting_is_started_read_out_and_joined(tool: str, tmp_path: Path, stack: ExitStack) -> None:
    boxes = stack.enter_context(Boxes(tmp_path))
    host, guest = (Room(name, boxes, tmp_path, stack) for name in (BRIDGE, GALLEY))
    host.hands(tool).press("start")
    boxes.wait(lambda: host.box.status()["state"] == "in-call")
    hands = guest.hands(tool)
    read = (0, "")

    def is_read() -> bool:
        nonlocal read
        read = read_out(host.shadow, host.screen.picture())
        return read[0] == host.box.status()["room"]

    boxes.wait(is_read, 20.0)
    if tool != "pad":
        hands.press("join")
    hands.type(str(read[0]))
    hands.press("next")
    hands.type(read[1])
    hands.press("next")
    guest.shows(BRIDGE)
    host.shows(GALLEY)
