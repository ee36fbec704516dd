"""What only shows with three boxes, or with hands that are quicker than the network."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from net.boxes import Boxes, TestBox

from appliance.control.client import ControlClient

PASSWORD = f"{os.getpid():06d}"


def test_a_picture_that_a_person_closed_stays_closed(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b, c = boxes.start_all(("Bridge", "Galley", "Library"))
        everybody = {"Bridge", "Galley", "Library"}
        boxes.wait(lambda: all(box.sees(*(everybody - {box.name})) for box in (a, b, c)))
        for box in (a, b, c):
            box.type("11", PASSWORD)
        boxes.wait(lambda: all(box.drawn() == everybody - {box.name} for box in (a, b, c)))
        a.ask("peer", peer="Galley", action="close")
        boxes.wait(lambda: a.peers() == {"Library": "live"} and b.peers() == {"Library": "live"})
        time.sleep(5)  # a hole in the mesh would be mended after two
        assert a.peers() == {"Library": "live"}
        assert b.peers() == {"Library": "live"}
        assert set(c.peers()) == {"Bridge", "Galley"}


def join(box: TestBox, room: int) -> None:
    with ControlClient(box.folder / "control.sock") as client:
        client.request("join", room=room, password=PASSWORD)


def test_joins_at_once_are_as_many_rooms_with_one_active_and_leave_no_ghost(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.ask("join", room=20, password=PASSWORD)
        b.ask("join", room=20, password=PASSWORD)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        hands = [threading.Thread(target=join, args=(a, room)) for room in (21, 22, 23)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        boxes.wait(lambda: {room["state"] for room in a.status()["rooms"]} == {"in-call"})
        rooms = a.status()["rooms"]
        assert {room["room"] for room in rooms} == {20, 21, 22, 23}
        assert [room["room"] for room in rooms if room["active"]] == [a.status()["room"]]
        for room in (20, 21, 22, 23):
            a.ask("leave", room=room)
        assert a.status()["rooms"] == []
        for room in (20, 21, 22, 23):
            b.ask("join", room=room, password=PASSWORD)
            boxes.wait(lambda: b.status()["state"] == "in-call")
            assert b.peers() == {}


def test_a_newcomer_follows_a_door_that_was_moved_often(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.ask("join", room=12, password=PASSWORD)
        boxes.wait(lambda: a.status()["state"] == "in-call")
        for _ in range(10):
            a.ask("allow-joining", state="off")
            a.ask("allow-joining", state="on")
        b.ask("join", room=12, password=PASSWORD)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        a.ask("allow-joining", state="off")
        boxes.wait(lambda: not b.status()["joining"]["open"])


def test_a_wrong_password_of_another_is_no_verdict_on_ours(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.ask("join", room=13, password=PASSWORD)
        b.ask("join", room=13, password="not " + PASSWORD)
        boxes.wait(lambda: {a.status()["state"], b.status()["state"]} == {"idle", "in-call"})
