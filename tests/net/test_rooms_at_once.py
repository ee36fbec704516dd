"""A box in several rooms at once: one has everything, the others cost next to nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from net.boxes import Boxes, TestBox

from appliance.core import limits
from appliance.errors import ControlError

PASSWORD = f"{os.getpid():06d}"  # another test on this loopback may use the same room


def rooms(box: TestBox) -> dict[int, tuple[bool, tuple[str, ...]]]:
    return {r["room"]: (r["active"], tuple(sorted(r["peers"]))) for r in box.status()["rooms"]}


def link(box: TestBox, held: int | None = None) -> dict[str, Any]:
    stats = box.stats()
    peers = stats["peers"] if held is None else stats["held"][str(held)]
    return peers[0]["link"]


def flow(link: dict[str, Any]) -> tuple[int, ...]:
    """What went either way on a link, pictures and sound."""
    return tuple(link[key] for key in ("frames_sent", "sounds_sent", "packets_received", "sounds_received"))


def moving(boxes: Boxes, box: TestBox) -> None:
    """Pictures and sound go both ways on the only link of the active room."""
    before = flow(link(box))
    boxes.wait(lambda: all(now > was for now, was in zip(flow(link(box)), before, strict=True)))


def test_one_room_is_active_and_the_others_are_on_hold(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b, c = boxes.start_all(("Bridge", "Galley", "Library"))
        boxes.wait(lambda: a.sees("Galley", "Library"))
        b.ask("join", room=21, password=PASSWORD)
        c.ask("join", room=22, password=PASSWORD)
        a.ask("join", room=21, password=PASSWORD)
        boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"})
        moving(boxes, a)

        a.ask("join", room=22, password=PASSWORD)
        boxes.wait(lambda: a.drawn() == {"Library"} and c.drawn() == {"Bridge"})
        assert rooms(a) == {21: (False, ("Galley",)), 22: (True, ("Library",))}
        moving(boxes, a)
        # The one on hold: a poster there, nothing here, and heartbeats.
        boxes.wait(lambda: b.status()["peers"][0]["held"])
        assert b.peers() == {"Bridge": "live"}
        boxes.wait(lambda: b.stats()["camera"]["encoders_open"] == 0)  # nobody watches Galley
        before, tell = flow(link(a, 21)), b.stats()["peers"][0]["rtt_ms"]
        boxes.wait(lambda: b.stats()["peers"][0]["rtt_ms"] != tell)  # another heartbeat, and its answer
        time.sleep(limits.SILENT_AFTER + 0.5)
        assert flow(link(a, 21)) == before
        assert b.peers() == {"Bridge": "live"}

        a.ask("switch", room=21)
        boxes.wait(lambda: not b.status()["peers"][0]["held"] and c.status()["peers"][0]["held"])
        moving(boxes, a)
        assert rooms(a) == {21: (True, ("Galley",)), 22: (False, ("Library",))}

        a.ask("leave")  # of the active one: home, and the other one stays on hold
        boxes.wait(lambda: b.peers() == {})
        assert a.status()["state"] == "idle"
        assert rooms(a) == {22: (False, ("Library",))}
        assert c.status()["peers"][0]["held"]
        a.press("left", "down", "ok")  # the first key after a call shows the ring; below is the room on hold
        boxes.wait(lambda: a.status()["room"] == 22)
        moving(boxes, a)
        a.ask("leave", room=22)
        assert rooms(a) == {}
        boxes.wait(lambda: c.peers() == {})
        assert "Traceback" not in a.log() + b.log() + c.log()


def test_a_switch_needs_no_handshake_and_no_new_connection(tmp_path: Path) -> None:
    """What makes it quick: the links are there, and the next picture is a keyframe's, asked for at once."""
    with Boxes(tmp_path) as boxes:
        a, b, c = boxes.start_all(("Bridge", "Galley", "Library"))
        boxes.wait(lambda: a.sees("Galley", "Library"))
        for room, other in ((23, b), (24, c)):
            other.ask("join", room=room, password=PASSWORD)
            a.ask("join", room=room, password=PASSWORD)
            boxes.wait(lambda other=other: a.drawn() == {other.name} and other.drawn() == {"Bridge"})
        generations = {p["name"]: p["generation"] for box in (b, c) for p in box.stats()["peers"]}
        took = []
        for turn in range(6):
            room, other = ((23, b), (24, c))[turn % 2]
            seen = a_drawn = other.stats()["peers"][0]["drawn"]
            begun = time.monotonic()
            a.ask("switch", room=room)
            a_drawn = a.stats()["peers"][0]["drawn"]
            boxes.wait(
                lambda other=other, seen=seen, a_drawn=a_drawn: (
                    other.stats()["peers"][0]["drawn"] > seen and a.stats()["peers"][0]["drawn"] > a_drawn
                )
            )
            took.append(time.monotonic() - begun)
        assert {p["name"]: p["generation"] for box in (b, c) for p in box.stats()["peers"]} == generations
        print(f"switches took {[round(s * 1000) for s in took]} ms")
        assert all(s["counters"].get("join.refused", 0) == 0 for s in (a.stats(), b.stats(), c.stats()))


def test_a_wrong_password_leads_back_to_the_room_from_which_one_came(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley"))
        b.ask("join", room=25, password=PASSWORD)
        a.ask("join", room=26, password=PASSWORD)
        boxes.wait(lambda: a.status()["state"] == b.status()["state"] == "in-call")
        a.ask("join", room=25, password="wrong" + PASSWORD)
        boxes.wait(lambda: a.status()["counters"].get("join.wrong-room-or-password") == 1)
        boxes.wait(lambda: rooms(a) == {26: (True, ())})
        assert a.status()["state"] == "in-call"


def test_there_is_a_most(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a = boxes.start("Bridge")
        for room in range(31, 31 + limits.ROOMS_MAX):
            a.ask("join", room=room, password=PASSWORD)
        with pytest.raises(ControlError, match="leave one") as refused:
            a.ask("join", room=50, password=PASSWORD)
        assert refused.value.code == "rooms.too-many"
        assert [active for active, _ in rooms(a).values()] == [False] * (limits.ROOMS_MAX - 1) + [True]
        with pytest.raises(ControlError) as refused:
            a.ask("switch", room=50)
        assert refused.value.code == "call.other-room"
