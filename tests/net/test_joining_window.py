"""The joining window, between whole boxes."""

from __future__ import annotations

import os
from pathlib import Path

from net.boxes import Boxes
from net.namespaces import Lan, needs_namespaces

PASSWORD = f"{os.getpid():06d}"  # another test on this loopback may use the same room


def test_a_closed_door_keeps_newcomers_out_until_any_member_opens_it(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b, c = boxes.start_all(("Bridge", "Galley", "Library"))
        boxes.wait(lambda: a.sees("Galley", "Library") and b.sees("Bridge", "Library"))
        a.type("9", PASSWORD)
        b.type("9", PASSWORD)
        boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"})
        assert a.status()["joining"]["open"]
        assert 500 < a.status()["joining"]["closes_in_s"] <= 600

        a.ask("allow-joining", state="off")
        boxes.wait(lambda: not a.status()["joining"]["open"] and not b.status()["joining"]["open"])
        boxes.wait(lambda: c.sees("Bridge", "Galley"))
        c.type("9", PASSWORD)
        boxes.wait(lambda: c.status()["state"] == "in-call")
        assert (a.peers(), b.peers(), c.peers()) == ({"Galley": "live"}, {"Bridge": "live"}, {})

        b.ask("allow-joining", state="on")  # another member than the one that closed it
        everybody = {"Bridge", "Galley", "Library"}
        boxes.wait(lambda: all(box.drawn() == everybody - {box.name} for box in (a, b, c)))


@needs_namespaces
def test_a_member_that_was_out_of_reach_learns_on_its_return_how_the_door_is(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        a, b, c = boxes.start_all(("Bridge", "Galley", "Library"), lan.hosts)
        boxes.wait(lambda: all(len([x for x in d.status()["boxes"] if x["present"]]) == 2 for d in (a, b, c)))
        for box in (a, b, c):
            box.ask("join", room=9, password=PASSWORD)
        boxes.wait(lambda: all(len(box.drawn()) == 2 for box in (a, b, c)))
        lan.hosts[2].unplug()
        boxes.wait(lambda: a.peers()["Library"] == "reconnecting")
        a.ask("allow-joining", state="off")
        boxes.wait(lambda: not b.status()["joining"]["open"])
        assert c.status()["joining"]["open"]  # nobody could tell it
        lan.hosts[2].plug()
        boxes.wait(lambda: not c.status()["joining"]["open"], 20.0)

        lan.hosts[0].unplug()
        boxes.wait(lambda: b.peers()["Bridge"] == "reconnecting")
        c.ask("allow-joining", state="on")  # by another one than the one that closed it
        boxes.wait(lambda: b.status()["joining"]["open"])
        assert not a.status()["joining"]["open"]
        lan.hosts[0].plug()
        boxes.wait(lambda: a.status()["joining"]["open"], 20.0)
        left = [box.status()["joining"]["closes_in_s"] for box in (a, b, c)]
        assert max(left) - min(left) < 2.0  # one deadline for all


def test_a_peer_that_a_person_closes_is_gone_on_both_screens(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.type("9", PASSWORD)
        b.type("9", PASSWORD)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        a.ask("peer", peer="Galley", action="close")
        boxes.wait(lambda: a.peers() == {} and b.peers() == {})
        assert a.status()["state"] == b.status()["state"] == "in-call"


def test_what_a_script_switches_off_the_others_see(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(("Bridge", "Galley"))
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.type("9", PASSWORD)
        b.type("9", PASSWORD)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        a.ask("mute", state="on")
        boxes.wait(lambda: b.status()["peers"][0]["muted"])
        heard = b.stats()["peers"][0]["link"]["sounds_received"]
        a.ask("camera", state="off")
        boxes.wait(lambda: a.stats()["camera"]["encoders_open"] == 0)
        seen = b.stats()["peers"][0]["drawn"]
        assert b.stats()["peers"][0]["link"]["sounds_received"] - heard <= 2
        a.ask("camera", state="on")
        a.ask("mute", state="off")
        boxes.wait(lambda: b.stats()["peers"][0]["drawn"] > seen + 10)
        boxes.wait(lambda: b.stats()["peers"][0]["link"]["sounds_received"] > heard + 25)
