"""A meeting as the screen shows it: its tiles, its door, and every link of its members.

Times are seconds of the monotonic clock (``time.monotonic()``).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class TileState(enum.Enum):
    """The state of one remote peer's tile."""

    CONNECTING = "connecting"  # known, no picture yet
    LIVE = "live"
    RECONNECTING = "reconnecting"  # no heartbeat for limits.SILENT_AFTER


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
