"""Power on without a network and without a clock: the keypad, by touch and by keys, and everything is well.

The card is as it is flashed, and it is the first boot. The boot loader is the real one, and so is everything
after it; the kernel is only told to say more.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from image import home, wellness
from image.emulator import boards
from image.emulator.machine import Machine, wait_until
from image.lab import NO_BATTERY, Lab

GROWN_WITHIN = 90.0  # it begins when the keypad is there


@pytest.fixture(scope="module")
def box(lab: Lab) -> Iterator[Machine]:
    """A box at home, its root shell connected."""
    card = lab.card("offline")
    machine = lab.machine("offline", card, plugged=False, clock=NO_BATTERY)
    lab.wait_for_home(machine)
    lab.connect(machine)
    yield machine
    lab.switch_off("offline")
    card.remove()


def test_the_keypad_is_there(lab: Lab, box: Machine) -> None:
    lab.wait_to_read(box, home.NO_NETWORK)
    join = lab.reader.place(box.screen(), home.JOIN)
    assert join is not None
    box.tap(*home.middle(join))
    lab.wait_to_read(box, home.WHICH_ROOM)


def test_keys_reach_it_and_a_finger_does(lab: Lab, box: Machine) -> None:
    box.press("4", "2", "ok")
    lab.wait_to_read(box, home.password_for(42))
    box.press("back", "delete", "delete")
    lab.wait_to_read(box, home.WHICH_ROOM)
    keys = home.keypad_keys(boards.SCREEN)
    for key in ("7", "1", "next"):
        box.tap(*home.middle(keys[key]))
    lab.wait_to_read(box, home.password_for(71))


def test_the_system_is_well(lab: Lab, box: Machine) -> None:
    wellness.assert_well(lab, box)
    assert wellness.restarts(box) == 0
    assert box.resets() == 0


def test_no_driver_is_there_that_no_box_needs(box: Machine) -> None:
    loaded = {line.split()[0] for line in box.guest.run("cat /proc/modules").splitlines()}
    assert loaded & {"squashfs", "drm"} == {"squashfs", "drm"}
    # Of virtual machines, Wi-Fi where there is none, MIDI, joysticks, a beeper, other machines' programs.
    assert not loaded & {"kvm", "cfg80211", "snd_seq", "joydev", "pcspkr", "binfmt_misc"}


def test_its_clock_is_wrong_indeed(box: Machine) -> None:
    assert box.guest.run("cat /sys/class/rtc/rtc0/date").startswith(NO_BATTERY[:4])


def test_first_boot_made_it_somebody(box: Machine) -> None:
    guest = box.guest
    machine_id = guest.run("cat /data/machine-id").strip()
    assert len(machine_id) == 32
    assert guest.run("cat /etc/machine-id").strip() == machine_id
    assert guest.run("hostname").startswith("meetingbox-")
    assert len(guest.read("/data/meetingbox/identity.key")) == 32
    assert "PRIVATE KEY" in guest.run("cat /data/ssh/*key")


def test_the_data_partition_has_grown(lab: Lab, box: Machine) -> None:
    def grown() -> bool:
        return box.guest.run("systemctl is-active meetingbox-grow.service", check=False).strip() == "active"

    wait_until("the data partition has grown", grown, lab.within(GROWN_WITHIN), 2.0)
    sizes = box.guest.run("lsblk -bno SIZE $(findmnt -no SOURCE /data); df -B1 --output=size /data | tail -1")
    partition, filesystem = (int(word) for word in sizes.split())
    assert filesystem > 400 << 20, "it is as large as in the image"
    assert filesystem > 0.85 * partition


def test_root_and_boot_partition_are_not_written(box: Machine) -> None:
    guest = box.guest
    assert guest.run("findmnt -no FSTYPE /").strip() == "squashfs"
    for place in ("/usr", "/boot/firmware", "/opt/meetingbox"):
        assert "Read-only" in guest.run(f"touch {place}/x 2>&1", check=False), f"{place} can be written"
    assert guest.run("findmnt -no FSTYPE /etc; findmnt -no FSTYPE /var").split() == ["overlay", "overlay"]


def test_nothing_listens_that_a_meeting_does_not_need(box: Machine) -> None:
    listening = box.guest.run("ss -Hltun").splitlines()
    ports = {(line.split()[0], int(line.split()[4].rpartition(":")[2])) for line in listening}
    assert ports <= {("tcp", 8787), ("udp", 5353)}, listening
    assert (
        box.guest.run("systemctl is-active ssh.service ssh.socket", check=False).split() == ["inactive"] * 2
    )
