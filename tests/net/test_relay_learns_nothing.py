"""Everything that a signaling server relays during a call, searched as an eavesdropper would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

import relay_search
from net.boxes import Boxes
from net.namespaces import Lan, needs_namespaces

ROOM = "42"
PIN = "7319"
PINS = [f"{n:04d}" for n in range(7300, 7340)]  # the true one among forty: each costs hundreds of hashes
NAMES = ("Lighthouse", "Boiler Room")


def no_multicast(lan: Lan) -> None:
    """Boxes that can't find each other must go through the server they are told."""
    for host in lan.hosts:
        for rule in (
            ["add", "table", "inet", "t"],
            ["add", "chain", "inet", "t", "c", "{ type filter hook input priority 0; }"],
            ["add", "rule", "inet", "t", "c", "udp", "dport", "5353", "drop"],
        ):
            host.run(["nft", *rule], check=True)


@needs_namespaces
def test_a_relay_learns_nothing_but_ids_keys_and_sizes(tmp_path: Path) -> None:
    record = tmp_path / "relayed.txt"
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        no_multicast(lan)
        relay = lan.hosts[2]
        script = Path(__file__).with_name("relay_process.py")
        relay.popen([sys.executable, str(script), relay.address, "8787", "meetingbox", str(record)])
        boxes.wait(lambda: record.exists() and "listening" in record.read_text())
        url = f"ws://{relay.address}:8787"
        a, b = (
            boxes.start(name, host=host, servers=[url]) for name, host in zip(NAMES, lan.hosts, strict=False)
        )
        a.type(ROOM, PIN)
        b.type(ROOM, PIN)
        boxes.wait(lambda: bool(a.drawn() and b.drawn()))
        ids = [box.status()["id"] for box in (a, b)]
        logs = a.log() + b.log()
        a.ask("leave")
        b.ask("leave")
    frames = [json.loads(line) for line in record.read_text().splitlines() if line.startswith('"')]

    kinds = [json.loads(frame)["type"] for frame in frames]
    assert {"hello", "challenge", "proof", "accept", "seal"} <= set(kinds)
    assert relay_search.plaintext(frames, [*NAMES, *ids, *(host.address for host in lan.hosts[:2])]) == []
    prefixes = (b"", ROOM.encode(), b"mb1", b"mb1" + ROOM.encode())
    assert relay_search.pin_found(frames, PINS, prefixes) is None
    assert PIN not in logs

    # The same search finds what is planted among the very same frames.
    planted = base64.b64encode(b"v=0\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n").decode()
    assert "a=candidate" in relay_search.plaintext(
        [*frames, json.dumps({"type": "offer", "sdp": planted})], []
    )
    nonce = base64.b64decode(json.loads(frames[kinds.index("hello")])["nonce"])
    weak = hmac.digest(hmac.digest(nonce, PIN.encode(), "sha256"), b"\x01", hashlib.sha256)
    weakened = json.dumps({"type": "proof", "confirm": base64.b64encode(weak).decode()})
    assert relay_search.pin_found([*frames, weakened], PINS, prefixes) == PIN
