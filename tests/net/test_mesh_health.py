"""What a third box knows of two others, and what a screen says when a picture stays away."""

from __future__ import annotations

from pathlib import Path

from net.boxes import Boxes, TestBox
from net.namespaces import Host, Lan, needs_namespaces

from appliance.core import limits

pytestmark = needs_namespaces

NAMES = ("Bridge", "Galley", "Library")


def link(box: TestBox, *names: str) -> dict[str, object]:
    """What a box knows of the link of two boxes."""
    (found,) = [each for each in box.status()["links"] if {each["one"], each["other"]} == set(names)]
    return found


def cut(host: Host, other: Host) -> None:
    """Let nothing pass between two hosts."""
    host.run(["nft", "add", "table", "inet", "cut"], check=True)
    for hook, direction in (("input", "saddr"), ("output", "daddr")):
        chain = f"{{ type filter hook {hook} priority 0; }}"
        host.run(["nft", "add", "chain", "inet", "cut", hook, chain], check=True)
        rule = ["ip", direction, other.address, "drop"]
        host.run(["nft", "add", "rule", "inet", "cut", hook, *rule], check=True)


def test_a_third_box_shows_the_link_of_two_others_that_is_cut(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b, c = members = boxes.start_all(NAMES, lan.hosts)
        boxes.wait(lambda: all(box.sees(*(set(NAMES) - {box.name})) for box in members))
        for box in members:
            box.ask("join", room=42, password="731946")
        for box in members:
            boxes.wait(
                lambda box=box: [each["state"] for each in box.status()["links"]] == ["live"] * 3, 20.0
            )
        boxes.wait(lambda: link(a, "Galley", "Library")["quality"] > 0)

        cut(lan.hosts[1], lan.hosts[2])
        boxes.wait(lambda: link(a, "Galley", "Library")["state"] == "lost", 20.0)
        assert link(a, "Bridge", "Galley")["state"] == link(a, "Bridge", "Library")["state"] == "live"
        a.press("right", *["right"] * 5, "ok", "ok")  # and the screen shows it without falling over
        screen = tmp_path / "mesh.png"
        a.ask("screenshot", file=str(screen))
        assert screen.stat().st_size > 0
        boxes.wait(lambda: link(a, "Galley", "Library")["state"] == "away", limits.GONE_AFTER + 10)
        assert a.status()["away"] == []  # it reaches both
        boxes.wait(lambda: b.status()["away"] == ["Library"] and c.status()["away"] == ["Galley"])

        lan.hosts[1].run(["nft", "delete", "table", "inet", "cut"], check=True)
        boxes.wait(lambda: link(a, "Galley", "Library")["state"] == "live", 20.0)
        boxes.wait(lambda: b.status()["away"] == c.status()["away"] == [])


def test_a_picture_that_stays_away_is_told_and_a_muted_box_stays_muted(tmp_path: Path) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        a = boxes.start("Bridge", host=lan.hosts[0])
        b = boxes.start("Galley", host=lan.hosts[1], video="v4l2:/dev/there-is-none")
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.ask("join", room=42, password="731946")
        boxes.wait(lambda: a.peers() == {"Galley": "live"} and b.peers() == {"Bridge": "live"})
        a.ask("peer", peer="Galley", action="mute")
        boxes.wait(
            lambda: "No picture from Galley for 10 s" in a.status()["says"], limits.NO_PICTURE_AFTER + 15
        )
        assert a.status()["counters"]["picture.missing"] == 1
        assert not any("No picture" in line for line in b.status()["says"])

        assert a.status()["peers"][0]["muted_here"]
        before = a.status()["peers"][0]["id"]
        b.ask("leave")
        boxes.wait(lambda: a.peers() == {})
        b.ask("join", room=42, password="731946")
        boxes.wait(lambda: a.peers() == {"Galley": "live"})
        again = a.status()["peers"][0]
        assert again["id"] != before
        assert again["muted_here"]
