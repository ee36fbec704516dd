"""What a finger or a script wants: the display sends it, the box does it.

``settings_view`` has the intents of the settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.core.settings_view import SettingsIntent


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
