"""Three boxes on a LAN of three hosts: they find each other, meet, and notice when one is gone."""

from __future__ import annotations

from pathlib import Path

from net.boxes import Boxes, TestBox
from net.namespaces import Lan, needs_namespaces

pytestmark = needs_namespaces

NAMES = ("Bridge", "Galley", "Library")


def meet(boxes: Boxes, members: list[TestBox], room: str = "42", password: str = "731946") -> None:
    """Have every member see and hear every other one."""
    names = {box.name for box in members}
    boxes.wait(lambda: all(box.sees(*(names - {box.name})) for box in members))
    for box in members:
        box.type(room, password)
    boxes.wait(lambda: all(box.drawn() == names - {box.name} for box in members))


def pictures_of(box: TestBox, name: str) -> int:
    """How many pictures of one peer this box has drawn."""
    return next(int(peer["drawn"]) for peer in box.stats()["peers"] if peer["name"] == name)


def test_boxes_find_each_other_meet_and_notice_who_is_gone(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b, c = boxes.start_all(NAMES, lan.hosts)
        meet(boxes, [a, b, c])

        c.kill()
        took = boxes.wait(lambda: "Library" not in a.peers() and "Library" not in b.peers(), 5.0)
        assert took <= 5.0
        assert a.peers() == {"Galley": "live"}
        assert b.peers() == {"Bridge": "live"}
        drawn = pictures_of(a, "Galley")
        boxes.wait(lambda: pictures_of(a, "Galley") > drawn + 20, 3.0)

        lan.hosts[1].silence()
        took = boxes.wait(lambda: a.peers() == {"Galley": "reconnecting"}, 6.0)
        assert took <= 4.0
        lan.hosts[1].unsilence()
        boxes.wait(lambda: a.peers() == {"Galley": "live"} and b.peers() == {"Bridge": "live"}, 15.0)


def test_a_box_that_leaves_is_gone_at_once_and_may_come_back(tmp_path: Path) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(NAMES, lan.hosts)
        meet(boxes, [a, b])
        b.ask("leave")
        assert boxes.wait(lambda: a.peers() == {}, 2.0) <= 2.0
        b.type("42", "731946")
        boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"})


def test_a_wrong_password_shows_nothing_and_is_counted(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b, c = boxes.start_all(NAMES, lan.hosts)
        meet(boxes, [a, b])
        boxes.wait(lambda: c.sees("Bridge", "Galley"))
        c.type("42", "731947")
        boxes.wait(lambda: c.status()["counters"].get("join.wrong-room-or-password") == 1)
        boxes.wait(lambda: c.status()["state"] == "idle")
        assert c.peers() == {}
        counted = [box.status()["counters"].get("join.wrong-proof", 0) for box in (a, b)]
        assert sum(counted) >= 1
        assert a.peers() == {"Galley": "live"}
        c.press("delete", "6", "ok")  # what was typed is still there, its last digit was wrong
        boxes.wait(lambda: c.drawn() == {"Bridge", "Galley"})


def test_a_box_that_only_knows_an_address_joins_through_it(tmp_path: Path) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        for host in lan.hosts:  # no multicast from the start
            host.run(["nft", "add", "table", "inet", "t"], check=True)
            chain = "{ type filter hook input priority 0; }"
            host.run(["nft", "add", "chain", "inet", "t", "c", chain], check=True)
            host.run(["nft", "add", "rule", "inet", "t", "c", "udp", "dport", "5353", "drop"], check=True)
        a = boxes.start("Bridge", host=lan.hosts[0])
        b = boxes.start("Galley", host=lan.hosts[1], servers=[f"ws://{lan.hosts[0].address}:8787"])
        a.type("42", "731946")
        b.type("42", "731946")
        boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"})
        assert not a.sees("Galley")
