"""The speaker layout and the menu of a tile, from the key to the picture and the other box."""

from __future__ import annotations

import os
from pathlib import Path

from net.boxes import Boxes, TestBox

PASSWORD = f"{os.getpid():06}"  # boxes of another run on this machine are in another meeting


def width(box: TestBox) -> int:
    """How wide the one remote picture is on this box's screen."""
    return max((peer["width"] for peer in box.status()["peers"]), default=0)


def test_a_peer_is_made_large_pinned_and_closed_by_keys(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.type("58", PASSWORD)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        alike = width(a)

        a.press("back", "back", *["left"] * 5, "ok")  # the focus is on "leave" after the first
        boxes.wait(lambda: width(a) > alike * 1.3)
        a.press("ok")
        boxes.wait(lambda: width(a) == alike)

        a.press("up", "ok", "down", "ok")  # the tile's menu: pin
        boxes.wait(lambda: width(a) > alike * 1.3)
        a.press("ok", "down", "ok")
        boxes.wait(lambda: width(a) == alike)
        assert width(b) == alike  # what one box shows large is its own affair

        a.press("ok", "down", "down", "ok", "ok")
        boxes.wait(lambda: a.peers() == b.peers() == {})
        assert a.status()["state"] == b.status()["state"] == "in-call"
        assert "Traceback" not in a.log() + b.log()


def test_who_speaks_is_large(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        quiet, loud, viewer = boxes.start("Quiet"), boxes.start("Loud"), boxes.start("Viewer")
        boxes.wait(lambda: viewer.sees("Quiet", "Loud"))
        quiet.ask("mute", state="on")
        for box in (quiet, loud, viewer):
            box.type("58", PASSWORD)
        boxes.wait(lambda: viewer.drawn() == {"Quiet", "Loud"}, 20)
        viewer.ask("layout", layout="speaker")

        def widths() -> dict[str, int]:
            return {peer["name"]: peer["width"] for peer in viewer.status()["peers"]}

        boxes.wait(lambda: widths()["Loud"] > 2 * widths()["Quiet"])
        loud.ask("mute", state="on")
        quiet.ask("mute", state="off")
        boxes.wait(lambda: widths()["Quiet"] > 2 * widths()["Loud"])
        viewer.ask("peer", peer="Loud", action="pin")
        boxes.wait(lambda: widths()["Loud"] > 2 * widths()["Quiet"])
