"""A box that joins and leaves a hundred times is the box that it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from net.boxes import Boxes, TestBox

CYCLES = 100
PASSWORD = f"{os.getpid():06d}"  # another test on this loopback may use the same room
SETTLED_AFTER = 10  # cycles: by then every lazily made thing exists
MEMORY_GROWTH_MAX_MB = 5.0
COUNTED = ("threads", "fds", "tasks", "children")


def at_rest(boxes: Boxes, box: TestBox) -> dict[str, Any]:
    """What a box consists of once it is out of the meeting and has come to rest."""
    boxes.wait(lambda: box.status()["state"] == "idle")
    last: dict[str, Any] = {}

    def still() -> bool:
        nonlocal last
        before, last = last, box.stats()["process"]
        return {key: before.get(key) for key in COUNTED} == {key: last[key] for key in COUNTED}

    boxes.wait(still)
    return last


def test_a_hundred_joins_and_leaves_leave_nothing_behind(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.type("7", PASSWORD)
        boxes.wait(lambda: a.status()["state"] == "in-call")
        # Alone it takes long enough for every screen on the way to be drawn, with the fonts it needs.
        b.ask("join", room=8, password=PASSWORD)
        boxes.wait(lambda: b.status()["state"] == "in-call")
        b.ask("leave")
        at_rest(boxes, b)
        after: dict[int, dict[str, Any]] = {}
        for cycle in range(1, CYCLES + 1):
            b.ask("join", room=7, password=PASSWORD)
            boxes.wait(lambda: bool(b.drawn() and a.drawn()))
            b.ask("leave")
            boxes.wait(lambda: a.peers() == {})
            if cycle in (SETTLED_AFTER, CYCLES):
                after[cycle] = at_rest(boxes, b)
        early, late = after[SETTLED_AFTER], after[CYCLES]
        assert {key: late[key] for key in COUNTED} == {key: early[key] for key in COUNTED}
        assert late["rss_mb"] - early["rss_mb"] < MEMORY_GROWTH_MAX_MB
        assert a.status()["counters"].get("peer.task-failed", 0) == 0
        assert "Traceback" not in a.log() + b.log()
