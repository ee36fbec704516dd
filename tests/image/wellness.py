"""Is a running system well? What systemd says of it."""

from __future__ import annotations

from image.emulator.machine import GaveUpError, Machine, wait_until
from image.lab import Lab

SETTLED_WITHIN = {"amd64": 120.0, "arm64": 240.0}


def assert_well(lab: Lab, machine: Machine) -> None:
    """It has started to the end, no unit failed, and no unit was left out to break a cycle."""
    guest = machine.guest

    def settled() -> bool:
        return guest.run("systemctl is-system-running", check=False).strip() not in (
            "initializing",
            "starting",
        )

    try:
        wait_until("the system has started", settled, lab.within(SETTLED_WITHIN[lab.architecture]), 2.0)
    except GaveUpError as error:
        jobs = guest.run("systemctl --no-pager list-jobs", check=False)
        raise GaveUpError(f"{error}; still to do:\n{jobs}") from error
    failed = guest.run("systemctl --no-pager --plain --no-legend list-units --failed", check=False)
    assert failed.strip() == "", f"units failed:\n{failed}"
    cycles = guest.run("journalctl -b --no-pager | grep -i 'ordering cycle' || :")
    assert cycles.strip() == "", f"ordering cycles:\n{cycles}"
    state = guest.run("systemctl is-system-running", check=False).strip()
    assert state == "running"


def restarts(machine: Machine, unit: str = "meetingbox.service") -> int:
    """How often a unit was started anew by its watchdog or after it ended."""
    return int(machine.guest.run(f"systemctl show --value -p NRestarts {unit}").strip())
