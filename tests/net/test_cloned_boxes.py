"""Two boxes from one copied card: both keep working, and one becomes another box."""

from __future__ import annotations

import os
from pathlib import Path

from net.boxes import Boxes, TestBox
from net.namespaces import Lan, needs_namespaces

pytestmark = needs_namespaces  # on a loopback other tests may have boxes of the same names

PASSWORD = f"{os.getpid():06d}"
KEY = bytes(range(32))


def ids(*boxes: TestBox) -> set[str]:
    return {box.status()["id"] for box in boxes}


def counted(code: str, *boxes: TestBox) -> list[TestBox]:
    return [box for box in boxes if box.status()["counters"].get(code)]


def test_a_copied_card_in_a_meeting_of_three(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b = (boxes.start("Galley", host=host, identity=KEY, ready=False) for host in lan.hosts[:2])
        c = boxes.start("Bridge", host=lan.hosts[2])
        boxes.wait(lambda: a.sees("Galley", "Bridge") and b.sees("Galley", "Bridge"))
        # Before any meeting there is only the name to go by: a warning, and nothing changes.
        boxes.wait(lambda: counted("name.duplicate", a, b) == [a, b])
        assert len(ids(a, b)) == 1
        assert counted("name.duplicate", c) == []

        for box in (a, b, c):
            box.ask("join", room=61, password=PASSWORD)
        boxes.wait(lambda: len(ids(a, b)) == 2)
        renamed, kept = (a, b) if a.status()["name"] == "Galley 2" else (b, a)
        everybody = {renamed: "Galley 2", kept: "Galley", c: "Bridge"}
        boxes.wait(
            lambda: all(box.drawn() == set(everybody.values()) - {everybody[box]} for box in everybody)
        )
        assert {box: box.status()["name"] for box in everybody} == everybody
        assert counted("identity.cloned", a, b, c) == [renamed]
        assert counted("identity.clone-met", a, b, c) == [kept]
        assert "identity.cloned name='Galley 2'" in renamed.log()
        assert (renamed.folder / "state" / "identity.key").read_bytes() != KEY
        assert (kept.folder / "state" / "identity.key").read_bytes() == KEY
        boxes.wait(lambda: c.sees("Galley", "Galley 2"))
        assert "Traceback" not in a.log() + b.log() + c.log()
