"""What the screen shows, as immutable values.

The network thread publishes a ``Snapshot`` whenever something changed; the display reads the
newest one and never asks the network. What a person does comes back as an ``Intent``.
Times are seconds of the monotonic clock (``time.monotonic()``), which both threads share.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from appliance.core.settings_view import SettingsIntent, SettingsView
from appliance.core.words import Text


class Phase(enum.Enum):
    """Where the box is in its life, as far as the screen is concerned."""

    IDLE = "idle"  # home, or somebody is typing
    JOINING = "joining"  # the last key was pressed; nobody has answered yet
    IN_CALL = "in-call"


class TileState(enum.Enum):
    """The state of one remote peer's tile."""

    CONNECTING = "connecting"  # known, no picture yet
    LIVE = "live"
    RECONNECTING = "reconnecting"  # no heartbeat for limits.SILENT_AFTER


class Tone(enum.Enum):
    """How a notice feels; the display maps it to a colour."""

    CALM = "calm"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class BoxSeen:
    """Another box. ``seen_at`` is when it was last known to be there.

    ``found_by``: "mdns"; or that does not show it, and it was asked at its address: "known", from a meeting,
    from an address that a person typed or from before, the likeliest first; "server", of the configuration.
    Those may have no ``seen_at`` (0) and no ``name``.
    """

    name: str
    address: str
    present: bool
    seen_at: float
    found_by: str = "mdns"

    @property
    def elsewhere(self) -> bool:
        """Discovery does not show it."""
        return self.found_by != "mdns"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about this box that a person has to put right. ``code``: stable, for logs.

    ``sentence``: what is wrong, and its remedy.
    """

    code: str
    sentence: Text


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device as the home screen's status line and ``doctor`` show it.

    ``kind``: "camera", "microphone", "speaker". ``label``: a person's word for the device in use.
    ``problem``: an empty string, or a sentence with its remedy.
    """

    kind: str
    label: str
    problem: Text = ""


@dataclass(frozen=True, slots=True)
class NetworkView:
    """``kind``: "wired", "wireless", "local" (loopback only) or "none"."""

    kind: str
    address: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A room that one press dials; the password is typed each time."""

    label: str
    room: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for a person. ``id`` grows by one per notice, so that the screen shows each once."""

    id: int
    text: Text
    tone: Tone
    at: float


@dataclass(frozen=True, slots=True)
class TileView:
    """One remote peer. ``quality``: 0 unknown, 1 bad, 2 fair, 3 good. ``layer``: "H", "M", "L" or "".

    ``since``: when it came. ``no_picture``: its camera is on, but no picture came for ``NO_PICTURE_AFTER``.
    ``muted``: its own microphone is off. ``held``: its person is in another room just now.
    ``muted_here``: somebody at this box doesn't want to hear it.
    ``meter``: how loud it is, 0 to ``METER_STEPS``.
    """

    peer: str
    name: str
    state: TileState
    muted: bool = False
    camera_on: bool = True
    speaking: bool = False
    quality: int = 0
    layer: str = ""
    muted_here: bool = False
    meter: int = 0
    held: bool = False
    since: float = 0.0
    no_picture: bool = False


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room that this box is in. ``active``: the one on the screen; the others are on hold.

    ``boxes``: how many are in it, this one included.
    """

    room: int
    active: bool
    boxes: int


@dataclass(frozen=True, slots=True)
class JoinView:
    """A room that is being joined. ``until``: it is decided by then, monotonic seconds.

    ``asked``: other boxes and servers that were asked so far. ``proving``: one answered, and the password is
    being checked.
    """

    room: int
    until: float
    asked: int = 0
    proving: bool = False


@dataclass(frozen=True, slots=True)
class JoiningView:
    """The joining window. ``closes_at`` is None while it is closed."""

    open: bool
    closes_at: float | None


@dataclass(frozen=True, slots=True)
class ShutOutView:
    """Newcomers are shut out after wrong passwords. ``until``: monotonic seconds; None: by hand only.

    ``admitted``: a person has let the next one try.
    """

    until: float | None
    admitted: bool = False


@dataclass(frozen=True, slots=True)
class AwayView:
    """A member that is out of reach, and may come back without a password. ``since``: when it was lost."""

    peer: str
    name: str
    since: float


class LinkState(enum.Enum):
    """How two boxes of a meeting are connected, as both ends say."""

    LIVE = "live"
    CONNECTING = "connecting"
    LOST = "lost"  # no heartbeat: a new connection is being made
    NONE = "none"  # they never met, or have given each other up
    AWAY = "away"  # one of them is out of reach for the other for long
    UNKNOWN = "unknown"  # neither has told


@dataclass(frozen=True, slots=True)
class MeshBox:
    """A box of a meeting. ``away``: nobody reaches it."""

    peer: str
    name: str
    away: bool = False


@dataclass(frozen=True, slots=True)
class MeshLink:
    """The link of two boxes, by their peer ids; of what both ends say, the worse.

    ``quality``: 0 not known, 1 bad, 2 fair, 3 good. ``loss``: 0 to 1; ``rtt_ms``: the round trip; ``layer``:
    the smaller one of the two pictures, "" where none comes.
    """

    one: str
    other: str
    state: LinkState
    quality: int = 0
    loss: float = 0.0
    rtt_ms: int = 0
    layer: str = ""


@dataclass(frozen=True, slots=True)
class MeshView:
    """Every link of a meeting, those between others included. ``boxes``: this one first."""

    boxes: tuple[MeshBox, ...]
    links: tuple[MeshLink, ...]


@dataclass(frozen=True, slots=True)
class CallView:
    """A meeting this box is in.

    ``password`` is set only when this box made the meeting up and nobody has joined yet: the
    start screen reads it out. ``since`` is when this box joined. ``layout``: "grid" (all tiles alike)
    or "speaker" (one large). ``pinned``: the peer that a person keeps large. ``speaker``: the one that
    speaks, or did last. ``hidden``: no pictures are shown, of nobody, the self-view included. ``meter``: how
    loud we are, 0 to ``METER_STEPS``. ``shut_out``: newcomers are not let in, None: they are.
    ``unanswered``: others are in this room and answer this box nothing: they let no newcomers in.
    ``away``: members without a tile. ``mesh``: all links, those between others too. ``arriving``: this box
    comes into a crowd just now, and the screen follows more slowly to leave the time to the connections.
    """

    room: int
    since: float
    joining: JoiningView
    tiles: tuple[TileView, ...] = ()
    muted: bool = False
    camera_on: bool = True
    password: str | None = field(default=None, repr=False)
    layout: str = "grid"
    pinned: str | None = None
    speaker: str | None = None
    hidden: bool = False
    meter: int = 0
    shut_out: ShutOutView | None = None
    unanswered: bool = False
    away: tuple[AwayView, ...] = ()
    mesh: MeshView | None = None
    arriving: bool = False

    @property
    def large(self) -> str | None:
        """The peer whose tile is large: the pinned one, else the speaker, else the first.

        None while all tiles are alike. A peer that is not here any more is never it.
        """
        here = {tile.peer for tile in self.tiles}
        if self.pinned in here:
            return self.pinned
        if self.layout != "speaker" or not here:
            return None
        return self.speaker if self.speaker in here else self.tiles[0].peer


@dataclass(frozen=True, slots=True)
class SoundCheckView:
    """The sound check while the settings' page about sound is open. ``level``: the microphone's, 0 to 1.

    ``sentence``: the last check's result or why there was none, empty before one; ``figures``: what
    was measured.
    """

    level: float = 0.0
    running: bool = False
    sentence: Text = ""
    figures: Text = ""
    tone: Tone = Tone.CALM


@dataclass(frozen=True, slots=True)
class ConnectView:
    """What became of the address of another box that a person typed. ``address``: as it was typed.

    ``busy``: it is being looked at. ``sentence``: what was found, empty while it is.
    """

    address: str
    busy: bool = False
    sentence: Text = ""
    tone: Tone = Tone.CALM


@dataclass(frozen=True, slots=True)
class LookView:
    """How the screen looks. ``theme``: "dark" or "light". ``still``: nothing on it moves by itself.

    ``language``: the code of the language that it speaks, "en", "de", "ar".
    """

    theme: str = "dark"
    still: bool = False
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the screen needs, at one moment.

    ``refusal`` is the sentence under the keypad after a failed join (None while there is none);
    ``refusal_id`` grows with every refusal, so that the keypad notices a second one alike.
    ``coming_back``: the room that the box was in when it restarted, while it looks for the others.
    ``problems``: what a person has to put right, the worst first; those of devices are in ``devices``.
    ``joining``: how a join goes that is under way.
    """

    name: str
    phase: Phase = Phase.IDLE
    boxes: tuple[BoxSeen, ...] = ()
    network: NetworkView = NetworkView("none", "")
    devices: tuple[DeviceView, ...] = ()
    presets: tuple[Preset, ...] = ()
    call: CallView | None = None
    rooms: tuple[RoomView, ...] = ()
    coming_back: int | None = None
    refusal: Text | None = None
    refusal_id: int = 0
    notices: tuple[Notice, ...] = ()
    sound_check: SoundCheckView | None = None
    connect: ConnectView | None = None
    problems: tuple[Problem, ...] = ()
    joining: JoinView | None = None
    look: LookView = LookView()
    settings: SettingsView | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, ready to be drawn.

    ``rgb``: rows from the top, ``pitch`` bytes from the start of one to the start of the next (0: no padding
    between them). It is the decoder's own memory, never written again; ``packed`` is a copy without padding.
    ``serial`` grows by one per picture of a stream. ``captured_at`` is the capture time on the
    sender's monotonic clock in seconds when it is known to be comparable with ours, else None.
    """

    rgb: bytes | bytearray | memoryview
    width: int
    height: int
    serial: int
    captured_at: float | None = None
    pitch: int = 0

    def packed(self) -> bytes:
        """Return ``width * height * 3`` bytes."""
        row = self.width * 3
        if self.pitch in (0, row):
            return bytes(self.rgb[: row * self.height])
        starts = range(0, self.pitch * self.height, self.pitch)
        return b"".join(self.rgb[start : start + row] for start in starts)


# --- Intents: what a finger or a script wants -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Join:
    """The last key of a join was pressed at ``pressed_at``."""

    room: int
    password: str = field(repr=False)
    pressed_at: float


@dataclass(frozen=True, slots=True)
class StartMeeting:
    """Make up a free-looking room number and a 6-digit password, and join it."""

    pressed_at: float


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave a meeting, or give up joining it; None: the one on the screen."""

    room: int | None = None


@dataclass(frozen=True, slots=True)
class SwitchRoom:
    """Go on with a room that is on hold; the one on the screen is put on hold."""

    room: int


@dataclass(frozen=True, slots=True)
class SetMuted:
    muted: bool


@dataclass(frozen=True, slots=True)
class SetCamera:
    on: bool


@dataclass(frozen=True, slots=True)
class AllowJoining:
    open: bool


@dataclass(frozen=True, slots=True)
class AdmitStranger:
    """Let one newcomer try although there were too many wrong passwords."""


@dataclass(frozen=True, slots=True)
class SetLayout:
    """``layout``: "grid" or "speaker"."""

    layout: str


@dataclass(frozen=True, slots=True)
class HideTiles:
    """Show nobody's picture, names only, or all of them again."""

    hidden: bool


@dataclass(frozen=True, slots=True)
class PinPeer:
    """Keep this peer large whoever speaks; None: nobody."""

    peer: str | None


@dataclass(frozen=True, slots=True)
class MutePeer:
    """Do not play this peer's sound at this box, or play it again."""

    peer: str
    muted: bool


@dataclass(frozen=True, slots=True)
class MoveTile:
    """Put a peer's tile at another place, from 0, among those of this room; it stays while the room lasts."""

    peer: str
    place: int


@dataclass(frozen=True, slots=True)
class ClosePeer:
    """End the connection to one peer, for both."""

    peer: str


@dataclass(frozen=True, slots=True)
class TilesShown:
    """The size in pixels at which each remote peer's picture is drawn; absent peers are hidden.

    ``self_view`` is the size of the self-view, or None while it is not on the screen.
    """

    sizes: tuple[tuple[str, int, int], ...]
    self_view: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class CheckSound:
    """Play the sound check's tones and say what the microphone heard."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Look whether a box is at an address that a person typed, and remember it."""

    address: str


@dataclass(frozen=True, slots=True)
class CloseConnect:
    """Nobody looks at what became of it any more."""


@dataclass(frozen=True, slots=True)
class Quit:
    """The window was closed, or the box was told to stop."""


Intent = (
    Join
    | StartMeeting
    | Leave
    | SwitchRoom
    | SetMuted
    | SetCamera
    | AllowJoining
    | AdmitStranger
    | SetLayout
    | HideTiles
    | PinPeer
    | MutePeer
    | MoveTile
    | ClosePeer
    | TilesShown
    | CheckSound
    | Connect
    | CloseConnect
    | SettingsIntent
    | Quit
)

SELF_TILE = "self"  # the frame slot of the self-view
