"""Fuzz targets: mDNS, addresses and errors of servers, the control socket, and the configuration."""

from __future__ import annotations

import contextlib

import msgspec
from fuzzing.target import Reader, Target, pieces

from appliance import config
from appliance.control import protocol
from appliance.core import limits
from appliance.errors import ConfigError, ControlError
from appliance.signaling import access, client, discovery
from appliance.signaling.client import ServerAddress


def mdns(data: bytes) -> None:
    """A neighbour's TXT record."""
    version, name, is_relay = discovery.read_txt(data)
    assert len(version) <= 8
    assert len(name.encode()) <= limits.NAME_MAX_BYTES
    assert discovery.clean_name(name) == name
    assert is_relay <= (b"relay" in data.lower())


def server_url(data: bytes) -> None:
    """The path and query of a client's request: a room, or one of the ancestor's errors."""
    path, _, query = data.decode("utf-8", "surrogateescape").partition("?")
    room, refusal = access.room_of(path, query, "a secret", "10.0.0.1", 8787)
    assert bool(refusal) == (room == 0)
    assert 0 <= room <= limits.ROOM_MAX


def server_error(data: bytes) -> None:
    """The first frame of a server, which may be an error that a person reads."""
    sentence = client._error_in(data.decode("utf-8", "replace"))
    assert len(sentence) <= limits.RELAY_ERROR_MAX_CHARS
    assert sentence.isprintable()


def address(data: bytes) -> None:
    """An address as a person types it: a server, or a ValueError."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        server = ServerAddress.configured(text)
        server.url(server.hosts[0], 42, "token")


def control_socket(data: bytes) -> None:
    """A line on the control socket: a request, or a refusal that can be written."""
    try:
        request = protocol.decode_request(data)
    except ControlError as error:
        refusal = protocol.encode_refusal(error.code, error.sentence)
    else:
        refusal = b'{"ok":false}'
        assert protocol.decode_request(protocol.encode_request(request).strip()) == request
    assert msgspec.json.decode(refusal)["ok"] is False


def arguments(data: bytes) -> None:
    """A verb with arguments, as ``meetingbox ctl`` makes a request of them."""
    read = Reader(data)
    verb, named = read.piece().decode("utf-8", "replace"), {}
    while read:
        key = read.piece().decode("utf-8", "replace")
        named[key] = read.piece().decode("utf-8", "replace") if read.u8() & 1 else read.u16()
    with contextlib.suppress(ControlError):
        protocol.make_request(verb, named)


def configuration(data: bytes) -> None:
    """A configuration file: read, and written so that it reads the same; or refused with its place."""
    try:
        parsed = config.parse(data.decode("utf-8", "replace"), "meetingbox.toml")
    except ConfigError:
        return
    assert config.parse(config.effective_toml(parsed, masked=False), "again") == parsed


def _requests() -> list[bytes]:
    some: list[dict[str, object]] = [{"verb": verb} for verb in protocol.VERBS]
    some += [
        {"verb": "join", "room": 42, "password": "471104"},
        {"verb": "peer", "peer": "Galley", "action": "mute"},
        {"verb": "press", "key": "ok"},
        {"verb": "screenshot", "file": "/tmp/x.png"},
        {"verb": "stats", "since": 1.5, "sequence": True},
    ]
    return [msgspec.json.encode(request) for request in some]


def _texts() -> list[bytes]:
    return [b"\x03v=1\x0bname=Bridge", b"\x03v=1\x06name=\xff", b"\xffv=1", b"\x00\x00\x02v="]


def _configurations() -> list[bytes]:
    return [
        config.default_text().encode(),
        b'name = "Bridge"\ninterfaces = ["lo"]\nservers = ["ws://10.0.0.1:8787"]\n',
        b"[video]\nsource = 3\n",
        b'[signaling]\ntoken = "x"\nport = 0\n[[presets]]\nlabel = "a"\nroom = 1\n',
    ]


TARGETS = (
    Target("mdns", mdns, _texts, (b"v=1", b"name=", b"NAME="), max_bytes=600),
    Target(
        "server-url",
        server_url,
        lambda: b"/42?apiKey=a%20secret /1000?apiKey= /x /0042?apiKey=a+secret&apiKey=b /\xff".split(),
        (b"apiKey=", b"&", b"%", b";", b"a%20secret"),
        limit=8192,
    ),
    Target(
        "server-error",
        server_error,
        lambda: [b'{"error": "wrong API key"}', b'{"error": 1}', b'{"error": "\\u202e"}'],
        (b'{"error"', b"\\u0000", b"\\ud800"),
        limit=limits.RELAY_MESSAGE_MAX,
    ),
    Target(
        "address",
        address,
        lambda: b"ws://10.0.0.1:8787 ws://[fd00::1]/[CHANNEL_ID]?k=[API_KEY] ws://h:99999/ wss://x".split(),
        (b"ws://", b"[CHANNEL_ID]", b"[API_KEY]", b"[", b"]", b"@", b":"),
        max_bytes=limits.SERVER_URL_MAX_CHARS,
    ),
    Target(
        "control-socket",
        control_socket,
        _requests,
        (*(f'"{verb}"'.encode() for verb in protocol.VERBS), b'"verb":', b"1e400", b"\\ud800"),
        limit=limits.CONTROL_LINE_MAX,
    ),
    Target(
        "ctl-arguments",
        arguments,
        lambda: [pieces(b"join", b"room", 0, 0, 42, b"password", 1, b"471104"), pieces(b"status")],
        tuple(verb.encode() for verb in protocol.VERBS),
        max_bytes=512,
    ),
    Target(
        "config",
        configuration,
        _configurations,
        tuple(b"[video] [[presets]] name= ''' =1e9 0x 1979-05-27 \\U0010ffff".split()),
        limit=limits.CONFIG_MAX_BYTES // 8,
    ),
)
