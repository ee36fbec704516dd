"""A sound check that can't be made says why, at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from net.boxes import Boxes

from appliance.control.client import ControlClient
from appliance.errors import ControlError

ROOM = 100 + os.getpid() % 900  # other tests on this loopback have theirs
PASSWORD = f"{os.getpid():06d}"


def test_without_a_microphone_and_in_a_meeting_no_tone_is_played(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        box = boxes.start("Bridge", microphone="none", speaker="test", video="none")
        reply = box.ask("sound-check")
        assert reply["outcome"] == "no-microphone"
        assert reply["deaf"]
        assert "Plug in a speakerphone" in reply["sentence"]
        assert reply["level_dbfs"] is None
        box.ask("join", room=ROOM, password=PASSWORD)
        with pytest.raises(ControlError, match="in a meeting") as caught:
            box.ask("sound-check")
        assert caught.value.code == "sound-check.meeting"
        boxes.wait(lambda: box.status()["state"] == "in-call")
        box.ask("leave")
        boxes.wait(lambda: box.status()["state"] == "idle")
        assert box.ask("sound-check")["outcome"] == "no-microphone"


def test_a_meeting_that_begins_ends_the_check(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        box = boxes.start("Bridge", microphone="test:1", speaker="test", video="none")
        other = ControlClient(box.folder / "control.sock")
        with other, ThreadPoolExecutor(1) as pool:
            first = pool.submit(other.request, "sound-check")
            boxes.wait(lambda: box.stats()["audio"]["engine"]["played"] > 0)
            with pytest.raises(ControlError) as caught:
                box.ask("sound-check")
            assert caught.value.code == "sound-check.running"
            box.ask("join", room=ROOM, password=PASSWORD)
            boxes.wait(lambda: box.status()["state"] == "in-call")
            interrupted = first.exception(10)
            assert isinstance(interrupted, ControlError)
            assert interrupted.code == "sound-check.interrupted"
        played = box.stats()["audio"]["engine"]["played"]
        boxes.wait(lambda: box.stats()["audio"]["engine"]["played"] > played + 10)
        box.ask("leave")
        boxes.wait(lambda: box.status()["state"] == "idle")
