"""Two whole boxes, and one of them speaks, is silent, or is muted."""

from __future__ import annotations

import time
from pathlib import Path

from net.boxes import Boxes, TestBox


def peer(box: TestBox) -> dict:
    return box.status()["peers"][0]


def sounds(box: TestBox) -> int:
    """Packets of sound that the box has sent to its only peer."""
    return box.stats()["peers"][0]["link"]["sounds_sent"]


def test_a_muted_box_sends_no_sound_and_does_not_speak(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a = boxes.start("Bridge", microphone="test:0")
        b = boxes.start("Galley", microphone="none", speaker="test")
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.type("42", "123456")
        b.type("42", "123456")
        boxes.wait(lambda: bool(b.drawn()) and bool(a.drawn()), 20)
        boxes.wait(lambda: peer(b)["speaking"])
        assert not peer(a)["speaking"]  # no microphone, no voice
        assert sounds(b) == 0
        for _ in range(2):
            a.ask("mute", state="on")
            before = sounds(a)
            boxes.wait(lambda: peer(b)["muted"] and not peer(b)["speaking"], 2.0)
            boxes.wait(lambda: next(iter(b.stats()["audio"]["peers"].values()))["level"] == 127, 2.0)
            time.sleep(0.5)
            assert sounds(a) == before
            a.ask("mute", state="off")
            boxes.wait(lambda: peer(b)["speaking"])
        stats = next(iter(b.stats()["audio"]["peers"].values()))
        assert stats["lost"] == 0


def test_a_room_in_which_nobody_speaks_sends_nothing(tmp_path: Path) -> None:
    """Its microphone is open; every eighth turn of 3 s it would speak."""
    with Boxes(tmp_path) as boxes:
        turn = int(time.monotonic() / 3.0)
        a = boxes.start("Bridge", microphone=f"test:{(turn - 1) % 8}/8")
        b = boxes.start("Galley", microphone="none")
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.type("42", "123456")
        b.type("42", "123456")
        boxes.wait(lambda: bool(b.drawn()) and bool(a.drawn()), 12)
        boxes.wait(lambda: a.stats()["audio"]["engine"]["silent"] > 10, 5)
        sent, silent = sounds(a), a.stats()["audio"]["engine"]["silent"]
        boxes.wait(lambda: a.stats()["audio"]["engine"]["silent"] > silent + 50, 5)
        assert sounds(a) == sent
        assert not peer(b)["speaking"]
