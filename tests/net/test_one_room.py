"""Two whole boxes in one room: one is muted, both know it, and a person has the last word."""

from __future__ import annotations

import sys
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from net.boxes import Boxes, TestBox

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import _rooms as rooms
from _rooms import Sound

FOUND_WITHIN = 25.0
ATTEMPTS = 4


def record(path: Path, sound: Sound) -> str:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rooms.RATE, len(sound), "NONE", ""))
        file.writeframes(rooms.samples(sound).tobytes())
    return f"file:{path}"


def meet(a: TestBox, b: TestBox) -> None:
    """Join at the same moment: then the two files are one room's sound at one time."""
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(box.ask, "join", room=42, password="123456") for box in (a, b)]
        for answer in asked:
            answer.result()


def found(box: TestBox) -> int:
    return int(box.status()["counters"].get("same-room.found", 0))


def muted(*boxes: TestBox) -> list[bool]:
    return [box.status()["muted"] for box in boxes]


@pytest.fixture
def said() -> Sound:
    return rooms.talk(1, 20.0) * 0.05


def test_one_of_two_boxes_in_a_room_is_silent(tmp_path: Path, said: Sound) -> None:
    near = rooms.heard(said, rooms.response(1)) + rooms.noise(1, len(said), -65)
    far = rooms.heard(said * 0.5, rooms.response(2, direct_db=-3)) + rooms.noise(2, len(said), -65)
    with Boxes(tmp_path) as boxes:
        a = boxes.start("Bridge", microphone=record(tmp_path / "near.wav", near), same_room="on")
        b = boxes.start("Galley", microphone=record(tmp_path / "far.wav", far), same_room="on")
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for _ in range(ATTEMPTS):  # a busy machine may let one box begin much later than the other
            meet(a, b)
            deadline = time.monotonic() + FOUND_WITHIN
            while time.monotonic() < deadline and not (found(a) and found(b)):
                time.sleep(0.5)
            if found(a) and found(b):
                break
            for box in (a, b):
                box.ask("leave")
        assert (found(a), found(b)) == (1, 1)
        smaller, larger = sorted((a, b), key=lambda box: str(box.status()["id"]))
        boxes.wait(lambda: muted(smaller, larger) == [False, True])
        boxes.wait(lambda: smaller.status()["peers"][0]["muted"])

        larger.ask("mute", state="off")
        boxes.wait(lambda: not smaller.status()["peers"][0]["muted"])
        time.sleep(9)  # longer than it took to find it
        assert muted(smaller, larger) == [False, False]


def test_two_boxes_in_two_rooms_are_both_heard(tmp_path: Path, said: Sound) -> None:
    other = rooms.talk(3, 20.0) * 0.05
    with Boxes(tmp_path) as boxes:
        a = boxes.start(
            "Bridge",
            microphone=record(tmp_path / "a.wav", rooms.heard(said, rooms.response(1))),
            same_room="on",
        )
        b = boxes.start(
            "Galley",
            microphone=record(tmp_path / "b.wav", rooms.heard(other, rooms.response(2))),
            same_room="on",
        )
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        meet(a, b)
        boxes.wait(lambda: [peer["state"] for peer in a.status()["peers"]] == ["live"])
        time.sleep(10)
        assert (found(a), found(b)) == (0, 0)
        assert muted(a, b) == [False, False]
