"""The plug is pulled twenty times: in the first boot, at home, in a call. Each next boot gets to the keypad.

Who the box is and how it is set stays as it was from the moment on at which it was written whole. Moments are
random, and the same in every run (``SEED``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from image import pair as pairs
from image import settings
from image.emulator.disk import Card
from image.emulator.guest import Guest
from image.emulator.machine import Machine, wait_until
from image.lab import Lab
from image.pair import Pair

SEED = 7
FIRST_BOOT, AT_HOME, IN_CALL = 7, 6, 7  # kills
IDLE_MAX = 20.0  # seconds at home until the plug is pulled
CALL_MAX = 25.0  # seconds from the join on
KEPT = "/data/machine-id /data/ssh/* /data/provision/* /data/meetingbox/identity.key"
ONCE_MADE = ("/machine-id", "/meetingbox/identity.key")  # of the data partition
NAME = "Cut off"


@pytest.fixture(autouse=True)
def nothing_stays_on(lab: Lab) -> Iterator[None]:
    """A check that failed leaves no machine to the next one."""
    yield
    lab.switch_all_off()


def identity(guest: Guest) -> str:
    """Sums of everything that makes the box this box, and what it is called."""
    sums = guest.run(
        f"sha256sum {KEPT} /boot/firmware/meetingbox.toml /etc/meetingbox/meetingbox.toml | sort -k2"
    )
    status = guest.ask("status")
    return f"{sums}{status['id']} {status['name']} {guest.run('cat /etc/machine-id')}"


def boot(lab: Lab, name: str, card: Card, **parts: object) -> Machine:
    """Switch on, wait for the keypad, and see that its file system is whole."""
    machine = lab.machine(name, card, **parts)
    lab.wait_for_home(machine)
    lab.connect(machine)
    wait_until("the box answers", lambda: machine.guest.status() is not None, lab.within(60.0))
    complaints = machine.guest.run("dmesg | grep -E 'EXT4-fs (error|warning)|FAT-fs.*(error|corrupt)' || :")
    assert complaints.strip() == ""
    return machine


def test_in_the_first_boot(lab: Lab) -> None:
    dice = random.Random(SEED)
    whole = lab.card("whole", settings.card(NAME, 1))
    machine = boot(lab, "first", whole)
    takes = machine.uptime
    lab.switch_off("first")
    whole.remove()
    for i in range(FIRST_BOOT):
        card = lab.card("cut", settings.card(NAME, 1))
        machine = lab.machine("first", card)
        after = dice.uniform(0.1, 1.1) * takes
        time.sleep(after)
        lab.switch_off("first")
        made = {path: card.data(path) for path in ONCE_MADE}
        lab.say(f"first boot {i + 1}: pulled after {after:.1f} s; there are {[p for p in made if made[p]]}")
        machine = boot(lab, "first", card)
        for path, data in made.items():
            if data:
                assert machine.guest.read(f"/data{path}") == data, f"{path} is another one"
        assert machine.guest.ask("status")["name"] == NAME
        lab.switch_off("first")
        card.remove()


def test_at_home(lab: Lab) -> None:
    dice = random.Random(SEED + 1)
    card = lab.card("idle", settings.card(NAME, 1))
    machine = boot(lab, "idle", card)
    before = identity(machine.guest)
    for i in range(AT_HOME):
        if i % 2:  # the plug is pulled while something that somebody set is being kept
            machine.guest.run("sync; systemctl reload-or-restart meetingbox-provision &", check=False)
        after = dice.uniform(0.0, IDLE_MAX)
        time.sleep(after)
        lab.switch_off("idle")
        lab.say(f"at home {i + 1}: pulled after {after:.1f} s")
        machine = boot(lab, "idle", card)
        assert identity(machine.guest) == before
    lab.switch_off("idle")
    card.remove()


def test_in_a_call(lab: Lab) -> None:
    dice = random.Random(SEED + 2)
    pair = pairs.switched_on(lab)
    box, other = pair.boxes
    before = identity(box.guest)
    assert box.machine.computer.wire is not None
    for i in range(IN_CALL):
        join(lab, pair)
        after = dice.uniform(0.0, CALL_MAX)
        time.sleep(after)
        lab.switch_off(box.name)
        lab.say(f"in a call {i + 1}: pulled after {after:.1f} s")
        machine = boot(lab, box.name, box.card, wire=box.machine.computer.wire, number=1)
        box = pairs.Box(box.name, machine, box.card, box.tone_hz)
        pair = Pair((box, other))
        assert identity(box.guest) == before
    pairs.switched_off(lab, pair)


def join(lab: Lab, pair: Pair) -> None:
    """Both into the meeting, by their control sockets; the other one may still be in it."""
    for box in pair.boxes:
        if box.guest.ask("status")["state"] == "idle":
            box.guest.ask("join", room=pairs.ROOM, password=pairs.PASSWORD)
    for box, peer in pair.both():
        wait_until(
            f"{box.name} is in the call",
            lambda box=box, peer=peer: pairs.live(box, peer),  # type: ignore[misc]
            lab.within(pairs.CALL_WITHIN),
        )
