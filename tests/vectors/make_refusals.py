"""Makes ``refusals.json``: ``python tests/vectors/make_refusals.py``. A test checks that it is current.

Beside the broken frames of the handshake in ``protocol.json``: sealed frames, lines and binds that must not
be taken, with the codes of docs/protocol.md. Each is against the good ones of ``protocol.json``; the code
is what this implementation says to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from appliance.core.channel import SealedChannel, bind_mac
from appliance.core.identity import BoxIdentity
from appliance.core.keys import PairKeys
from appliance.core.line import LineAnswerer, LineDialer
from appliance.core.line_secrets import LineSecrets
from appliance.errors import RemoteProtocolError

FOLDER = Path(__file__).parent
FILE = FOLDER / "refusals.json"
NOW = 1000.0


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def _seals(good: dict[str, Any]) -> list[dict[str, Any]]:
    """``after``: how many good frames of A to B were taken before."""
    keys = PairKeys(**{name: bytes.fromhex(value) for name, value in good["handshake"]["keys"].items()})
    first, second = (bytes.fromhex(frame["frame"]) for frame in good["sealed"]["a_to_b"][:2])
    (back, *_) = (bytes.fromhex(frame["frame"]) for frame in good["sealed"]["b_to_a"])
    cases = [
        ("a flipped bit in the ciphertext", 0, _flipped(first, 8)),
        ("a flipped bit in the tag", 0, _flipped(first, len(first) - 1)),
        ("the last byte missing", 0, first[:-1]),
        ("a byte too many", 0, first + b"\0"),
        ("the frame after the next", 0, second),
        ("the last frame again", 1, first),
        ("another counter in front", 1, second[:7] + b"\2" + second[8:]),
        ("a frame of the other direction", 0, back),
        ("nothing but a counter", 0, first[:8]),
        ("23 bytes", 0, first[:23]),
    ]
    found = []
    for what, after, frame in cases:
        channel = SealedChannel.of_pair(keys, "B", NOW)
        for taken in (first, second)[:after]:
            channel.open(taken)
        code = _code(channel.open, frame)
        found.append({"of": "seal", "what": what, "after": after, "frame": frame.hex(), "code": code})
    return found


def _lines(good: dict[str, Any]) -> list[dict[str, Any]]:
    """``instead_of``: which frame of the line it takes the place of."""
    line = good["line"]
    r1, r2, r3, s1, s2 = (bytes.fromhex(line[name]) for name in ("r1", "r2", "r3", "s1", "s2"))
    cases = [
        ("r1", "an id that is nobody's", _flipped(r1, 1)),
        ("r1", "a flipped bit in the nonce", _flipped(r1, 20)),
        ("r1", "a flipped bit in the MAC", _flipped(r1, len(r1) - 1)),
        ("r1", "the last byte missing", r1[:-1]),
        ("r1", "R2", r2),
        ("r2", "a flipped bit in the nonce", _flipped(r2, 5)),
        ("r2", "a flipped bit in the point", _flipped(r2, 40)),
        ("r2", "the zero point", r2[:33] + bytes(32) + r2[65:]),
        ("r2", "R1 sent back", r1),
        ("r3", "a flipped bit", _flipped(r3, 9)),
        ("r3", "R3 cut", r3[:-1]),
        ("s1", "a flipped bit", _flipped(s1, 30)),
        ("s1", "S2 sent back", s2),
        ("s2", "a flipped bit", _flipped(s2, 30)),
        ("s2", "S1 sent back", s1),
    ]
    return [
        {
            "of": "line",
            "instead_of": step,
            "what": what,
            "frame": frame.hex(),
            "code": _refused_by_line(line, step, frame),
        }
        for step, what, frame in cases
    ]


def _refused_by_line(line: dict[str, Any], step: str, frame: bytes) -> str:
    dialer, answerer = line_pair(line)
    r1 = dialer.start()
    steps = ("r1", "r2", "r3", "s1", "s2")
    genuine = {name: bytes.fromhex(line[name]) for name in steps}
    assert r1 == genuine["r1"]
    for name in steps[: steps.index(step)]:
        (dialer if name in ("r2", "s2") else answerer).receive(genuine[name], NOW)
    receiver = dialer if step in ("r2", "s2") else answerer
    return _code(lambda data: receiver.receive(data, NOW), frame)


def line_pair(line: dict[str, Any]) -> tuple[LineDialer, LineAnswerer]:
    """The two ends of the line of ``protocol.json``, with the random bytes of the file."""
    boxes = [BoxIdentity(bytes.fromhex(line[f"{side}_box_seed"])) for side in ("dialer", "answerer")]
    secrets = [LineSecrets(), LineSecrets()]
    resume = bytes.fromhex(line["resume"])
    secrets[0].remember("b", "A", resume, boxes[1].public_key, NOW)
    secrets[1].remember("a", "B", resume, boxes[0].public_key, NOW)
    (secret,) = secrets[0].candidates("b", NOW)
    dialer_random = iter([bytes.fromhex(data) for data in line["dialer_random"]])
    answerer_random = iter([bytes.fromhex(data) for data in line["answerer_random"]])
    return (
        LineDialer(secrets[0], "b", secret, boxes[0], lambda _: next(dialer_random)),
        LineAnswerer(secrets[1], boxes[1], lambda _: next(answerer_random)),
    )


def _binds(good: dict[str, Any]) -> list[dict[str, Any]]:
    """MACs of other connections: none is that of ``protocol.json``."""
    bind, key = good["sealed"]["bind"], bytes.fromhex(good["handshake"]["keys"]["bind"])
    other = ":".join(["0B"] * 32)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("the other role", {"role": "B"}),
        ("the next generation", {"generation": 2}),
        ("another certificate of the sender", {"sender_fingerprint": other}),
        ("another certificate of the receiver", {"receiver_fingerprint": other}),
        ("another ufrag", {"sender_ufrag": "aaab"}),
        (
            "the two sides exchanged",
            {
                "sender_fingerprint": bind["receiver_fingerprint"],
                "receiver_fingerprint": bind["sender_fingerprint"],
                "sender_ufrag": bind["receiver_ufrag"],
                "receiver_ufrag": bind["sender_ufrag"],
            },
        ),
        ("a byte moved from one ufrag to the other", {"sender_ufrag": "aaaab", "receiver_ufrag": "bbb"}),
    ]
    found = []
    for what, change in cases:
        one = {**bind, **change}
        fingerprints = (one["sender_fingerprint"], one["receiver_fingerprint"])
        ufrags = (one["sender_ufrag"], one["receiver_ufrag"])
        mac = bind_mac(key, one["role"], one["generation"], fingerprints, ufrags)
        found.append({"of": "bind", "what": what, "with": change, "mac": mac.hex()})
    return found


def _code(take: Any, frame: bytes) -> str:
    try:
        take(frame)
    except RemoteProtocolError as error:
        return error.code
    raise AssertionError("it was taken")


def text() -> str:
    good = json.loads((FOLDER / "protocol.json").read_text())
    made = {
        "about": "What must be refused, by docs/protocol.md, made by tests/vectors/make_refusals.py.",
        "refusals": [*_seals(good), *_lines(good), *_binds(good)],
    }
    return json.dumps(made, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
