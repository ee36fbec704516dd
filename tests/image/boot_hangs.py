"""A box that hangs in a call is restarted by its watchdog within 20 s, and goes back into it by itself."""

from __future__ import annotations

import pytest
from image import pair as pairs
from image import standing_still, wellness
from image.emulator.guest import Guest
from image.emulator.machine import wait_until
from image.lab import Lab
from image.pair import Pair

RESTARTED_WITHIN = 20.0  # seconds, by the guest's own clock
BACK_WITHIN = 150.0


def hang(guest: Guest, what: str, architecture: str) -> float:
    """Let it stand still; return since when. To find out what to stop takes seconds in an emulator."""
    box = standing_still.box_process(guest)
    if what == "everything":
        return standing_still.stop_process(guest, box)
    if what == "renderer":  # it is the main thread, whose id is the process's
        return standing_still.stop_thread(guest, box)
    if what == "event loop":
        return standing_still.stop_thread(guest, standing_still.event_loop_thread(guest, architecture))
    compositor = guest.run("systemctl show --value -p MainPID meetingbox.service").strip()
    assert "cage" in guest.run(f"cat /proc/{compositor}/comm")
    return standing_still.stop_process(guest, int(compositor))


@pytest.mark.parametrize("what", ["everything", "renderer", "event loop", "compositor"])
def test_a_box_that_stands_still_comes_back(lab: Lab, meeting: Pair, what: str) -> None:
    box, other = meeting.boxes
    guest = box.guest
    before = wellness.restarts(box.machine)
    identity = guest.ask("status")["id"]
    hung_at = hang(guest, what, lab.architecture)
    lab.say(f"{what} of {box.name} stands still")
    try:
        wait_until(
            f"{box.name} was restarted",
            lambda: standing_still.started_at(guest) > hung_at,
            lab.within(3 * RESTARTED_WITHIN),
        )
    finally:
        standing_still.release(guest)
    took = standing_still.started_at(guest) - hung_at
    lab.say(f"{box.name} was restarted {took:.1f} s later")
    assert took <= RESTARTED_WITHIN
    assert wellness.restarts(box.machine) == before + 1
    for one, peer in ((box, other), (other, box)):
        wait_until(
            f"{one.name} is in the call with {peer.name}",
            lambda one=one, peer=peer: pairs.live(one, peer),  # type: ignore[misc]
            lab.within(BACK_WITHIN),
        )
    assert guest.ask("status")["id"] == identity
    lab.say(f"{box.name} is back in the call {standing_still.uptime(guest) - hung_at:.0f} s after it hung")
    assert box.machine.resets() == 0, "the whole machine started anew"
