"""Codec: what is sent is read back, and nothing else is read at all."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.encoding import lp
from appliance.core.identity import BoxIdentity
from appliance.errors import RemoteProtocolError

BOX = BoxIdentity(bytes(32))
ID = "0123456789abcdef" * 2
OUTER: list[m.Outer] = [
    m.Hello(v=1, room=42, epk=bytes(32), nonce=bytes(range(32)), tags=bytes(256), sig=bytes(64)),
    m.Challenge(to=ID, epk=bytes(32), nonce=bytes(32), y=b"B" + bytes(32), tag=bytes(8), sig=bytes(64)),
    m.Proof(sender=ID, to=ID, x=b"A" + bytes(32), confirm=bytes(32), sig=bytes(64)),
    m.Accept(sender=ID, to=ID, confirm=bytes(32), sig=bytes(64)),
    m.Reject(sender=ID, to=ID, code="turn", sig=bytes(64)),
    m.Seal(sender=ID, to=ID, payload=bytes(24)),
]
SEALED: list[m.Sealed] = [
    m.Identity.signed(BOX, "Brücke 7", "A", bytes(32), ("192.168.1.2", "fe80::1"), 8787),
    m.Roster(peers=[ID] * (limits.PEERS_MAX + 1)),
    m.Door.signed(BOX, "Bridge", 42, bytes(16), 2**32 - 1, True, 600_000),
    m.Offer(generation=1, sdp="v=0\r\n"),
    m.Answer(generation=2**32 - 1, sdp="v=0\r\n"),
    m.Candidate(generation=1, candidate="candidate:1 1 udp 1 10.0.0.1 5 typ host", mid="0"),
    m.Leaving(),
    m.Guesses(wrong=[("0123456789abcdef", 86_400_000)] * limits.STRANGER_EVENTS_MAX),
]
CONTROL: list[m.Control] = [
    m.Bind(mac=bytes(32)),
    m.Heartbeat(seq=7, echo=0, held_ms=12),
    m.Constraints(max_height=360, max_fps=30, visible=True),
    m.MediaState(muted=True, camera_on=False),
    m.MediaState(muted=True, camera_on=False, held=True),
    m.SameRoom(),
    m.Links(links=[]),
    m.Links(
        links=[
            m.Link(peer=ID, name="Brücke 7", state="live", quality=3, loss_pm=4, rtt_ms=2, layer="H"),
            m.Link(peer=ID[::-1], name="", state="away", quality=0, loss_pm=0, rtt_ms=0, layer=""),
        ]
    ),
    m.Leaving(),
]
LINK = json.loads(msgspec.json.encode(CONTROL[7]))["links"][0]
FAMILIES = [
    ("outer", m.decode_outer, limits.RELAY_MESSAGE_MAX),
    ("sealed", m.decode_sealed, limits.SEALED_MAX_BYTES),
    ("control", m.decode_control, limits.CONTROL_MAX_BYTES),
]


def _name(message: Any) -> str:
    return type(message).__name__


@pytest.mark.parametrize("message", OUTER, ids=_name)
def test_an_outer_frame_is_read_back(message: m.Outer) -> None:
    assert m.decode_outer(m.encode_outer(message)) == message


@pytest.mark.parametrize("message", SEALED, ids=_name)
def test_a_sealed_message_is_read_back(message: m.Sealed) -> None:
    assert m.decode_sealed(m.encode_sealed(message)) == message


@pytest.mark.parametrize("message", CONTROL, ids=_name)
def test_a_control_message_is_read_back(message: m.Control) -> None:
    assert m.decode_control(m.encode_control(message)) == message
    assert m.decode_control(m.encode_control(message).decode()) == message


def _refused(decode: Any, data: bytes | str) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(data)
    return caught.value.code


@pytest.mark.parametrize(("family", "decode", "most"), FAMILIES)
def test_the_size_is_looked_at_before_anything_is_parsed(family: str, decode: Any, most: int) -> None:
    padded = b'{"type":"leaving"}' + b" " * most
    assert _refused(decode, padded) == f"{family}.size"
    assert _refused(decode, "é" * (most // 2 + 1)) == f"{family}.size"


@pytest.mark.parametrize(("family", "decode", "most"), FAMILIES)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"type":"telepathy"}',
        b'{"type":["leaving"]}',
        b'{"type":"leaving","why":1}',
        b'{"type":"leaving"} x',
        b"\xff\xfe",
        b'{"x":' + b"[" * 3000,
        "\ud800",
        '{"type":"\\ud800"}',
    ],
)
def test_nonsense_is_malformed(family: str, decode: Any, most: int, data: bytes | str) -> None:
    assert _refused(decode, data) == f"{family}.malformed"


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (OUTER[0], "epk", "AAAA"),
        (OUTER[0], "epk", 7),
        (OUTER[0], "room", "42"),
        (OUTER[0], "room", True),
        (OUTER[0], "room", 42.5),
        (OUTER[1], "to", ID[:-1]),
        (OUTER[1], "to", ID.upper()),
        (OUTER[1], "to", ID + "\n"),
        (OUTER[4], "code", "because"),
        (OUTER[5], "payload", "A" * 28),
        (SEALED[0], "name", "x" * (limits.NAME_MAX_BYTES + 1)),
        (SEALED[0], "name", "ü" * (limits.NAME_MAX_BYTES // 2 + 1)),
        (SEALED[0], "name", "two\nlines"),
        (SEALED[0], "addresses", ["somewhere.example"]),
        (SEALED[0], "addresses", ["10.0.0.1"] * (limits.ADDRESSES_MAX + 1)),
        (SEALED[0], "port", 0),
        (SEALED[1], "peers", [ID] * (limits.PEERS_MAX + 2)),
        (SEALED[2], "counter", -1),
        (SEALED[2], "counter", 2**32),
        (SEALED[2], "open", 1),
        (SEALED[3], "generation", 0),
        (SEALED[3], "sdp", "x" * (limits.SDP_MAX_BYTES + 1)),
        (SEALED[7], "wrong", [["0123456789abcdef", 0]] * (limits.STRANGER_EVENTS_MAX + 1)),
        (SEALED[7], "wrong", [["0123456789ABCDEF", 0]]),
        (SEALED[7], "wrong", [["0123456789abcdef", 86_400_001]]),
        (SEALED[7], "wrong", [["0123456789abcdef", -1]]),
        (OUTER[0], "tags", "AAAAAAAAAAA="),
        (OUTER[1], "tag", "AAAAAAAA"),
        (SEALED[5], "candidate", "candidate:1\r\na=x"),
        (CONTROL[1], "heldMs", 60_001),
        (CONTROL[2], "stream", "smell"),
        (CONTROL[2], "maxHeight", -1),
        (CONTROL[7], "links", [dict(LINK, peer=ID[:-1])]),
        (CONTROL[7], "links", [dict(LINK, quality=4)]),
        (CONTROL[7], "links", [dict(LINK, lossPm=1001)]),
        (CONTROL[7], "links", [dict(LINK, rttMs=60_001)]),
        (CONTROL[7], "links", [dict(LINK, layer="X")]),
        (CONTROL[7], "links", [dict(LINK, state="asleep")]),
        (CONTROL[7], "links", [dict(LINK, name="two\nlines")]),
        (CONTROL[7], "links", [dict(LINK, key="")]),
        (CONTROL[7], "links", [LINK, LINK]),
        (CONTROL[7], "links", [dict(LINK, peer=f"{i:032x}") for i in range(limits.PEERS_MAX + 1)]),
    ],
)
def test_a_value_out_of_range_is_malformed(message: Any, field: str, value: Any) -> None:
    decode = next(
        decode
        for decode, family in zip(
            (m.decode_outer, m.decode_sealed, m.decode_control), (OUTER, SEALED, CONTROL), strict=True
        )
        if message in family
    )
    changed = {**json.loads(msgspec.json.encode(message)), field: value}
    assert _refused(decode, json.dumps(changed).encode()).endswith(".malformed")


def test_a_missing_field_is_malformed() -> None:
    for message in OUTER:
        fields = json.loads(m.encode_outer(message))
        for name in fields:
            short = {key: value for key, value in fields.items() if key != name}
            assert _refused(m.decode_outer, json.dumps(short)) == "outer.malformed"


def test_base64_has_one_form() -> None:
    """Its last digit has bits that mean nothing: they must be zero."""
    text = m.encode_control(m.Bind(mac=bytes(32))).decode()
    assert 'A="' in text
    assert _refused(m.decode_control, text.replace('A="', 'B="')) == "control.malformed"
    assert _refused(m.decode_control, text.replace('A="', 'A"')) == "control.malformed"


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_whatever_the_bytes_the_only_exception_is_ours(data: bytes | str) -> None:
    for _, decode, _ in FAMILIES:
        with pytest.raises(RemoteProtocolError):
            decode(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([*OUTER, *SEALED, *CONTROL]), st.data())
def test_a_mutilated_message_is_read_or_refused_but_never_raises_else(
    message: Any, data: st.DataObject
) -> None:
    fields = json.loads(msgspec.json.encode(message))
    name = data.draw(st.sampled_from(sorted(fields)))
    fields[name] = data.draw(_json)
    raw = bytearray(json.dumps(fields).encode())
    if data.draw(st.booleans()):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for _, decode, _ in FAMILIES:
        with contextlib.suppress(RemoteProtocolError):
            decode(bytes(raw))


def test_a_door_is_signed_by_who_set_it_for_one_room() -> None:
    door = m.Door.signed(BOX, "Bridge", 42, bytes(16), 3, True, 600_000)
    door.verify(42)
    msgspec.structs.replace(door, remaining_ms=1).verify(42)  # the time left is each teller's own
    for forged in (
        msgspec.structs.replace(door, counter=4),
        msgspec.structs.replace(door, open=False),
        msgspec.structs.replace(door, meeting=bytes(15) + b"x"),
        msgspec.structs.replace(door, name="Engine"),
        msgspec.structs.replace(door, identity=BoxIdentity(b"x" * 32).public_key),
    ):
        with pytest.raises(RemoteProtocolError, match="not set by"):
            forged.verify(42)
    with pytest.raises(RemoteProtocolError):
        door.verify(43)


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_no_two_lists_have_the_same_length_prefixed_form(one: list[bytes], other: list[bytes]) -> None:
    assert (lp(*one) == lp(*other)) == (one == other)


def test_a_media_state_says_nothing_of_hold_while_there_is_none() -> None:
    assert b"held" not in m.encode_control(m.MediaState(muted=False, camera_on=True))
    told = m.decode_control(b'{"type":"mediaState","muted":false,"cameraOn":true}')
    assert told == m.MediaState(muted=False, camera_on=True, held=False)
