"""Who relays and rewrites everything, but does not know the password, gets no media; people are told."""

from __future__ import annotations

import sys
from pathlib import Path

from net.boxes import Boxes, TestBox
from net.capture import Capture
from net.namespaces import Host, Lan, needs_namespaces

from appliance.app.sentences import REFUSAL, UNPROVEN

ROOM, PIN = "42", "7319"
NAMES = ("Lighthouse", "Boiler Room")


def only_the_middle(host: Host) -> None:
    """No mDNS, and nothing from the other box but what comes through the server in the middle."""
    script = (
        "add table inet t\nadd chain inet t c { type filter hook input priority 0; }\n"
        "add rule inet t c udp dport 5353 drop\nadd rule inet t c tcp dport 8787 ip saddr != "
        f"{host.address} drop\n"
    )
    host.run(["nft", "-f", "-"], input=script.encode(), check=True)


def start(lan: Lan, boxes: Boxes, folder: Path, how: str) -> tuple[TestBox, TestBox, Path]:
    """Two boxes that know of one server only, and it is the attacker's."""
    record, middle = folder / "seen.txt", lan.hosts[2]
    script = Path(__file__).with_name("man_in_the_middle.py")
    middle.popen([sys.executable, str(script), middle.address, "8787", "meetingbox", str(record), how])
    boxes.wait(lambda: record.exists() and "listening" in record.read_text())
    for host in lan.hosts[:2]:
        only_the_middle(host)
    url = f"ws://{middle.address}:8787"
    a, b = (boxes.start(name, host=host, servers=[url]) for name, host in zip(NAMES, lan.hosts, strict=False))
    return a, b, record


@needs_namespaces
def test_in_the_middle_of_the_handshake_both_read_that_joining_failed(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes, Capture(lan, tmp_path / "lan.pcap") as capture:
        a, b, record = start(lan, boxes, tmp_path, "handshake")
        a.type(ROOM, PIN)
        b.type(ROOM, PIN)
        for box in (a, b):
            boxes.wait(lambda box=box: box.status()["counters"].get("join.wrong-room-or-password") == 1)  # type: ignore[misc]
            boxes.wait(lambda box=box: box.status()["state"] == "idle")  # type: ignore[misc]
            assert box.peers() == {}
            assert REFUSAL in box.status()["says"]
    seen = set(record.read_text().split())
    assert {"Hello", "Challenge", "Proof"} <= seen
    assert not {"Accept", "Seal"} & seen
    assert capture.datagrams() == []  # no STUN, no DTLS, no media


@needs_namespaces
def test_between_a_member_and_a_joiner_the_one_is_refused_and_the_other_told(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes, Capture(lan, tmp_path / "lan.pcap") as capture:
        a, b, record = start(lan, boxes, tmp_path, "member")
        a.type(ROOM, PIN)
        boxes.wait(lambda: a.status()["state"] == "in-call")
        b.type(ROOM, PIN)
        boxes.wait(lambda: REFUSAL in b.status()["says"])
        boxes.wait(lambda: any("wrong password" in sentence for sentence in a.status()["says"]))
        boxes.wait(lambda: b.status()["state"] == "idle")
        assert a.peers() == b.peers() == {}
        assert a.status()["counters"]["join.wrong-proof"] == 1
    seen = set(record.read_text().split())
    assert {"Hello", "Challenge", "Proof", "Reject"} <= seen  # to the very end, where the password decides
    assert not {"Accept", "Seal"} & seen
    assert capture.datagrams() == []


@needs_namespaces
def test_in_the_middle_of_the_seals_no_media_flows_and_both_are_told(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes, Capture(lan, tmp_path / "lan.pcap") as capture:
        a, b, record = start(lan, boxes, tmp_path, "seals")
        a.type(ROOM, PIN)
        b.type(ROOM, PIN)
        for box in (a, b):
            boxes.wait(lambda box=box: box.status()["counters"].get("peer.unproven", 0) >= 1)  # type: ignore[misc]
            assert box.status()["counters"]["seal.tampered"] >= 1
            assert box.peers() == {}
            assert UNPROVEN in box.status()["says"]
    assert "Seal" in record.read_text().split()
    assert capture.datagrams() == []
