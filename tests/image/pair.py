"""Two boxes on a cable, and the meeting that they are brought into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import pytest
from image import home, settings
from image.emulator import boards
from image.emulator.disk import Card
from image.emulator.guest import Guest
from image.emulator.machine import Machine, wait_until
from image.lab import Lab

NAMES = ("Galley", "Bridge")
ROOM = 42
PASSWORD = "174025"
SEEN_WITHIN = 90.0
CALL_WITHIN = 90.0


@dataclass(frozen=True, slots=True)
class Box:
    """One of the two. ``tone_hz``: of what its microphone hears."""

    name: str
    machine: Machine
    card: Card
    tone_hz: float

    @property
    def guest(self) -> Guest:
        return self.machine.guest


@dataclass(frozen=True, slots=True)
class Pair:
    boxes: tuple[Box, Box]
    room: int = ROOM

    def both(self) -> Iterator[tuple[Box, Box]]:
        """Each with the other one."""
        return iter(permutations(self.boxes))  # type: ignore[arg-type]


def switched_on(lab: Lab) -> Pair:
    """Two boxes at home that see each other."""
    boxes = []
    for number, (name, wire, tone) in enumerate(zip(NAMES, lab.wires(), (440.0, 620.0), strict=True), 1):
        card = lab.card(name, settings.card(name, number))
        machine = lab.machine(name, card, wire=wire, number=number)
        boxes.append(Box(name, machine, card, tone))
    pair = Pair((boxes[0], boxes[1]))
    for box in pair.boxes:
        lab.wait_for_home(box.machine)
        lab.connect(box.machine)
    for box, other in pair.both():
        wait_until(
            f"{box.name} sees {other.name}",
            lambda box=box, other=other: sees(box, other),  # type: ignore[misc]
            lab.within(SEEN_WITHIN),
        )
    return pair


def switched_off(lab: Lab, pair: Pair) -> None:
    """Pull both plugs, and throw their cards away."""
    for box in pair.boxes:
        lab.switch_off(box.name)
        box.card.remove()


def sees(box: Box, other: Box) -> bool:
    """Does a box see the other one on the network?"""
    status = box.guest.status()
    return status is not None and any(
        seen["name"] == other.name and seen["present"] for seen in status["boxes"]
    )


def live(box: Box, other: Box) -> bool:
    """Is a box in the call, with the other one's picture drawn?"""
    status = box.guest.status()
    return (
        status is not None
        and status["state"] == "in-call"
        and any(
            peer["name"] == other.name and peer["state"] == "live" and peer["width"] > 0
            for peer in status["peers"]
        )
    )


def join_by_touch(lab: Lab, box: Box, room: int = ROOM, password: str = PASSWORD) -> None:
    """A finger presses Join at home, then the keypad's keys."""
    door = lab.reader.place(box.machine.screen(), home.JOIN)
    assert door is not None, "there is no Join on the screen"
    box.machine.tap(*home.middle(door))
    lab.wait_to_read(box.machine, home.WHICH_ROOM)
    keys = home.keypad_keys(boards.SCREEN)
    for key in (*str(room), "next"):
        box.machine.tap(*home.middle(keys[key]))
    lab.wait_to_read(box.machine, home.password_for(room))
    for key in (*password, "next"):
        box.machine.tap(*home.middle(keys[key]))


def join_by_keys(lab: Lab, box: Box, room: int = ROOM, password: str = PASSWORD) -> None:
    """A keyboard, or a remote with digits: the first digit opens the keypad."""
    box.machine.press(*str(room), "ok")
    lab.wait_to_read(box.machine, home.password_for(room))
    box.machine.press(*password, "ok")


def bring_together(lab: Lab, pair: Pair) -> None:
    """The one by touch, the other by keys, into one meeting, until each draws the other's picture."""
    one, other = pair.boxes
    join_by_touch(lab, one)
    join_by_keys(lab, other)
    for box, peer in pair.both():
        wait_until(
            f"{box.name} is in the call and draws {peer.name}",
            lambda box=box, peer=peer: live(box, peer),  # type: ignore[misc]
            lab.within(CALL_WITHIN),
        )
        lab.say(f"{box.name} is in room {pair.room} and draws {peer.name}")


@pytest.fixture(scope="session")
def pair(lab: Lab) -> Iterator[Pair]:
    """Two boxes at home that see each other."""
    made = switched_on(lab)
    yield made
    switched_off(lab, made)


@pytest.fixture(scope="session")
def meeting(lab: Lab, pair: Pair) -> Pair:
    """The same two in a call."""
    bring_together(lab, pair)
    return pair
