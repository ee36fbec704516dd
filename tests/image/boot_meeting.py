"""Two boxes on a cable, no router: they see each other, are joined by touch and by keys, see and hear."""

from __future__ import annotations

import time

import numpy as np
import pytest
from image import bars, sound, wellness
from image.emulator.machine import wait_until
from image.lab import Lab
from image.pair import Pair

CALL_FOR = 60.0  # seconds of a call in which nobody may be restarted
RED = 7  # V4L2's test pattern "100% Red"; 0 are the colour bars
PICTURE_WITHIN = 90.0  # an emulated box draws two to five pictures a second


def test_they_see_each_other(lab: Lab, pair: Pair) -> None:
    for box, other in pair.both():
        status = box.guest.ask("status")
        assert other.name in {seen["name"] for seen in status["boxes"] if seen["present"]}
        lab.wait_to_read(box.machine, other.name)


def test_they_are_joined_by_touch_and_by_keys(lab: Lab, meeting: Pair) -> None:
    for box, other in meeting.both():
        status = box.guest.ask("status")
        assert (status["state"], status["room"]) == ("in-call", meeting.room)
        assert [peer["name"] for peer in status["peers"]] == [other.name]


def test_each_shows_the_others_picture(lab: Lab, meeting: Pair) -> None:
    """Both cameras show bars. Then one turns red: so does its tile at the other box, and nothing else."""
    for box, _ in meeting.both():
        lab.wait_for(
            box.machine,
            f"bars twice, the other's and its own, at {box.name},",
            lambda picture: len(bars.pictures(picture)) == 2,
            lab.within(PICTURE_WITHIN),
        )
    one, other = meeting.boxes
    theirs, _own = bars.pictures(one.machine.screen())  # the self-view is the last tile
    other.guest.run(f"v4l2-ctl -d /dev/video0 -c test_pattern={RED}")
    try:
        lab.wait_for(
            one.machine,
            f"red, from {other.name}, at {one.name},",
            lambda picture: bars.share(picture, theirs, "red") > 0.7,
            lab.within(PICTURE_WITHIN),
        )
        assert len(bars.pictures(one.machine.screen())) == 1, "its own camera has bars as before"
    finally:
        other.guest.run("v4l2-ctl -d /dev/video0 -c test_pattern=0")
    for box, _ in meeting.both():
        peer = box.guest.ask("status")["peers"][0]
        lab.say(f"{box.name} draws {peer['width']}x{peer['height']}, {peer['fps']} a second")
        assert peer["width"] > 0


def test_sound_flows(lab: Lab, meeting: Pair) -> None:
    """What is played into one box's microphone comes out of the other's loudspeaker, both ways at once."""
    for box, _ in meeting.both():
        sound.play(box.guest, box.tone_hz)
    try:
        for box, other in meeting.both():
            wait_until(
                f"{box.name} says that {other.name} speaks",
                lambda box=box: any(peer["speaking"] for peer in box.guest.ask("status")["peers"]),  # type: ignore[misc]
                lab.within(60.0),
            )
        for box, other in meeting.both():
            heard = sound.heard(box.guest, seconds=6)
            strength = {hz: sound.strength(heard, hz) for hz in (box.tone_hz, other.tone_hz, 1999.0)}
            lab.say(
                f"{box.name} plays {other.name}'s tone {strength[other.tone_hz]:.0f} dB, the rest {strength}"
            )
            assert strength[other.tone_hz] > strength[1999.0] + 20
    finally:
        for box, _ in meeting.both():
            sound.stop(box.guest)


def test_a_minute_of_call_without_a_restart(lab: Lab, meeting: Pair) -> None:
    states: dict[str, list[str]] = {box.name: [] for box in meeting.boxes}
    rates: dict[str, list[float]] = {box.name: [] for box in meeting.boxes}
    ends = time.monotonic() + CALL_FOR
    while time.monotonic() < ends:
        for box in meeting.boxes:
            status = box.guest.ask("status")
            assert status["state"] == "in-call"
            states[box.name] += [peer["state"] for peer in status["peers"]]
            rates[box.name] += [peer["fps"] for peer in status["peers"]]
        time.sleep(2.0)
    for box in meeting.boxes:
        seen = states[box.name]
        lab.say(
            f"{box.name}: {len(seen)} looks, live in {seen.count('live')}; {np.mean(rates[box.name]):.1f} fps"
        )
        assert seen
        assert seen[-1] == "live"
        assert wellness.restarts(box.machine) == 0
        assert box.machine.resets() == 0
        told = box.guest.run("journalctl -b --no-pager -u meetingbox.service | grep -i watchdog || :")
        assert told.strip() == ""


@pytest.mark.parametrize("which", [0, 1])
def test_both_systems_are_well(lab: Lab, meeting: Pair, which: int) -> None:
    wellness.assert_well(lab, meeting.boxes[which].machine)
