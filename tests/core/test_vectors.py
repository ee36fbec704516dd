"""The wire is what the vectors say: a change of it is seen here first."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from spake2 import SPAKE2_A, SPAKE2_B

from appliance.core.channel import SealedChannel, bind_mac
from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import Proven, Refused, SendFrame
from appliance.core.keys import PairKeys

FOLDER = Path(__file__).parent.parent / "vectors"
NOW = 1000.0


def _make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_vectors", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VECTORS: dict[str, Any] = json.loads((FOLDER / "protocol.json").read_text())
GOOD: dict[str, Any] = VECTORS["handshake"]


class Replayed:
    """Gives the random bytes of the file, in their order."""

    def __init__(self, given: list[str]) -> None:
        self._given = [bytes.fromhex(data) for data in given]

    def __call__(self, size: int) -> bytes:
        data = self._given.pop(0)
        assert len(data) == size
        return data


def test_the_file_is_what_the_code_makes() -> None:
    assert (FOLDER / "protocol.json").read_text() == _make().text()


def _until(step: str) -> tuple[Handshakes, Handshakes]:
    """A joiner and a member, played up to but without the frame ``step``."""
    joiner = Handshakes(GOOD["room"], GOOD["password"], NOW, Replayed(GOOD["joiner_random"]))
    member = Handshakes(GOOD["room"], GOOD["password"], NOW, Replayed(GOOD["member_random"]))
    for name, receiver in (("hello", member), ("challenge", joiner), ("proof", member), ("accept", joiner)):
        if name == step:
            break
        receiver.receive("relay", "address", GOOD[name], NOW)
    return joiner, member


def test_the_random_bytes_of_the_file_give_its_frames_and_keys() -> None:
    joiner, member = _until("accept")
    assert joiner.hello() == GOOD["hello"]
    (proven,) = joiner.receive("relay", "address", GOOD["accept"], NOW)
    assert isinstance(proven, Proven)
    assert {name: getattr(proven.keys, name).hex() for name in GOOD["keys"]} == GOOD["keys"]
    assert proven.peer_id == member.peer_id == GOOD["member_id"]


def test_the_keys_follow_from_the_frames_by_the_library_and_the_document_alone() -> None:
    """A second implementation in small: nothing of ours but the frames' values."""
    import base64
    import hashlib
    import hmac
    import struct
    import unicodedata

    def lp(*items: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(item)) + item for item in items)

    def field(frame: str, name: str) -> bytes:
        return base64.b64decode(json.loads(GOOD[frame])[name])

    room = struct.pack(">H", GOOD["room"])
    hello = lp(
        b"mb1/hello", b"\x01", room, field("hello", "epk"), field("hello", "nonce"), field("hello", "tags")
    )
    member_epk, member_nonce = field("challenge", "epk"), field("challenge", "nonce")
    y, x = field("challenge", "y"), field("proof", "x")
    joiner_id, tag = bytes.fromhex(GOOD["joiner_id"]), field("challenge", "tag")
    challenge = lp(b"mb1/challenge", hello, joiner_id, member_epk, member_nonce, y, tag)
    transcript = hashlib.sha256(lp(b"mb1/transcript", hello, challenge, x)).digest()
    assert transcript.hex() == GOOD["keys"]["transcript"]

    password = lp(b"mb1", room, unicodedata.normalize("NFC", GOOD["password"]).encode())
    id_a = hashlib.sha256(hello).digest()
    member_id = hashlib.sha256(member_epk).digest()[:16]
    id_b = hashlib.sha256(lp(b"mb1/member", member_id, member_nonce)).digest()
    side_a = SPAKE2_A(password, id_a, id_b, entropy_f=lambda _: bytes.fromhex(GOOD["joiner_random"][3]))
    side_b = SPAKE2_B(password, id_a, id_b, entropy_f=lambda _: bytes.fromhex(GOOD["member_random"][4]))
    assert (side_a.start(), side_b.start()) == (x, y)
    shared = side_a.finish(y)
    assert shared == side_b.finish(x)

    prk = hmac.digest(transcript, shared, "sha256")

    def key(label: bytes) -> bytes:
        return hmac.digest(prk, lp(b"mb1", label) + b"\x01", "sha256")

    confirm_a = hmac.digest(key(b"confirmA"), transcript, "sha256")
    assert confirm_a == field("proof", "confirm")
    assert hmac.digest(key(b"confirmB"), transcript + confirm_a, "sha256") == field("accept", "confirm")
    assert key(b"A->B").hex() == GOOD["keys"]["a_to_b"]
    assert key(b"B->A").hex() == GOOD["keys"]["b_to_a"]
    assert key(b"resume").hex() == GOOD["keys"]["resume"]
    assert key(b"bind").hex() == GOOD["keys"]["bind"]


@pytest.mark.parametrize("case", VECTORS["broken"], ids=lambda case: case["what"])
def test_a_broken_frame_is_refused_with_its_code_and_the_right_one_still_works(case: dict[str, str]) -> None:
    step = case["instead_of"]
    joiner, member = _until(step)
    receiver = member if step in ("hello", "proof") else joiner
    assert receiver.receive("relay", "address", case["frame"], NOW) == [Refused(case["code"])]
    after = receiver.receive("relay", "address", GOOD[step], NOW)
    assert any(isinstance(effect, SendFrame | Proven) for effect in after)


def _keys() -> PairKeys:
    return PairKeys(**{name: bytes.fromhex(value) for name, value in GOOD["keys"].items()})


def test_the_sealed_frames_open_to_their_plaintext() -> None:
    for role, direction in (("B", "a_to_b"), ("A", "b_to_a")):
        channel = SealedChannel.of_pair(_keys(), role, NOW)
        for frame in VECTORS["sealed"][direction]:
            assert channel.open(bytes.fromhex(frame["frame"])).decode() == frame["plaintext"]


def test_the_tags_of_a_box_met_before_follow_from_the_document_alone() -> None:
    import base64
    import hmac
    import struct

    def lp(*items: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(item)) + item for item in items)

    met = VECTORS["recognition"]
    hello, challenge = json.loads(met["hello"]), json.loads(met["challenge"])
    b64 = base64.b64decode
    key = hmac.digest(bytes.fromhex(met["resume"]), lp(b"mb1", b"acquaintance") + b"\x01", "sha256")
    assert key.hex() == met["acquaintance_key"]
    said = [b64(hello[name]) for name in ("epk", "nonce", "tags")]
    assert said[2][:8] == hmac.digest(key, lp(b"mb1/known hello", *said[:2]), "sha256")[:8]
    assert len(said[2]) == 256
    stated = lp(b"mb1/hello", b"\x01", struct.pack(">H", hello["room"]), *said)
    over = lp(b"mb1/known challenge", stated, b64(challenge["epk"]), b64(challenge["nonce"]))
    assert b64(challenge["tag"]) == hmac.digest(key, over, "sha256")[:8]


def test_the_bind_mac_is_that_of_the_file() -> None:
    bind = VECTORS["sealed"]["bind"]
    mac = bind_mac(
        _keys().bind,
        bind["role"],
        bind["generation"],
        (bind["sender_fingerprint"], bind["receiver_fingerprint"]),
        (bind["sender_ufrag"], bind["receiver_ufrag"]),
    )
    assert mac.hex() == bind["mac"]


def test_an_introduction_follows_from_the_document_alone() -> None:
    """A second implementation in small: both statements, all signatures, the keys, the confirmation."""
    import base64
    import hashlib
    import hmac
    import struct

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    told = VECTORS["introduction"]
    first, reply, confirm = (
        json.loads(told[name]) for name in ("introduce", "introduce_reply", "introduce_confirm")
    )

    def lp(*items: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(item)) + item for item in items)

    def presented(message: dict[str, Any]) -> bytes:
        keys = (base64.b64decode(message[name]) for name in ("epk", "key", "share"))
        port = struct.pack(">H", message["port"])
        return lp(*keys, message["name"].encode(), port, *(a.encode() for a in message["addresses"]))

    asked = lp(
        b"mb1/introduce",
        b"\x01",
        struct.pack(">H", told["room"]),
        bytes.fromhex(first["to"]),
        presented(first),
    )
    replied = lp(b"mb1/introduce-reply", asked, presented(reply))
    for message, statement in ((first, asked), (reply, replied)):
        epk = base64.b64decode(message["epk"])
        assert hashlib.sha256(epk).hexdigest()[:32] == message["from"]
        for public, signature in ((epk, "sig"), (base64.b64decode(message["key"]), "signature")):
            Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(message[signature]), statement)
    assert (first["from"], first["to"]) == (reply["to"], reply["from"])

    transcript = hashlib.sha256(lp(b"mb1/transcript", asked, replied)).digest()
    assert transcript.hex() == told["keys"]["transcript"]
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(told["asker_random"][0]))
    shared = private.exchange(X25519PublicKey.from_public_bytes(base64.b64decode(reply["share"])))
    prk = hmac.digest(transcript, shared, "sha256")

    def key(label: bytes) -> bytes:
        return hmac.digest(prk, lp(b"mb1", label) + b"\x01", "sha256")

    assert hmac.digest(key(b"introduce"), transcript, "sha256") == base64.b64decode(confirm["confirm"])
    for label, name in ((b"A->B", "a_to_b"), (b"B->A", "b_to_a"), (b"resume", "resume"), (b"bind", "bind")):
        assert key(label).hex() == told["keys"][name]
