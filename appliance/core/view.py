"""What the screen shows, as immutable values.

The network thread publishes a ``Snapshot`` whenever something changed; the display reads the
newest one and never asks the network. What a person does comes back as one of ``intents``.
Times are seconds of the monotonic clock (``time.monotonic()``), which both threads share.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from appliance.core.call_view import CallView
from appliance.core.settings_view import SettingsView
from appliance.core.words import Text


class Phase(enum.Enum):
    """Where the box is in its life, as far as the screen is concerned."""

    IDLE = "idle"  # home, or somebody is typing
    JOINING = "joining"  # the last key was pressed; nobody has answered yet
    IN_CALL = "in-call"


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
    """``kind``: "wired", "wireless", "local" (loopback only), "none", or "unknown" while the box starts."""

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
