"""Broken networks heal by themselves, and nobody types a password again.

Times that the issue of a fault promises are looked at by ``./dev bench faults``; here it is that they
heal at all, within a patience that a busy machine needs.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from net.boxes import Boxes, TestBox
from net.namespaces import Host, Lan, needs_namespaces

from appliance.core import limits

pytestmark = needs_namespaces

NAMES = ("Bridge", "Galley", "Library", "Saloon")
PATIENCE = 15.0


def meet(boxes: Boxes, members: list[TestBox]) -> None:
    """Have every member see every other one."""
    names = {box.name for box in members}
    boxes.wait(lambda: all(box.sees(*(names - {box.name})) for box in members))
    for box in members:
        box.ask("join", room=42, password="731946")
    boxes.wait(lambda: whole(members))
    boxes.wait(lambda: all(peer["line"] == "up" for box in members for peer in box.stats()["peers"]))


def whole(members: list[TestBox]) -> bool:
    """Is every member live with every other one?"""
    names = {box.name for box in members}
    return all(box.peers() == dict.fromkeys(names - {box.name}, "live") for box in members)


def peer(box: TestBox, name: str) -> dict[str, Any]:
    """What one box says about another."""
    (found,) = [peer for peer in box.stats()["peers"] if peer["name"] == name]
    return found


def seen(box: TestBox) -> set[str]:
    """The addresses at which a box sees others."""
    return {other["address"] for other in box.status()["boxes"] if other["present"]}


def close_door(boxes: Boxes, members: list[TestBox]) -> None:
    members[0].ask("allow-joining", state="off")
    boxes.wait(lambda: not any(box.status()["joining"]["open"] for box in members))


def block_udp(host: Host, other: Host) -> None:
    """Let no UDP pass between two hosts."""
    host.run(["nft", "add", "table", "inet", "t"], check=True)
    for hook, direction in (("input", "saddr"), ("output", "daddr")):
        chain = f"{{ type filter hook {hook} priority 0; }}"
        host.run(["nft", "add", "chain", "inet", "t", hook, chain], check=True)
        rule = ["ip", direction, other.address, "meta", "l4proto", "udp", "drop"]
        host.run(["nft", "add", "rule", "inet", "t", hook, *rule], check=True)


def unblock_udp(host: Host) -> None:
    host.run(["nft", "delete", "table", "inet", "t"], check=True)


def test_a_cable_that_was_out_for_longer_than_a_tile_stays_heals_with_the_door_closed(
    tmp_path: Path,
) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b, c = members = boxes.start_all(NAMES[:3], lan.hosts)
        meet(boxes, members)
        close_door(boxes, members)
        before = peer(a, "Galley")["generation"]

        lan.hosts[2].unplug()
        boxes.wait(lambda: a.peers().get("Library") == b.peers().get("Library") == "reconnecting", 6.0)
        boxes.wait(lambda: "Library" not in a.peers() and "Library" not in b.peers(), limits.GONE_AFTER + 5)
        boxes.wait(lambda: c.peers() == {}, 5.0)
        assert peer(a, "Library")["state"] == peer(c, "Bridge")["state"] == "away"
        time.sleep(5)
        lan.hosts[2].plug()
        boxes.wait(lambda: whole(members), PATIENCE)
        assert a.status()["counters"]["peer.returned"] == 1
        assert peer(a, "Galley")["generation"] == before  # nobody else was disturbed


def test_two_halves_that_were_cut_off_from_each_other_are_one_meeting_again(tmp_path: Path) -> None:
    with Lan(4) as lan, Boxes(tmp_path) as boxes:
        a, b, c, d = members = boxes.start_all(NAMES, lan.hosts)
        meet(boxes, members)
        lan.switch("link", "add", "br1", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
        lan.switch("link", "set", "br1", "up")
        for number in (3, 4):
            lan.switch("link", "set", f"p{number}", "master", "br1")
        apart = {"Library": "reconnecting", "Saloon": "reconnecting"}
        boxes.wait(lambda: a.peers() == {"Galley": "live", **apart}, 6.0)
        assert (c.peers()["Saloon"], d.peers()["Library"]) == ("live", "live")
        a.ask("allow-joining", state="off")  # the other half can't know
        boxes.wait(lambda: not b.status()["joining"]["open"])
        assert c.status()["joining"]["open"]
        time.sleep(12)
        for number in (3, 4):
            lan.switch("link", "set", f"p{number}", "master", "br0")
        boxes.wait(lambda: whole(members), PATIENCE)
        boxes.wait(lambda: not any(box.status()["joining"]["open"] for box in members), 5.0)


def test_a_box_with_a_new_address_is_with_the_others_before_its_tile_says_anything(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b, c = members = boxes.start_all(NAMES[:3], lan.hosts)
        meet(boxes, members)
        host = lan.hosts[1]
        before = {box.name: peer(box, "Galley")["generation"] for box in (a, c)}
        drawn = {box.name: peer(box, "Galley")["drawn"] for box in (a, c)}
        host.remove_address(f"{host.address}/24")
        host.add_address("10.77.0.99/24")

        def moved() -> bool:
            return all(
                now["generation"] is not None
                and now["generation"] > before[box.name]
                and now["drawn"] > drawn[box.name] + 15
                for box in (a, c)
                for now in (peer(box, "Galley"),)
            )

        boxes.wait(moved, PATIENCE)
        assert whole(members)
        assert b.status()["counters"].get("peer.vanished", 0) == 0
        boxes.wait(lambda: "10.77.0.99" in seen(a), PATIENCE)  # mDNS says so as well: newcomers find it


def test_a_way_without_udp_is_shown_and_heals_when_it_is_free_again(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b, c = members = boxes.start_all(NAMES[:3], lan.hosts)
        meet(boxes, members)
        block_udp(lan.hosts[1], lan.hosts[2])
        boxes.wait(lambda: b.peers()["Library"] == c.peers()["Galley"] == "reconnecting", 6.0)
        assert a.peers() == {"Galley": "live", "Library": "live"}
        assert peer(b, "Library")["line"] == "up"
        time.sleep(6)
        unblock_udp(lan.hosts[1])
        boxes.wait(lambda: whole(members), PATIENCE)


def test_two_that_never_met_are_introduced_by_a_third_behind_a_closed_door(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b, c = members = boxes.start_all(NAMES[:3], lan.hosts)
        meet(boxes, [a, b])
        lan.hosts[1].silence()
        boxes.wait(lambda: a.peers() == {"Galley": "reconnecting"}, 6.0)
        boxes.wait(lambda: c.sees("Bridge"))
        c.ask("join", room=42, password="731946")
        boxes.wait(lambda: a.peers().get("Library") == "live")
        close_door(boxes, [a, c])
        lan.hosts[1].unsilence()
        boxes.wait(lambda: whole(members), 2 * PATIENCE)
        met = [box.status()["counters"].get("introduction.met", 0) for box in (b, c)]
        assert met == [1, 1]
        assert not any(box.status()["joining"]["open"] for box in members)
