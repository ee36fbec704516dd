"""Which layer a box sends: hidden tiles, a small uplink, a lossy link; with the other box's camera in it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from net.boxes import Boxes, TestBox
from net.namespaces import Host, Lan, needs_namespaces

PASSWORD = f"{os.getpid() + 7:06}"  # boxes of another run on this machine are in another meeting


def sending(box: TestBox) -> dict[str, dict[str, Any]]:
    """What of its pictures each peer of this box gets, by name."""
    return {peer["name"]: peer["sending"] for peer in box.status()["peers"]}


def encoders(box: TestBox) -> int:
    open_: int = box.stats()["camera"]["encoders_open"]
    return open_


def came(box: TestBox) -> list[tuple[int, int]]:
    """Per peer: video packets that came, pictures drawn."""
    return [(peer["link"]["packets_received"], peer["drawn"]) for peer in box.stats()["peers"]]


def test_with_every_tile_hidden_nothing_is_encoded_sent_or_drawn(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.type("61", PASSWORD)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        assert sending(a)["Galley"] == {"layer": "M", "wanted": "M", "cap": "H", "capped_by": ""}
        assert encoders(a) == encoders(b) == 1

        a.ask("tiles", state="hide")  # b is not watched any more, a still is
        boxes.wait(lambda: encoders(b) == 0)
        assert sending(b)["Bridge"]["layer"] == sending(b)["Bridge"]["wanted"] == ""
        before = came(a)
        drawn = came(b)[0][1]
        boxes.wait(lambda: came(b)[0][1] > drawn + 10)
        assert came(a) == before

        b.ask("tiles", state="hide")
        boxes.wait(lambda: encoders(a) == 0)
        still = came(a), came(b)
        time.sleep(1.0)
        assert (came(a), came(b)) == still
        assert a.peers() == {"Galley": "live"}

        a.ask("tiles", state="show")
        boxes.wait(lambda: came(a)[0][1] > before[0][1] + 5)
        assert encoders(a) == 0
        b.ask("tiles", state="show")
        boxes.wait(lambda: encoders(a) == 1)
        assert "Traceback" not in a.log() + b.log()


def test_a_key_hides_the_pictures_and_a_button_brings_them_back(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.type("61", PASSWORD)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        a.ask("tiles", state="hide")
        boxes.wait(lambda: encoders(b) == 0)
        a.press("back", "back", *["left"] * 5, "ok")  # the focus is on "leave" after the first; then "layout"
        boxes.wait(lambda: encoders(b) == 1)
        drawn = came(a)[0][1]
        boxes.wait(lambda: came(a)[0][1] > drawn)


def test_an_uplink_that_is_too_small_makes_pictures_smaller_and_says_so(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        thin = boxes.start("Thin", uplink_kbps=1000)
        others = [boxes.start("First"), boxes.start("Second")]
        boxes.wait(lambda: thin.sees("First", "Second"))
        thin.type("61", PASSWORD)
        for box in others:  # one after the other: who came first keeps the larger picture
            box.type("61", PASSWORD)
            boxes.wait(lambda: box.name in thin.drawn())  # noqa: B023 - called before the next one
        for box in others:
            box.ask("layout", layout="speaker")
            box.ask("peer", peer="Thin", action="pin")
        boxes.wait(lambda: {s["wanted"] for s in sending(thin).values()} == {"M"})
        boxes.wait(lambda: sending(thin)["First"]["layer"] == "M")
        assert sending(thin)["First"]["capped_by"] == ""
        assert sending(thin)["Second"] == {"layer": "L", "wanted": "M", "cap": "H", "capped_by": "uplink"}
        boxes.wait(lambda: {p["name"]: p["layer"] for p in others[1].status()["peers"]}["Thin"] == "L")
        others[0].ask("tiles", state="hide")
        boxes.wait(lambda: sending(thin)["Second"]["layer"] == "M")


@needs_namespaces
def test_a_link_that_loses_packets_gets_a_smaller_layer_and_the_larger_one_back(tmp_path: Path) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"), lan.hosts)
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.type("61", PASSWORD)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        assert sending(a)["Galley"]["layer"] == "M"

        nft(lan.hosts[1], "add table inet lossy")
        nft(lan.hosts[1], "add chain inet lossy input { type filter hook input priority 0 ; }")
        nft(lan.hosts[1], "add rule inet lossy input udp dport > 1024 numgen random mod 100 < 45 drop")
        boxes.wait(lambda: sending(a)["Galley"]["capped_by"] == "loss", 15)
        boxes.wait(lambda: sending(a)["Galley"]["layer"] == "L", 15)
        assert sending(a)["Galley"]["wanted"] == "M"
        boxes.wait(lambda: {p["layer"] for p in b.status()["peers"]} == {"L"}, 15)
        assert sending(b)["Bridge"]["layer"] == "M"  # the other direction is whole
        nft(lan.hosts[1], "delete table inet lossy")
        boxes.wait(lambda: sending(a)["Galley"]["layer"] == "M", 40)
        boxes.wait(lambda: {p["layer"] for p in b.status()["peers"]} == {"M"}, 15)


def nft(host: Host, command: str) -> None:
    """Change the firewall of a host."""
    host.run(["nft", command], check=True)
