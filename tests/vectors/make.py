"""Makes ``protocol.json``: ``python tests/vectors/make.py``. A test checks that the file is current.

Every random byte is the output of SHA-256 over a counter under a name, so that a second
implementation can take the inputs from the file and must arrive at the same frames and keys.
Bytes are hex; frames are the JSON text as it goes over a relay.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.core import messages as m
from appliance.core import recognition as rec
from appliance.core.channel import SealedChannel, bind_mac
from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import Proven, SendFrame
from appliance.core.identity import BoxIdentity, PeerKey
from appliance.core.introduction import Acquaintance, Carry, Host, Introductions
from appliance.core.line import LineAnswerer, LineDialer
from appliance.core.line_secrets import LineSecrets

FILE = Path(__file__).with_name("protocol.json")
ROOM, PASSWORD = 42, "pa\u0308ss 4711"  # decomposed on purpose: NFC makes one character of two
NOW = 1000.0


class Stream:
    """Deterministic random bytes that also keeps what it gave, in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.given: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            seed = f"meetingbox {self.name} {len(self.given)} {len(data)}"
            data += hashlib.sha256(seed.encode()).digest()
        self.given.append(data[:size])
        return data[:size]


def _sent(effects: list[Any]) -> str:
    (frame,) = [effect.text for effect in effects if isinstance(effect, SendFrame)]
    return str(frame)


def _proven(effects: list[Any]) -> Proven:
    (proven,) = [effect for effect in effects if isinstance(effect, Proven)]
    return proven


def _keys(proven: Proven) -> dict[str, str]:
    names = ("transcript", "a_to_b", "b_to_a", "resume", "bind")
    return {name: getattr(proven.keys, name).hex() for name in names}


def handshake() -> tuple[dict[str, Any], Proven]:
    """One joiner and one member."""
    random_a, random_b = Stream("joiner"), Stream("member")
    joiner = Handshakes(ROOM, PASSWORD, NOW, random_a)
    member = Handshakes(ROOM, PASSWORD, NOW, random_b)
    hello = joiner.hello()
    challenge = _sent(member.receive("relay", "joiner", hello, NOW))
    proof = _sent(joiner.receive("relay", "member", challenge, NOW))
    done_b = member.receive("relay", "joiner", proof, NOW)
    accept = _sent(done_b)
    done_a = joiner.receive("relay", "member", accept, NOW)
    assert _keys(_proven(done_a)) == _keys(_proven(done_b))
    vector = {
        "room": ROOM,
        "password": PASSWORD,
        "joiner_random": [data.hex() for data in random_a.given],
        "member_random": [data.hex() for data in random_b.given],
        "joiner_id": joiner.peer_id,
        "member_id": member.peer_id,
        "hello": hello,
        "challenge": challenge,
        "proof": proof,
        "accept": accept,
        "keys": _keys(_proven(done_a)),
    }
    return vector, _proven(done_a)


def sealed(proven: Proven) -> dict[str, Any]:
    """The first frames each way, and the bind MAC."""
    box = BoxIdentity.generate(Stream("box"))
    a, b = (SealedChannel.of_pair(proven.keys, role, NOW) for role in "AB")
    identity = m.encode_sealed(
        m.Identity.signed(box, "Bridge", "A", proven.keys.transcript, ("192.168.1.7",), 8787)
    )
    roster = m.encode_sealed(m.Roster(peers=["00" * 16, "ff" * 16]))
    door = m.encode_sealed(m.Door.signed(box, "Bridge", ROOM, bytes(range(16)), 3, True, 600_000))
    fingerprints = (":".join(["0A"] * 32), ":".join(["FF"] * 32))
    return {
        "box_seed": box.to_bytes().hex(),
        "box_id": box.box_id_hex,
        "a_to_b": [{"plaintext": p.decode(), "frame": a.seal(p).hex()} for p in (identity, roster)],
        "b_to_a": [{"plaintext": p.decode(), "frame": b.seal(p).hex()} for p in (door,)],
        "bind": {
            "role": "A",
            "generation": 1,
            "sender_fingerprint": fingerprints[0],
            "receiver_fingerprint": fingerprints[1],
            "sender_ufrag": "aaaa",
            "receiver_ufrag": "bbbb",
            "mac": bind_mac(proven.keys.bind, "A", 1, fingerprints, ("aaaa", "bbbb")).hex(),
        },
    }


def line(proven: Proven) -> dict[str, Any]:
    """A dials B."""
    box_a, box_b = BoxIdentity.generate(Stream("box")), BoxIdentity.generate(Stream("other box"))
    secrets_a, secrets_b = LineSecrets(), LineSecrets()
    secrets_a.remember("b", "A", proven.keys.resume, box_b.public_key, NOW)
    secrets_b.remember("a", "B", proven.keys.resume, box_a.public_key, NOW)
    random_a, random_b = Stream("dialer"), Stream("answerer")
    (secret,) = secrets_a.candidates("b", NOW)
    dialer = LineDialer(secrets_a, "b", secret, box_a, random_a)
    answerer = LineAnswerer(secrets_b, box_b, random_b)
    r1 = dialer.start()
    (r2,) = answerer.receive(r1, NOW)
    r3, s1 = dialer.receive(r2, NOW)
    assert answerer.receive(r3, NOW) == []
    (s2,) = answerer.receive(s1, NOW)
    assert dialer.receive(s2, NOW) == []
    return {
        "resume": proven.keys.resume.hex(),
        "dialer_role": "A",
        "dialer_random": [data.hex() for data in random_a.given],
        "answerer_random": [data.hex() for data in random_b.given],
        "dialer_box_seed": box_a.to_bytes().hex(),
        "answerer_box_seed": box_b.to_bytes().hex(),
        "r1": r1.hex(),
        "r2": r2.hex(),
        "r3": r3.hex(),
        "s1": s1.hex(),
        "s2": s2.hex(),
        "transcript": dialer.keys.transcript.hex(),
        "next_resume": dialer.keys.resume.hex(),
        "first_frame": {"plaintext": "hello", "frame": dialer.channel.seal(b"hello").hex()},
    }


def recognition(proven: Proven) -> dict[str, Any]:
    """Two boxes that met: the tags of a later hello, and of the challenge that answers it."""
    key = rec.acquaintance_key(proven.keys.resume)
    box_a, box_b = BoxIdentity.generate(Stream("box")), BoxIdentity.generate(Stream("other box"))
    random_a, random_b = Stream("joiner again"), Stream("member again")
    joiner = Handshakes(ROOM, PASSWORD, NOW, random_a, None, None, (rec.MetBox(box_b.box_id_hex, key),))
    member = Handshakes(ROOM, PASSWORD, NOW, random_b, None, None, (rec.MetBox(box_a.box_id_hex, key),))
    hello = joiner.hello()
    return {
        "resume": proven.keys.resume.hex(),
        "acquaintance_key": key.hex(),
        "joiner_random": [data.hex() for data in random_a.given],
        "hello": hello,
        "challenge": _sent(member.receive("relay", "joiner", hello, NOW)),
        "member_random": [data.hex() for data in random_b.given],
    }


def introduction() -> dict[str, Any]:
    """A carrier introduces two members; the one with the smaller peer id asks."""
    seeds = sorted((bytes([n]) * 32 for n in (1, 2)), key=lambda seed: PeerKey(seed).peer_id)
    carrier = PeerKey(bytes([3]) * 32).peer_id
    sides = []
    for name, seed in zip(("asker", "answerer"), seeds, strict=True):
        box, random = BoxIdentity.generate(Stream(f"{name} box")), Stream(name)
        machine = Introductions(ROOM, PeerKey(seed), box, random, lambda *_: True)
        sides.append((seed, box, random, machine, Host(name, ("192.168.1.7", "fd00::7"), 8787)))
    (seed_a, box_a, random_a, asker, host_a), (seed_b, box_b, random_b, answerer, host_b) = sides
    asked = asker.ask(PeerKey(seed_b).peer_id, carrier, host_a, NOW).message
    (replied,) = answerer.heard(carrier, asked, host_b, NOW)
    assert isinstance(replied, Carry)
    confirmed, one = asker.heard(carrier, replied.message, host_a, NOW)
    assert isinstance(confirmed, Carry)
    assert isinstance(one, Acquaintance)
    (other,) = answerer.heard(carrier, confirmed.message, host_b, NOW)
    assert isinstance(other, Acquaintance)
    assert one.keys == other.keys
    names = ("transcript", "a_to_b", "b_to_a", "resume", "bind")
    return {
        "room": ROOM,
        "asker_join_seed": seed_a.hex(),
        "answerer_join_seed": seed_b.hex(),
        "asker_box_seed": box_a.to_bytes().hex(),
        "answerer_box_seed": box_b.to_bytes().hex(),
        "asker_random": [data.hex() for data in random_a.given],
        "answerer_random": [data.hex() for data in random_b.given],
        "introduce": m.encode_sealed(asked).decode(),
        "introduce_reply": m.encode_sealed(replied.message).decode(),
        "introduce_confirm": m.encode_sealed(confirmed.message).decode(),
        "keys": {name: getattr(one.keys, name).hex() for name in names},
    }


def _resigned_challenge(good: dict[str, Any], change: Callable[[bytes], bytes]) -> str:
    """The challenge with another share, rightly signed by the member."""
    key = PeerKey(bytes.fromhex(good["member_random"][0]))
    hello = m.decode_outer(good["hello"])
    frame = m.decode_outer(good["challenge"])
    assert isinstance(hello, m.Hello)
    assert isinstance(frame, m.Challenge)
    y = change(frame.y)
    stated = m.Challenge.statement(hello.stated, frame.to, frame.epk, frame.nonce, y, frame.tag)
    return m.encode_outer(
        m.Challenge(to=frame.to, epk=frame.epk, nonce=frame.nonce, y=y, tag=frame.tag, sig=key.sign(stated))
    )


def _changed(text: str, field: str, value: object) -> str:
    return json.dumps({**json.loads(text), field: value}, separators=(",", ":"))


def _flipped(text: str, field: str) -> str:
    data = bytearray(base64.b64decode(json.loads(text)[field]))
    data[-1] ^= 1
    return _changed(text, field, base64.b64encode(data).decode())


def broken(good: dict[str, Any]) -> list[dict[str, str]]:
    """Frames that must be refused with the code when they come instead of the right one."""
    hello, challenge, proof, accept = (good[name] for name in ("hello", "challenge", "proof", "accept"))
    y = base64.b64decode(json.loads(challenge)["y"])
    two_253 = (2**253).to_bytes(32, "little")
    p = 2**255 - 19
    cases = [
        ("hello", "a truncated frame", hello[:-20], "outer.malformed"),
        ("hello", "bytes after the frame", hello + "x", "outer.malformed"),
        ("hello", "an unknown type", _changed(hello, "type", "hallo"), "outer.malformed"),
        ("hello", "an unknown field", _changed(hello, "extra", 1), "outer.malformed"),
        ("hello", "another version", _changed(hello, "v", 2), "hello.version"),
        ("hello", "another room", _changed(hello, "room", 43), "hello.room"),
        ("hello", "a flipped bit in the nonce", _flipped(hello, "nonce"), "hello.signature"),
        ("hello", "a flipped bit in the signature", _flipped(hello, "sig"), "hello.signature"),
        ("hello", "another one-time key", _flipped(hello, "epk"), "hello.signature"),
        ("hello", "a flipped bit in the tags", _flipped(hello, "tags"), "hello.signature"),
        ("challenge", "a flipped bit in the tag", _flipped(challenge, "tag"), "challenge.signature"),
        ("challenge", "a flipped bit in the share", _flipped(challenge, "y"), "challenge.signature"),
        ("challenge", "a share of 32 bytes", _changed(challenge, "y", _b64(y[:-1])), "outer.malformed"),
        ("challenge", "a share of 34 bytes", _changed(challenge, "y", _b64(y + b"\0")), "outer.malformed"),
        (
            "challenge",
            "the wrong side byte",
            _resigned_challenge(good, lambda y: b"A" + y[1:]),
            "share.point",
        ),
        ("challenge", "the identity", _resigned_challenge(good, lambda _: b"B\1" + bytes(31)), "share.point"),
        (
            "challenge",
            "a point of order 2",
            _resigned_challenge(good, lambda _: b"B" + (p - 1).to_bytes(32, "little")),
            "share.point",
        ),
        (
            "challenge",
            "a non-canonical encoding (y = p + 3)",
            _resigned_challenge(good, lambda _: b"B" + (p + 3).to_bytes(32, "little")),
            "share.point",
        ),
        (
            "challenge",
            "bytes that are no point of the subgroup",
            _resigned_challenge(good, lambda _: b"B" + two_253),
            "share.point",
        ),
        ("proof", "a flipped bit in the share", _flipped(proof, "x"), "proof.signature"),
        ("proof", "a flipped bit in the confirmation", _flipped(proof, "confirm"), "proof.signature"),
        ("accept", "a flipped bit in the confirmation", _flipped(accept, "confirm"), "accept.signature"),
    ]
    return [
        {"instead_of": step, "what": what, "frame": frame, "code": code} for step, what, frame, code in cases
    ]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def make() -> dict[str, Any]:
    good, proven = handshake()
    return {
        "about": "Vectors of docs/protocol.md, made by tests/vectors/make.py. Bytes are hex.",
        "handshake": good,
        "sealed": sealed(proven),
        "line": line(proven),
        "introduction": introduction(),
        "recognition": recognition(proven),
        "broken": broken(good),
    }


def text() -> str:
    return json.dumps(make(), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
