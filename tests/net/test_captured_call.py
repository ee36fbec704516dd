"""A whole call as Wireshark records it: whoever has all of it can't tell the PIN from the other 9,999.

Two boxes meet and talk; every frame on the LAN is recorded: mDNS, the relays, the handshake, the direct line,
STUN, DTLS, SRTP. The distinguisher knows everything but the password, and tries all 10,000 PINs. The same
boxes with a handshake that a careless protocol might have are the proof that it would find one.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "core"))

from net.boxes import Boxes
from net.capture import Capture
from net.namespaces import Lan, needs_namespaces
from pin_search import PINS, Recorded, find_pin, handshakes_in, secrets_of

from appliance.core.keys import Confirmed, expand

ROOM, PIN = 42, "4711"
NAMES = ("Lighthouse", "Boiler Room")
TESTS = Path(__file__).resolve().parent.parent
BYTES, DIGITS = (
    8,
    16,
)  # 64 bits, as they are or in hex: in a million places none of 10,000 PINs fits by chance
WEAK = f"""
import sys
sys.path.append({str(TESTS / "core")!r})
import appliance.core.handshake_frames
import pin_search
appliance.core.handshake_frames.Password = pin_search.WeakenedPassword
"""
"""What makes a box weak: it is imported by the interpreter when it starts."""


def call(tmp_path: Path, environment: dict[str, str]) -> Capture:
    """Two boxes meet, see each other's pictures for a while, and leave; all of it recorded."""
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        capture = Capture(lan, tmp_path / "call.pcap")
        with capture:
            a, b = (
                boxes.start(name, host=host, environment=environment)
                for name, host in zip(NAMES, lan.hosts, strict=True)
            )
            boxes.wait(lambda: a.sees(NAMES[1]) and b.sees(NAMES[0]))
            a.type(str(ROOM), PIN)
            b.type(str(ROOM), PIN)
            boxes.wait(
                lambda: all(p["drawn"] > 20 for box in (a, b) for p in box.stats()["peers"] or [{"drawn": 0}])
            )
            a.ask("leave")
            b.ask("leave")
    return capture


def frames_of(capture: Capture) -> list[str]:
    """Every text frame on any relay, once."""
    return list(dict.fromkeys(text for flow in capture.flows() for text in flow.texts))


def lines_of(capture: Capture) -> list[bytes]:
    """The first message of every direct line: R1."""
    return [flow.binaries[0] for flow in capture.flows() if flow.binaries and flow.binaries[0][:1] == b"\x01"]


def fits_line(recorded: Recorded, r1: bytes, pin: str) -> bool:
    """Would this PIN alone make the key under which a line was opened?"""
    for secret in secrets_of(recorded.room, pin):
        resume = Confirmed.derive(recorded.transcript, secret).keys.resume
        for key in (secret, resume):
            mac = hmac.digest(expand(key, b"line R1"), r1[:-32], "sha256")
            if mac == r1[-32:] or expand(key, b"line id", b"A")[:16] == r1[1:17]:
                return True
    return False


def derived(recorded: Recorded, pin: str) -> Iterator[bytes]:
    """What may be somewhere in a packet if it was computed from the PIN: keys, names, secrets of ICE."""
    for secret in secrets_of(recorded.room, pin):
        keys = Confirmed.derive(recorded.transcript, secret).keys
        for value in (secret, keys.a_to_b, keys.b_to_a, keys.resume, keys.bind):
            if len(value) >= 16:
                for digest in (value, hashlib.sha256(value).digest()):
                    yield digest[:BYTES]
                    yield digest.hex()[:DIGITS].encode()


def pins_in_packets(recorded: Recorded, capture: Capture) -> set[str]:
    """The PINs of which something derived is anywhere in any packet."""
    wanted: dict[bytes, str] = {}
    for pin in PINS:
        for value in derived(recorded, pin):
            wanted[value] = pin
    found = set()
    for packet in capture.packets():
        payload = packet.payload
        for size in (BYTES, DIGITS):
            places = (payload[at : at + size] for at in range(len(payload) - size + 1))
            found |= {wanted[place] for place in places if place in wanted}
    return found


@needs_namespaces
def test_no_pin_of_ten_thousand_fits_a_captured_call(tmp_path: Path) -> None:
    capture = call(tmp_path, {})
    frames, lines = frames_of(capture), lines_of(capture)
    recorded = list(handshakes_in(frames))
    assert recorded
    assert recorded[0].seals
    assert lines
    kinds = {_kind(packet.payload) for packet in capture.datagrams()}
    assert {"stun", "dtls", "srtp"} <= kinds
    for one in recorded:
        assert find_pin(one) == []
        assert [pin for pin in PINS for r1 in lines if fits_line(one, r1, pin)] == []
        assert pins_in_packets(one, capture) == set()
    for name in NAMES:  # mDNS tells it, and nothing else
        said = [p for p in capture.packets() if name.encode() in p.payload]
        assert {p.source[1] for p in said} == {5353}


@needs_namespaces
def test_the_same_distinguisher_finds_the_pin_of_a_weakened_handshake(tmp_path: Path) -> None:
    weak = tmp_path / "weak"
    weak.mkdir()
    (weak / "sitecustomize.py").write_text(WEAK)
    capture = call(tmp_path, {"PYTHONPATH": str(weak)})
    recorded = next(handshakes_in(frames_of(capture)))
    assert find_pin(recorded) == [PIN]
    assert {pin for pin in PINS for r1 in lines_of(capture) if fits_line(recorded, r1, pin)} == {PIN}


@pytest.mark.parametrize("place", [0, 777])
def test_something_derived_is_found_wherever_it_is(tmp_path: Path, place: int) -> None:
    recorded = Recorded(ROOM, bytes(32), b"", (), frozenset(), ())
    (value, *_) = derived(recorded, PIN)

    class Planted(Capture):
        def __init__(self) -> None:
            pass

        def packets(self):  # type: ignore[no-untyped-def]
            from net.capture import Packet

            yield Packet(17, ("10.0.0.1", 1), ("10.0.0.2", 2), 0, bytes(place) + value + b"end")

    assert pins_in_packets(recorded, Planted()) == {PIN}


def _kind(payload: bytes) -> str:
    """What a datagram is, by its first byte (RFC 7983)."""
    first = payload[0] if payload else 255
    for kind, low, high in (("stun", 0, 3), ("dtls", 20, 63), ("srtp", 128, 191)):
        if low <= first <= high:
            return kind
    return "other"
