"""A box that restarts in the middle of a meeting is in it again, without anybody typing anything."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from net.boxes import Boxes, TestBox
from net.namespaces import Lan, needs_namespaces

pytestmark = needs_namespaces

PASSWORD = f"{os.getpid():06d}"
BACK_WITHIN = 20.0  # seconds on a machine that does other things too; the bench has the real bound


@pytest.fixture
def memory() -> Iterator[dict[str, str]]:
    """A run-time folder in memory, as ``/run`` is one on a real machine."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="mbx-restart-") as folder:
        yield {"MEETINGBOX_RUNTIME_DIR": folder}


def left(memory: dict[str, str]) -> list[Path]:
    return list(Path(memory["MEETINGBOX_RUNTIME_DIR"]).iterdir())


def meet(boxes: Boxes, members: list[TestBox], room: int = 42) -> None:
    names = {box.name for box in members}
    boxes.wait(lambda: all(box.sees(*(names - {box.name})) for box in members))
    for box in members:
        box.ask("join", room=room, password=PASSWORD)
    boxes.wait(lambda: all(box.drawn() == names - {box.name} for box in members))


def test_killed_with_the_door_closed_it_comes_back_as_it_was(tmp_path: Path, memory: dict[str, str]) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"), lan.hosts[:2])
        c = boxes.start("Library", host=lan.hosts[2], environment=memory)
        meet(boxes, [a, b, c])
        c.ask("mute", state="on")
        a.ask("allow-joining", state="off")
        boxes.wait(lambda: not c.status()["joining"]["open"])
        assert [oct(file.stat().st_mode & 0o777) for file in left(memory)] == ["0o600"]
        assert PASSWORD.encode() not in left(memory)[0].read_bytes()
        before = {p["name"]: p["id"] for p in a.status()["peers"]}

        c.kill()
        boxes.wait(lambda: a.peers() == {"Galley": "live"} and b.peers() == {"Bridge": "live"})
        c.restart()
        live = {"Bridge": "live", "Galley": "live"}
        boxes.wait(lambda: c.peers() == live and c.status()["state"] == "in-call", BACK_WITHIN)
        boxes.wait(lambda: a.drawn() == {"Galley", "Library"} and b.drawn() == {"Bridge", "Library"})
        boxes.wait(lambda: c.drawn() == set(live))
        assert {p["name"]: p["id"] for p in a.status()["peers"]} == before  # the same peer, no new proof
        status = c.status()
        assert (status["room"], status["muted"], status["joining"]["open"]) == (42, True, False)
        assert status["counters"]["rejoin.back"] == 1

        c.kill()  # and once more, with what the second run kept
        c.restart()
        boxes.wait(lambda: c.peers() == live, BACK_WITHIN)
        boxes.wait(lambda: a.peers() == {"Galley": "live", "Library": "live"})

        b.ask("allow-joining", state="on")  # what members decide reaches it over its lines
        boxes.wait(lambda: c.status()["joining"]["open"])
        c.ask("leave")
        assert left(memory) == []
        boxes.wait(lambda: a.peers() == {"Galley": "live"})
        c.kill()
        c.restart()
        boxes.wait(lambda: c.status()["state"] == "idle")
        assert "Traceback" not in a.log() + b.log() + c.log()


def test_a_service_that_is_restarted_comes_back_and_a_person_that_stops_it_does_not(
    tmp_path: Path, memory: dict[str, str]
) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        a = boxes.start("Bridge", host=lan.hosts[0])
        b = boxes.start("Galley", host=lan.hosts[1], environment=memory)
        meet(boxes, [a, b])
        b.end(signal.SIGTERM)
        boxes.wait(lambda: a.peers() == {})
        b.restart()
        boxes.wait(lambda: b.peers() == {"Bridge": "live"}, BACK_WITHIN)
        boxes.wait(lambda: a.peers() == {"Galley": "live"})

        b.end(signal.SIGINT)
        boxes.wait(lambda: a.peers() == {})
        assert a.status()["counters"]["peer.left"] == 1
        assert left(memory) == []


def test_where_nobody_is_left_it_is_at_home(tmp_path: Path, memory: dict[str, str]) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        a = boxes.start("Bridge", host=lan.hosts[0])
        b = boxes.start("Galley", host=lan.hosts[1], environment=memory)
        meet(boxes, [a, b])
        b.kill()
        a.ask("leave")
        b.restart()
        boxes.wait(lambda: b.status()["counters"].get("rejoin.nobody") == 1, BACK_WITHIN)
        boxes.wait(lambda: b.status()["state"] == "idle" and b.status()["rooms"] == [])
        assert left(memory) == []


def test_every_box_restarted_at_once_meets_again(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm", prefix="mbx-restart-") as one,
        tempfile.TemporaryDirectory(dir="/dev/shm", prefix="mbx-restart-") as other,
        Lan(2) as lan,
        Boxes(tmp_path) as boxes,
    ):
        a, b = (
            boxes.start(name, host=host, environment={"MEETINGBOX_RUNTIME_DIR": folder})
            for name, host, folder in zip(("Bridge", "Galley"), lan.hosts, (one, other), strict=True)
        )
        meet(boxes, [a, b])
        for box in (a, b):
            box.kill()
        for box in (a, b):
            box.restart()
        boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"}, BACK_WITHIN)


def test_the_room_on_hold_is_on_hold_again(tmp_path: Path, memory: dict[str, str]) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"), lan.hosts[:2])
        c = boxes.start("Library", host=lan.hosts[2], environment=memory)
        meet(boxes, [a, c], room=7)
        meet_again = [b, c]
        meet(boxes, meet_again, room=8)
        boxes.wait(lambda: a.status()["peers"][0]["held"])
        c.kill()
        c.restart()
        boxes.wait(lambda: [(r["room"], r["active"], r["peers"]) for r in c.status()["rooms"]]
                   == [(7, False, ["Bridge"]), (8, True, ["Galley"])], BACK_WITHIN)  # fmt: skip
        boxes.wait(lambda: [p["held"] for p in a.status()["peers"]] == [True] and b.drawn() == {"Library"})
