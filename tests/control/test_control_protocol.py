"""What is said on the control socket: requests as typed values, refusals as codes and sentences."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control import protocol
from appliance.core import limits
from appliance.errors import ControlError

EXAMPLES: list[tuple[dict[str, object], protocol.Request]] = [
    ({"verb": "status"}, protocol.GetStatus()),
    ({"verb": "join", "room": 42, "password": "493817"}, protocol.Join(room=42, password="493817")),
    ({"verb": "leave"}, protocol.Leave()),
    ({"verb": "switch", "room": 1000}, protocol.SwitchRoom(room=1000)),
    ({"verb": "mute"}, protocol.Mute(state="toggle")),
    ({"verb": "mute", "state": "on"}, protocol.Mute(state="on")),
    ({"verb": "camera", "state": "off"}, protocol.Camera(state="off")),
    ({"verb": "allow-joining", "state": "on"}, protocol.AllowJoining(state="on")),
    ({"verb": "admit"}, protocol.Admit()),
    ({"verb": "peer", "peer": "Bridge", "action": "pin"}, protocol.Peer(peer="Bridge", action="pin")),
    ({"verb": "move-tile", "peer": "Bridge", "place": 1}, protocol.MoveTile(peer="Bridge", place=1)),
    ({"verb": "layout", "layout": "speaker"}, protocol.Layout(layout="speaker")),
    ({"verb": "tiles", "state": "hide"}, protocol.Tiles(state="hide")),
    ({"verb": "press", "key": "ok"}, protocol.Press(key="ok")),
    ({"verb": "screenshot", "file": "/tmp/a.png"}, protocol.Screenshot(file="/tmp/a.png")),
    ({"verb": "screen", "state": "close"}, protocol.Screen(state="close")),
    ({"verb": "stats"}, protocol.GetStats()),
    ({"verb": "stats", "since": 12.5}, protocol.GetStats(since=12.5)),
    ({"verb": "restart-signaling"}, protocol.RestartSignaling()),
    ({"verb": "doctor"}, protocol.RunDoctor()),
    ({"verb": "sound-check"}, protocol.CheckSound()),
    ({"verb": "connect", "address": "10.20.0.14"}, protocol.Connect(address="10.20.0.14")),
]


@pytest.mark.parametrize(
    ("message", "request_"), EXAMPLES, ids=lambda v: v["verb"] if isinstance(v, dict) else ""
)
def test_every_verb_is_read_and_written(message: dict[str, object], request_: protocol.Request) -> None:
    assert protocol.decode_request(json.dumps(message).encode()) == request_
    assert protocol.decode_request(protocol.encode_request(request_)) == request_


def test_there_is_an_example_of_every_verb() -> None:
    assert {message["verb"] for message, _ in EXAMPLES} == set(protocol.VERBS)


@pytest.mark.parametrize("key", [*protocol.KEYS, *".:+aZé密", "\U0001f600", " "])
def test_every_key_can_be_pressed(key: str) -> None:
    assert protocol.make_request("press", {"key": key}) == protocol.Press(key=key)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "control.json"),
        (b"[]", "control.json"),
        (b"null", "control.json"),
        (b"{", "control.json"),
        (b"\xff\xfe", "control.json"),
        (b'{"verb":"status"} {}', "control.json"),
        (b"[" * 10_000, "control.json"),
        (b'{"a":' * 3_000, "control.json"),
        (b"{}", "control.verb"),
        (b'{"verb":null}', "control.verb"),
        (b'{"verb":"reboot"}', "control.verb"),
        (b'{"verb":"Status"}', "control.verb"),
        (b'{"verb":"status","room":1}', "control.argument"),
        (b'{"verb":"join"}', "control.argument"),
        (b'{"verb":"join","room":0,"password":"abcd"}', "control.argument"),
        (b'{"verb":"join","room":1001,"password":"abcd"}', "control.argument"),
        (b'{"verb":"join","room":"42","password":"abcd"}', "control.argument"),
        (b'{"verb":"join","room":42.5,"password":"abcd"}', "control.argument"),
        (b'{"verb":"join","room":42,"password":"abc"}', "control.argument"),
        (b'{"verb":"join","room":42,"password":1234}', "control.argument"),
        (b'{"verb":"mute","state":"maybe"}', "control.argument"),
        (b'{"verb":"allow-joining"}', "control.argument"),
        (b'{"verb":"allow-joining","state":"toggle"}', "control.argument"),
        (b'{"verb":"peer","peer":"","action":"mute"}', "control.argument"),
        (b'{"verb":"peer","peer":"a","action":"kick"}', "control.argument"),
        (b'{"verb":"press","key":"f1"}', "control.argument"),
        (b'{"verb":"press","key":""}', "control.argument"),
        (b'{"verb":"press","key":"42"}', "control.argument"),
        (b'{"verb":"press","key":"ok\\n"}', "control.argument"),
        (b'{"verb":"press","key":"\\u0007"}', "control.argument"),
        (b'{"verb":"screenshot","file":"a.png"}', "control.argument"),
        (b'{"verb":"screenshot","file":"/a\\u0000.png"}', "control.argument"),
        (b'{"verb":"layout"}', "control.argument"),
    ],
)
def test_what_is_malformed_has_a_code_and_a_sentence(line: bytes, code: str) -> None:
    with pytest.raises(ControlError) as caught:
        protocol.decode_request(line)
    assert caught.value.code == code
    assert caught.value.sentence.endswith(".")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(line: bytes) -> None:
    with pytest.raises(ControlError):
        protocol.decode_request(line)


@pytest.mark.parametrize("password", ["abc", "hunter2" * 20, ["hunter2"]])
def test_a_refused_password_is_not_quoted(password: object) -> None:
    with pytest.raises(ControlError) as caught:
        protocol.make_request("join", {"room": 42, "password": password})
    assert "hunter2" not in str(caught.value)


def test_a_password_is_not_shown_by_its_request() -> None:
    request = protocol.Join(room=42, password="hunter2")
    assert "hunter2" not in f"{request} {request!r} {[request]}"


def test_a_status_has_the_documented_shape() -> None:
    status = protocol.Status(
        id="a1",
        name="Bridge",
        state="in-call",
        room=42,
        rooms=(protocol.RoomStatus(room=42, active=True, state="in-call", peers=("Galley",)),),
        joining=protocol.JoiningStatus(open=True, closes_in_s=12.5),
        boxes=(protocol.BoxStatus(name="Galley", address="10.0.0.2:8787", present=True),),
        peers=(protocol.PeerStatus(id="b2", name="Galley", state="live", layer="M", fps=30.0),),
        counters={"sealed.replayed": 1},
    )
    reply = json.loads(protocol.encode_reply(status.reply()))
    assert reply["ok"] is True
    assert list(reply) == [
        "v", "id", "name", "state", "room", "rooms", "joining", "boxes", "peers", "away",
        "links", "muted", "echo_control", "says", "problems", "strangers", "counters", "ok",
    ]  # fmt: skip
    assert reply["joining"] == {"open": True, "closes_in_s": 12.5}
    assert list(reply["peers"][0]) == [
        "id", "name", "state", "layer", "width", "height", "fps", "latency_ms", "rtt_ms", "loss", "muted",
        "muted_here", "speaking", "held", "skew_ms", "picture_wait_ms", "sending",
    ]  # fmt: skip


def test_a_reply_is_one_line_whatever_is_in_it() -> None:
    assert protocol.encode_reply({"name": "a\nb\u2028c"}).count(b"\n") == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"x": "x" * limits.CONTROL_REPLY_MAX}, "control.reply-size"),
        ({"x": object()}, "control.internal"),
    ],
)
def test_a_reply_that_cannot_be_sent_is_our_error(body: dict[str, object], code: str) -> None:
    with pytest.raises(ControlError) as caught:
        protocol.encode_reply(body)
    assert caught.value.code == code
