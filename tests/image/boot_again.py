"""A second start of a card that nobody has changed: its files are copied, and everything is as it was."""

from __future__ import annotations

from image import settings, wellness
from image.emulator.machine import Machine
from image.lab import Lab

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMYBUsVnlfh/mtKVeRw me@laptop"
CARD = settings.card("Galley", 1).replace(b"[system]\n", f'[system]\nssh_keys = ["{KEY}"]\n'.encode())
MADE = "/etc/meetingbox /etc/systemd/network /etc/sysusers.d /run/meetingbox-provision"
# Who it is, who may log in, and what it does on the network.
FACTS = (
    "hostname",
    "cat /etc/hostname /etc/machine-id",
    "getent passwd admin; id admin",
    "sha256sum /data/meetingbox/identity.key /data/ssh/*key",
    f"find {MADE} -type f -printf '%M %u %g %p\\n' -exec sha256sum {{}} + | sort",
    "systemctl is-active ssh.service",
    "nft list table inet meetingbox | grep -v counter",
)


def facts(lab: Lab, machine: Machine) -> dict[str, str]:
    lab.wait_for_home(machine)
    lab.connect(machine)
    wellness.assert_well(lab, machine)
    return {fact: machine.guest.run(fact) for fact in FACTS}


def test_a_second_start_is_as_the_first(lab: Lab) -> None:
    card = lab.card("again", CARD)
    machine = lab.machine("again", card)
    first = facts(lab, machine)
    assert "provision.again" not in machine.guest.run("journalctl -b --no-pager -u meetingbox-provision")
    assert first["systemctl is-active ssh.service"] == "active\n"
    machine.guest.run("sync")
    machine.power_off(lab.within(120.0))
    lab.switch_off("again")

    machine = lab.machine("again", card)
    second = facts(lab, machine)
    assert "provision.again" in machine.guest.run("journalctl -b --no-pager -u meetingbox-provision")
    assert second == first
    lab.switch_off("again")
    card.remove()
