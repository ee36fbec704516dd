"""Two slots: a system that does not start is tried as often as written, then given up; another is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from image.emulator.disk import SLOT_A, SLOT_B, Card
from image.emulator.machine import wait_until
from image.lab import BOOT_WITHIN, Lab
from imagebuild import slotstate

STATE = "slot-state"
TRIES = 2


@pytest.fixture(autouse=True)
def nothing_stays_on(lab: Lab) -> Iterator[None]:
    """A check that failed leaves no machine to the next one."""
    yield
    lab.switch_all_off()


def on_trial(lab: Lab, name: str) -> Card:
    """A card with a kernel for slot b, which is to be started next."""
    card = lab.card(name)
    card.make_folder("slot-b")
    for part in ("vmlinuz", "initrd.img"):
        card.put(f"slot-b/{part}", card.take(f"slot-a/{part}"))
    write(card, slotstate.block(left=str(TRIES), slot="a", **{"try": "b"}))
    return card


def write(card: Card, block: bytes) -> None:
    with card.path.open("r+b") as file:
        file.seek(card.partitions[STATE].start + slotstate.AT)
        file.write(block)


def state(card: Card) -> dict[str, str]:
    with card.path.open("rb") as file:
        file.seek(card.partitions[STATE].start + slotstate.AT)
        lines = file.read(slotstate.SIZE).decode("ascii").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_a_slot_that_does_not_start_is_given_up(lab: Lab) -> None:
    card = on_trial(lab, "broken")
    machine = lab.machine("broken", card)
    within = lab.within(BOOT_WITHIN[lab.architecture])
    wait_until("the tries are used up", lambda: state(card)["left"] == "0", TRIES * within)
    lab.wait_for_home(machine)
    assert machine.console().count("could not be mounted") == TRIES
    assert state(card) == {"left": "0", "slot": "a", "try": "b"}


def test_a_slot_that_gets_to_the_keypad_is_kept(lab: Lab) -> None:
    card = on_trial(lab, "update")
    one, other = card.partitions[SLOT_A], card.partitions[SLOT_B]
    with card.path.open("r+b") as file:
        file.seek(one.start)
        system = file.read(one.size)
        file.seek(other.start)
        file.write(system)
    machine = lab.machine("update", card)
    lab.wait_for_home(machine)
    lab.connect(machine)
    wait_until(
        "the slot is confirmed",
        lambda: "slot=b\n" in machine.guest.run("/usr/lib/meetingbox/slot status"),
        lab.within(60.0),
    )
    assert "running=b" in machine.guest.run("/usr/lib/meetingbox/slot status")
    assert state(card) == {"left": "0", "slot": "b", "try": ""}
