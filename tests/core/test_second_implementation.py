"""Another implementation of docs/protocol.md, in small: it shares no line with the first, and agrees with it.

Written from the document alone, with the standard library, ``cryptography`` for the primitives and a plain
Edwards curve for SPAKE2. It takes the files of ``tests/vectors`` as an outsider would: from the inputs of
``protocol.json`` it must arrive at every frame and key, and refuse what is in ``refusals.json``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
import struct
import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FOLDER = Path(__file__).parent.parent / "vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / "protocol.json").read_text())
REFUSALS: list[dict[str, Any]] = json.loads((FOLDER / "refusals.json").read_text())["refusals"]
HANDSHAKE, LINE, SEALED = VECTORS["handshake"], VECTORS["line"], VECTORS["sealed"]

# --- Ed25519's curve: -x^2 + y^2 = 1 + d x^2 y^2 ------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def decode(data: bytes) -> Point:
    value = int.from_bytes(data, "little")
    sign, y = value >> 255, value & (2**255 - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - x2) % P == 0, "not on the curve"
    return (P - x if x & 1 != sign else x, y)


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def times(scalar: int, point: Point) -> Point:
    total = (0, 1)
    for bit in bin(scalar % L)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


BASE = decode(bytes.fromhex("58" + "66" * 31))
M = decode(bytes.fromhex("15cfd18e385952982b6a8f8c7854963b58e34388c8e6dae891db756481a02312"))
N = decode(bytes.fromhex("f04f2e7eb734b2a8f8b472eaf9c3c632576ac64aea650b496a8a20ff00e583c3"))

# --- the notation of the document ------------------------------------------------------------------------


def lp(*items: bytes | str) -> bytes:
    raw = [item.encode() if isinstance(item, str) else item for item in items]
    return b"".join(struct.pack(">I", len(item)) + item for item in raw)


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def expand(prk: bytes, *label: bytes | str) -> bytes:
    return mac(prk, lp("mb1", *label) + b"\x01")


def b64(frame: str, name: str) -> bytes:
    return base64.b64decode(json.loads(frame)[name])


def signed_by(key: bytes, signature: bytes, statement: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, statement)
    except InvalidSignature:
        return False
    return True


def public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


# --- the handshake -------------------------------------------------------------------------------------


def statements() -> tuple[bytes, bytes]:
    """Those of the hello and of the challenge."""
    hello = lp(
        "mb1/hello",
        b"\x01",
        struct.pack(">H", HANDSHAKE["room"]),
        b64(HANDSHAKE["hello"], "epk"),
        b64(HANDSHAKE["hello"], "nonce"),
        b64(HANDSHAKE["hello"], "tags"),
    )
    frame = HANDSHAKE["challenge"]
    joiner = bytes.fromhex(HANDSHAKE["joiner_id"])
    fields = [b64(frame, name) for name in ("epk", "nonce", "y", "tag")]
    challenge = lp("mb1/challenge", hello, joiner, *fields)
    return hello, challenge


def scalar(drawn: list[str]) -> int:
    """The one that a side drew for SPAKE2: the only 64 bytes that it draws."""
    (found,) = [bytes.fromhex(data) for data in drawn if len(data) == 128]
    return int.from_bytes(found, "big") % L


def spake2() -> tuple[bytes, bytes, bytes]:
    """X, Y and K, from the password and the random bytes of the file."""
    hello, _ = statements()
    text = unicodedata.normalize("NFC", HANDSHAKE["password"]).encode()
    password = lp("mb1", struct.pack(">H", HANDSHAKE["room"]), text)
    member = h(b64(HANDSHAKE["challenge"], "epk"))[:16]
    id_a, id_b = h(hello), h(lp("mb1/member", member, b64(HANDSHAKE["challenge"], "nonce")))
    raw = HKDF(SHA256(), 48, b"", b"SPAKE2 pw").derive(password)
    w = int.from_bytes(raw, "big") % L
    x, y = (scalar(HANDSHAKE[f"{side}_random"]) for side in ("joiner", "member"))
    big_x, big_y = add(times(x, BASE), times(w, M)), add(times(y, BASE), times(w, N))
    z_a = times(x, add(big_y, times(L - w, N)))
    assert z_a == times(y, add(big_x, times(L - w, M)))
    share_a, share_b = encode(big_x), encode(big_y)
    k = h(h(password) + h(id_a) + h(id_b) + share_a + share_b + encode(z_a))
    return b"A" + share_a, b"B" + share_b, k


def test_the_points_of_the_document_are_in_the_group_and_the_base_is() -> None:
    for point in (BASE, M, N):
        assert add(times(L - 1, point), point) == (0, 1)
        assert decode(encode(point)) == point


def test_ids_are_of_keys_and_signatures_are_of_statements() -> None:
    hello, challenge = statements()
    epk, member = b64(HANDSHAKE["hello"], "epk"), b64(HANDSHAKE["challenge"], "epk")
    assert (h(epk)[:16].hex(), h(member)[:16].hex()) == (HANDSHAKE["joiner_id"], HANDSHAKE["member_id"])
    assert public(bytes.fromhex(HANDSHAKE["joiner_random"][0])) == epk
    assert public(bytes.fromhex(HANDSHAKE["member_random"][0])) == member
    assert signed_by(epk, b64(HANDSHAKE["hello"], "sig"), hello)
    assert signed_by(member, b64(HANDSHAKE["challenge"], "sig"), challenge)
    transcript, proof, accept = (
        bytes.fromhex(HANDSHAKE["keys"]["transcript"]),
        *(HANDSHAKE[name] for name in ("proof", "accept")),
    )
    assert signed_by(epk, b64(proof, "sig"), lp("mb1/proof", transcript, b64(proof, "confirm")))
    assert signed_by(member, b64(accept, "sig"), lp("mb1/accept", transcript, b64(accept, "confirm")))


def test_spake2_and_every_key_come_out_of_the_document() -> None:
    hello, challenge = statements()
    x, y, k = spake2()
    assert (x, y) == (b64(HANDSHAKE["proof"], "x"), b64(HANDSHAKE["challenge"], "y"))
    transcript = h(lp("mb1/transcript", hello, challenge, x))
    prk = mac(transcript, k)
    confirm_a = mac(expand(prk, "confirmA"), transcript)
    assert confirm_a == b64(HANDSHAKE["proof"], "confirm")
    assert mac(expand(prk, "confirmB"), transcript + confirm_a) == b64(HANDSHAKE["accept"], "confirm")
    keys = {"transcript": transcript, "a_to_b": expand(prk, "A->B"), "b_to_a": expand(prk, "B->A")}
    keys |= {"resume": expand(prk, "resume"), "bind": expand(prk, "bind")}
    for name, key in keys.items():
        assert key.hex() == HANDSHAKE["keys"][name], name


# --- the seal ---------------------------------------------------------------------------------------------


class Opener:
    """One direction of a seal, as the receiver has it."""

    def __init__(self, key: bytes, transcript: bytes, direction: str) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._transcript = transcript
        self._direction = direction
        self._next = 0

    def open(self, frame: bytes) -> bytes:
        """The plaintext; ValueError with the code of the document otherwise."""
        if not 24 <= len(frame) <= 32792:
            raise ValueError("seal.size")
        (counter,) = struct.unpack(">Q", frame[:8])
        if counter != self._next:
            raise ValueError("seal.replay" if counter < self._next else "seal.order")
        aad = lp("mb1/seal", b"\x01", self._transcript, self._direction, frame[:8])
        try:
            plaintext = self._cipher.decrypt(bytes(4) + frame[:8], frame[8:], aad)
        except InvalidTag:
            raise ValueError("seal.tampered") from None
        self._next += 1
        return plaintext


def opener(direction: str) -> Opener:
    keys = HANDSHAKE["keys"]
    label = {"a_to_b": "A->B", "b_to_a": "B->A"}[direction]
    return Opener(bytes.fromhex(keys[direction]), bytes.fromhex(keys["transcript"]), label)


@pytest.mark.parametrize("direction", ["a_to_b", "b_to_a"])
def test_sealed_frames_open_in_their_order(direction: str) -> None:
    one = opener(direction)
    for frame in SEALED[direction]:
        assert one.open(bytes.fromhex(frame["frame"])).decode() == frame["plaintext"]


def test_identity_and_door_are_signed_by_the_box() -> None:
    identity, door = (json.loads(SEALED[way][0]["plaintext"]) for way in ("a_to_b", "b_to_a"))
    assert (identity["type"], door["type"]) == ("identity", "door")
    key = base64.b64decode(identity["key"])
    assert key == public(bytes.fromhex(SEALED["box_seed"]))
    assert h(key)[:16].hex() == SEALED["box_id"]
    transcript = bytes.fromhex(HANDSHAKE["keys"]["transcript"])
    assert signed_by(key, base64.b64decode(identity["signature"]), lp("mb1/identity", "A", transcript))
    statement = lp(
        "mb1/door",
        struct.pack(">H", HANDSHAKE["room"]),
        base64.b64decode(door["meeting"]),
        struct.pack(">I", door["counter"]),
        bytes((door["open"],)),
        door["name"],
    )
    signer = base64.b64decode(door["identity"])
    assert signed_by(signer, base64.b64decode(door["signature"]), statement)


def test_the_bind_mac_is_over_role_generation_fingerprints_and_ufrags() -> None:
    bind = SEALED["bind"]
    fingerprints = (
        bytes.fromhex(bind[f"{who}_fingerprint"].replace(":", "")) for who in ("sender", "receiver")
    )
    statement = lp(
        "mb1/bind",
        bind["role"],
        struct.pack(">I", bind["generation"]),
        *fingerprints,
        bind["sender_ufrag"],
        bind["receiver_ufrag"],
    )
    assert mac(bytes.fromhex(HANDSHAKE["keys"]["bind"]), statement).hex() == bind["mac"]


# --- the line -----------------------------------------------------------------------------------------------


def test_the_line_comes_out_of_the_document() -> None:
    frames = {name: bytes.fromhex(LINE[name]) for name in ("r1", "r2", "r3", "s1", "s2")}
    secret = bytes.fromhex(LINE["resume"])
    # What each side draws at random comes in the order of its frames; of a point it is the private key.
    dialer, answerer = (
        [bytes.fromhex(data) for data in LINE[f"{side}_random"]] for side in ("dialer", "answerer")
    )
    points = [
        X25519PrivateKey.from_private_bytes(drawn[1]).public_key().public_bytes_raw()
        for drawn in (dialer, answerer)
    ]
    body = b"\x01" + expand(secret, "line id", LINE["dialer_role"])[:16] + dialer[0] + points[0]
    assert frames["r1"] == body + mac(expand(secret, "line R1"), body)
    r2_body = b"\x02" + answerer[0] + points[1]
    transcript = h(lp("mb1/transcript", frames["r1"], r2_body))
    assert transcript.hex() == LINE["transcript"]
    shared = X25519PrivateKey.from_private_bytes(dialer[1]).exchange(
        X25519PublicKey.from_public_bytes(points[1])
    )
    prk = mac(transcript, secret + shared)
    mac2 = mac(expand(prk, "line R2"), transcript)
    assert frames["r2"] == r2_body + mac2
    assert frames["r3"] == b"\x03" + mac(expand(prk, "line R3"), lp(transcript, mac2))
    assert expand(prk, "resume").hex() == LINE["next_resume"]

    for name, seed, role, label in (
        ("s1", "dialer_box_seed", "A", "A->B"),
        ("s2", "answerer_box_seed", "B", "B->A"),
    ):
        direction = Opener(expand(prk, label), transcript, label)
        said = direction.open(frames[name])
        assert said[:32] == public(bytes.fromhex(LINE[seed]))
        assert signed_by(said[:32], said[32:], lp("mb1/identity", role, transcript))
        if name == "s1":
            first = LINE["first_frame"]
            assert direction.open(bytes.fromhex(first["frame"])).decode() == first["plaintext"]


# --- introductions, and boxes met before ------------------------------------------------------------------


def test_an_introduction_comes_out_of_the_document() -> None:
    vector = VECTORS["introduction"]
    frames = {name: vector[name] for name in ("introduce", "introduce_reply", "introduce_confirm")}
    fields = {name: json.loads(frame) for name, frame in frames.items()}
    shares = {}
    for side, name in (("asker", "introduce"), ("answerer", "introduce_reply")):
        (drawn,) = [bytes.fromhex(data) for data in vector[f"{side}_random"]]
        shares[side] = X25519PrivateKey.from_private_bytes(drawn)
        assert b64(frames[name], "share") == shares[side].public_key().public_bytes_raw()
        assert b64(frames[name], "epk") == public(bytes.fromhex(vector[f"{side}_join_seed"]))
        assert b64(frames[name], "key") == public(bytes.fromhex(vector[f"{side}_box_seed"]))
        assert h(b64(frames[name], "epk"))[:16].hex() == fields[name]["from"]

    def presented(name: str) -> bytes:
        keys = [b64(frames[name], field) for field in ("epk", "key", "share")]
        port = struct.pack(">H", fields[name]["port"])
        return lp(*keys, fields[name]["name"], port, *fields[name]["addresses"])

    to = bytes.fromhex(fields["introduce"]["to"])
    i1 = lp("mb1/introduce", b"\x01", struct.pack(">H", vector["room"]), to, presented("introduce"))
    i2 = lp("mb1/introduce-reply", i1, presented("introduce_reply"))
    for name, statement in (("introduce", i1), ("introduce_reply", i2)):
        assert signed_by(b64(frames[name], "epk"), b64(frames[name], "sig"), statement)
        assert signed_by(b64(frames[name], "key"), b64(frames[name], "signature"), statement)
    transcript = h(lp("mb1/transcript", i1, i2))
    prk = mac(transcript, shares["asker"].exchange(shares["answerer"].public_key()))
    assert mac(expand(prk, "introduce"), transcript) == b64(frames["introduce_confirm"], "confirm")
    keys = {"transcript": transcript, "a_to_b": expand(prk, "A->B"), "b_to_a": expand(prk, "B->A")}
    keys |= {"resume": expand(prk, "resume"), "bind": expand(prk, "bind")}
    assert {name: key.hex() for name, key in keys.items()} == vector["keys"]


def test_tags_of_boxes_met_before_come_out_of_the_document() -> None:
    vector = VECTORS["recognition"]
    key = expand(bytes.fromhex(vector["resume"]), "acquaintance")
    assert key.hex() == vector["acquaintance_key"]
    hello, challenge = vector["hello"], vector["challenge"]
    epk, nonce, tags = (b64(hello, name) for name in ("epk", "nonce", "tags"))
    tag = mac(key, lp("mb1/known hello", epk, nonce))[:8]
    assert len(tags) == 256
    assert tag in [tags[at : at + 8] for at in range(0, 256, 8)]
    stated = lp("mb1/hello", b"\x01", struct.pack(">H", HANDSHAKE["room"]), epk, nonce, tags)
    answer = lp("mb1/known challenge", stated, b64(challenge, "epk"), b64(challenge, "nonce"))
    assert mac(key, answer)[:8] == b64(challenge, "tag")


# --- what must be refused ---------------------------------------------------------------------------------


def _make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_refusals", FOLDER / "make_refusals.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_of_refusals_is_what_the_first_implementation_refuses() -> None:
    assert (FOLDER / "refusals.json").read_text() == _make().text()


@pytest.mark.parametrize(
    "case", [case for case in REFUSALS if case["of"] == "seal"], ids=lambda case: case["what"]
)
def test_a_sealed_frame_is_refused_and_the_right_one_taken_after_it(case: dict[str, Any]) -> None:
    one = opener("a_to_b")
    good = [bytes.fromhex(frame["frame"]) for frame in SEALED["a_to_b"]]
    for frame in good[: case["after"]]:
        one.open(frame)
    with pytest.raises(ValueError, match=f"^{case['code']}$"):
        one.open(bytes.fromhex(case["frame"]))
    assert one.open(good[case["after"]])


@pytest.mark.parametrize(
    "case", [case for case in REFUSALS if case["of"] == "bind"], ids=lambda case: case["what"]
)
def test_a_bind_of_another_connection_is_another_mac(case: dict[str, Any]) -> None:
    bind = {**SEALED["bind"], **case["with"]}
    fingerprints = (
        bytes.fromhex(bind[f"{who}_fingerprint"].replace(":", "")) for who in ("sender", "receiver")
    )
    ufrags = (bind["sender_ufrag"], bind["receiver_ufrag"])
    statement = lp("mb1/bind", bind["role"], struct.pack(">I", bind["generation"]), *fingerprints, *ufrags)
    made = mac(bytes.fromhex(HANDSHAKE["keys"]["bind"]), statement).hex()
    assert made == case["mac"]
    assert made != SEALED["bind"]["mac"]
