"""What is said on the control socket: one JSON object a line, a request and its reply in turn.

A request names its verb: ``{"verb":"join","room":42,"password":"…"}``. The reply is
``{"ok":true, …}`` or ``{"ok":false,"code":"…","message":"…"}``; the code is stable, the message is
a sentence for a person. ``status`` answers with the fields of ``Status``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from appliance.core import limits
from appliance.errors import ControlError

Room = Annotated[int, msgspec.Meta(ge=limits.ROOM_MIN, le=limits.ROOM_MAX)]
Password = Annotated[
    str, msgspec.Meta(min_length=limits.PASSWORD_MIN_CHARS, max_length=limits.PASSWORD_MAX_CHARS)
]
PeerName = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.PEER_ID_MAX_CHARS)]
FilePath = Annotated[
    str, msgspec.Meta(min_length=2, max_length=limits.SOURCE_MAX_CHARS, pattern=r"^/[^\0]*$")
]
Switch3 = Literal["on", "off", "toggle"]
KEYS: tuple[str, ...] = (*"0123456789", "ok", "back", "up", "down", "left", "right", "delete", "tab")
"""Keys by name. Any other single character is a key as well: of a password, or the points of an address."""

Key = Annotated[
    str, msgspec.Meta(pattern=r"\A(ok|back|up|down|left|right|delete|tab|[^\x00-\x1f\x7f-\x9f])\Z")
]


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="verb", kw_only=True):
    pass


class GetStatus(_Request, frozen=True, tag="status"):
    """Everything about the box at this moment: a ``Status``."""


class Join(_Request, frozen=True, tag="join"):
    """Join a meeting; one that the box is in is put on hold. ``password`` is not in the representation."""

    room: Room
    password: Password

    def __repr__(self) -> str:
        return f"Join(room={self.room})"


class Leave(_Request, frozen=True, tag="leave"):
    """Leave a meeting, or give up joining it. ``room``: the active one where it is not said."""

    room: Room | None = None


class SwitchRoom(_Request, frozen=True, tag="switch"):
    """Give another one of the rooms that this box is in microphone, camera, speaker and screen. The one
    that had them is put on hold.
    """

    room: Room


class Mute(_Request, frozen=True, tag="mute"):
    """Mute the microphone (``on``), open it (``off``), or the other of the two."""

    state: Switch3 = "toggle"


class Camera(_Request, frozen=True, tag="camera"):
    """Show the camera's picture to the others, or a poster."""

    state: Switch3 = "toggle"


class AllowJoining(_Request, frozen=True, tag="allow-joining"):
    """Open the meeting's door to newcomers, or close it at once."""

    state: Literal["on", "off"]


class Admit(_Request, frozen=True, tag="admit"):
    """Let one newcomer try, within a minute, although there were too many wrong passwords."""


class Peer(_Request, frozen=True, tag="peer"):
    """Do something to one remote picture. ``peer`` is its id, or its name where only one has it."""

    peer: PeerName
    action: Literal["mute", "close", "pin"]


class MoveTile(_Request, frozen=True, tag="move-tile"):
    """Put one remote picture at another place, from 1; it stays there while this box is in the room."""

    peer: PeerName
    place: Annotated[int, Meta(ge=1, le=limits.PEERS_MAX)]


class Layout(_Request, frozen=True, tag="layout"):
    """All tiles alike, or the active speaker large."""

    layout: Literal["grid", "speaker"]


class Tiles(_Request, frozen=True, tag="tiles"):
    """Show nobody's picture, names only (``hide``), or all of them again (``show``)."""

    state: Literal["hide", "show"]


class Press(_Request, frozen=True, tag="press"):
    """Press a key as a finger would."""

    key: Key


class Screenshot(_Request, frozen=True, tag="screenshot"):
    """Write what is on the screen to a PNG file; an absolute path, written by the box's own user."""

    file: FilePath


class Screen(_Request, frozen=True, tag="screen"):
    """Close the screen or window, or open it; the meeting goes on either way, drawn on nothing."""

    state: Literal["open", "close"]


class GetStats(_Request, frozen=True, tag="stats"):
    """The long list of numbers behind ``status``.

    ``sequence``: also what a ``test`` speaker heard of each box's test sequence; that is computed
    anew each time and takes tens of milliseconds, which a box in a call feels. ``since``: latencies,
    the loop's lateness and test sequences of this monotonic time (``now`` of another ``stats``) and later
    only.
    """

    sequence: bool = False
    since: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0


class RestartSignaling(_Request, frozen=True, tag="restart-signaling"):
    """Drop every client of the box's signaling server and listen anew; a meeting goes on meanwhile."""


class RunDoctor(_Request, frozen=True, tag="doctor"):
    """Look at every device and the network: the report of ``meetingbox doctor``."""


class Connect(_Request, frozen=True, tag="connect"):
    """Look whether a box is at this address (IP address, perhaps with a port), and ask it from now on
    whenever a room is joined."""

    address: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.ADDRESS_MAX_CHARS)]


class CheckSound(_Request, frozen=True, tag="sound-check"):
    """Play tones and say what the microphone heard of them; takes 7 s, and not in a meeting."""


Request = (
    GetStatus
    | Join
    | Leave
    | SwitchRoom
    | Mute
    | Camera
    | AllowJoining
    | Admit
    | Peer
    | MoveTile
    | Layout
    | Tiles
    | Press
    | Screenshot
    | Screen
    | GetStats
    | RestartSignaling
    | RunDoctor
    | CheckSound
    | Connect
)

REQUESTS: tuple[type[_Request], ...] = (
    GetStatus, Join, Leave, SwitchRoom, Mute, Camera, AllowJoining, Admit, Peer, MoveTile, Layout, Tiles,
    Press, Screenshot, Screen, GetStats, RestartSignaling, RunDoctor, CheckSound, Connect,
)  # fmt: skip
VERBS: tuple[str, ...] = tuple(str(request.__struct_config__.tag) for request in REQUESTS)


# --- What ``status`` answers ----------------------------------------------------------------------


class JoiningStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The door. ``closes_in_s`` is None while it is closed."""

    open: bool = False
    closes_in_s: float | None = None


class StrangersStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Newcomers that this box never met. ``wrong``: wrong passwords in this meeting. ``shut_out``: there were
    too many of them; ``again_in_s``: until newcomers may try again, None where only a person lets them.
    ``admitted``: a person has let one try.
    """

    shut_out: bool = False
    again_in_s: float | None = None
    admitted: bool = False
    wrong: int = 0


class RoomStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A room that the box is in. ``active``: it has microphone, camera, speaker and screen; the others are
    on hold. ``state``: joining or in-call. ``peers``: the names of the other boxes.
    """

    room: int
    active: bool
    state: str
    peers: tuple[str, ...] = ()
    joining: JoiningStatus = JoiningStatus()


class BoxStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A box seen on this network."""

    name: str
    address: str
    present: bool


class SendingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Which layer of our pictures a peer gets, "" for none, and what it asked for. ``cap``: the largest
    that its link carries. ``capped_by``: why ``layer`` is less than ``wanted``: loss, rtt, uplink, or "".
    """

    layer: str = ""
    wanted: str = ""
    cap: str = "H"
    capped_by: str = ""


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One remote peer and its picture as drawn here.

    ``state``: connecting, live or reconnecting. ``muted_here``: nobody at this box hears it.
    ``held``: its person is in another room just now.
    ``layer``: H, M, L or "" (no picture). ``width``, ``height``: pixels of the last picture drawn.
    ``loss``: share of packets, 0 to 1. ``skew_ms``: how much
    later a sound is heard than the picture of its moment is seen; ``picture_wait_ms``: how long pictures
    wait for that. Times in milliseconds; None: not known (yet).
    """

    id: str
    name: str
    state: str
    layer: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    latency_ms: float | None = None
    rtt_ms: float | None = None
    loss: float | None = None
    muted: bool = False
    muted_here: bool = False
    speaking: bool = False
    held: bool = False
    skew_ms: float | None = None
    picture_wait_ms: float = 0.0
    sending: SendingStatus = SendingStatus()


class LinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The link of two boxes of the active room, by their names; of what both ends say, the worse.

    ``state``: live, connecting, lost, none (they do not see each other), away or unknown.
    ``quality``: 3 good, 2 fair, 1 bad, 0 not known. ``loss``: 0 to 1. ``layer``: of the smaller picture.
    """

    one: str
    other: str
    state: str
    quality: int = 0
    loss: float = 0.0
    rtt_ms: int = 0
    layer: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The box at one moment. ``state``: idle, joining or in-call. ``room``: the active one. ``state``,
    ``room``, ``joining`` and ``peers`` are about the active room, ``rooms`` are all that the box is in.

    ``away``: the names of members that are out of reach. ``links``: every link of the active room, those
    between others too. ``muted``: its own microphone. ``echo_control``: "on" or "off", and why if not as
    usual. ``says``: the sentences on its screen that tell what happened: why joining failed, and the notices
    of this moment. ``problems``: what home says that a person has to put right, but for the devices'.
    """

    v: int = 1
    id: str
    name: str
    state: str
    room: int | None = None
    rooms: tuple[RoomStatus, ...] = ()
    joining: JoiningStatus = JoiningStatus()
    boxes: tuple[BoxStatus, ...] = ()
    peers: tuple[PeerStatus, ...] = ()
    away: tuple[str, ...] = ()
    links: tuple[LinkStatus, ...] = ()
    muted: bool = False
    echo_control: str = ""
    says: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    strangers: StrangersStatus = StrangersStatus()
    counters: Mapping[str, int] = {}

    def reply(self) -> dict[str, Any]:
        """The status as the body of a reply."""
        body: dict[str, Any] = msgspec.to_builtins(self)
        return body


# --- Codec ------------------------------------------------------------------------------------

_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


def decode_request(line: bytes) -> Request:
    """Parse one line. Raises ControlError: ``control.json``, ``control.verb`` or ``control.argument``."""
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ControlError("control.json", "The request is not a JSON object on one line.") from None


def _explain(message: str) -> ControlError:
    """Turn msgspec's message into a sentence; it quotes no value, so no password either."""
    text, _, at = message.partition(" - at `$")
    key = at.rstrip("`").removeprefix(".")
    if key == "verb" or "required field `verb`" in text:
        return ControlError("control.verb", f"A request needs a verb, one of: {', '.join(VERBS)}.")
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", text):
        return ControlError("control.argument", f"The request lacks “{missing[1]}”.")
    if text.startswith("Object contains unknown field"):
        return ControlError("control.argument", "The request has a field that its verb does not know.")
    if key == "room":
        words = f"a number from {limits.ROOM_MIN} to {limits.ROOM_MAX}"
        return ControlError("control.argument", f"The room must be {words}.")
    if key == "password":
        words = f"{limits.PASSWORD_MIN_CHARS} to {limits.PASSWORD_MAX_CHARS} characters"
        return ControlError("control.argument", f"The password must have {words}.")
    if key == "address":
        words = f"1 to {limits.ADDRESS_MAX_CHARS} characters"
        return ControlError("control.argument", f"The address must have {words}.")
    if key == "file":
        return ControlError("control.argument", "The file must be an absolute path.")
    if key == "key":
        return ControlError("control.argument", f"There is no such key; there are: {' '.join(KEYS)}.")
    if key:
        return ControlError("control.argument", f"“{key}” is not what its verb expects.")
    return ControlError("control.json", "The request is not a JSON object on one line.")


def encode_request(request: Request) -> bytes:
    """The request as one line, with its line end."""
    return msgspec.json.encode(request) + b"\n"


def make_request(verb: str, arguments: Mapping[str, object]) -> Request:
    """Build a checked request. Raises ControlError as ``decode_request`` does."""
    return decode_request(msgspec.json.encode({**arguments, "verb": verb}))


def encode_reply(body: Mapping[str, object]) -> bytes:
    """A reply that says yes. Raises ControlError for one that is too large or no JSON."""
    try:
        line = msgspec.json.encode({**body, "ok": True}) + b"\n"
    except (TypeError, ValueError, RecursionError, OverflowError):
        raise ControlError("control.internal", "The box made a reply that can't be written.") from None
    if len(line) > limits.CONTROL_REPLY_MAX:
        raise ControlError("control.reply-size", "The reply is larger than the control socket carries.")
    return line


def encode_refusal(code: str, message: str) -> bytes:
    """A reply that says no."""
    return msgspec.json.encode({"ok": False, "code": code, "message": message}) + b"\n"
