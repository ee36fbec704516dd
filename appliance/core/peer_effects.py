"""What the link machine of one peer (``core/peer.py``) tells its shell to do, in order."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from appliance.core import messages as m


class GoneReason(enum.Enum):
    """Why a peer ended; the value is the stable code."""

    LEFT = "peer.left"  # it said so
    VANISHED = "peer.vanished"  # its line was reset and refused
    SILENT = "peer.silent"  # GONE_AFTER without a sign
    UNPROVEN = "peer.unproven"  # no identity in time, or one that did not hold
    UNREACHABLE = "peer.unreachable"  # proven, but no connection could be built
    LEAVING = "peer.leaving"  # this box leaves


# --- Effects: what the shell must do, in order ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToRelay:
    """Send a sealed frame over the relay on which the pair was proven."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class ToLine:
    """Send a sealed frame over the direct line."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Dial:
    """Dial the other box's server and prove who we are there (``core/line.py``)."""

    addresses: tuple[str, ...]
    port: int


@dataclass(frozen=True, slots=True)
class DropLine:
    """Close the direct line."""


@dataclass(frozen=True, slots=True)
class MakeOffer:
    """Build a new connection and make its offer; answer with ``Peer.offer_made``."""

    generation: int


@dataclass(frozen=True, slots=True)
class MakeAnswer:
    """Build a new connection for their offer; answer with ``Peer.answer_made``."""

    generation: int
    sdp: str


@dataclass(frozen=True, slots=True)
class TakeAnswer:
    """Give their answer to the connection that made the offer."""

    generation: int
    sdp: str


@dataclass(frozen=True, slots=True)
class ToControl:
    """Send a message on a connection's data channel."""

    generation: int
    data: bytes


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """The connection is bound: pictures and sound may flow; close every older connection."""

    generation: int


@dataclass(frozen=True, slots=True)
class DropLink:
    """Close a connection."""

    generation: int


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that the screen or ``status`` shows of this peer changed."""


@dataclass(frozen=True, slots=True)
class Identified:
    """The other box proved its identity inside the seal: ``name`` and ``box_id`` are known."""


@dataclass(frozen=True, slots=True)
class Away:
    """The peer is off the screen and stays a member; ``reason``: VANISHED or SILENT."""

    reason: GoneReason


@dataclass(frozen=True, slots=True)
class Returned:
    """A peer that was away is there again."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Its line is up again: it may have missed what was said meanwhile."""


@dataclass(frozen=True, slots=True)
class Wants:
    """The other box's tile of our picture changed size: ``max_height`` pixels, or not visible."""

    max_height: int
    max_fps: int
    visible: bool


@dataclass(frozen=True, slots=True)
class HeardRoster:
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeardDoor:
    door: m.Door


@dataclass(frozen=True, slots=True)
class HeardGuesses:
    """A member tells of wrong proofs of strangers: (id, seconds ago)."""

    wrong: tuple[tuple[bytes, float], ...]


@dataclass(frozen=True, slots=True)
class HeardIntroduction:
    """An introduction came from this peer, for us or to be carried on."""

    message: m.Introduction


@dataclass(frozen=True, slots=True)
class HeardSameRoom:
    """The other box found that both are in one room."""


@dataclass(frozen=True, slots=True)
class HeardLinks:
    """A member tells of every link that it has."""

    links: tuple[m.Link, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame of this peer was dropped; count it under its code."""

    code: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The peer is gone: close its line and its connections."""

    reason: GoneReason


Effect = (
    ToRelay
    | ToLine
    | Dial
    | DropLine
    | MakeOffer
    | MakeAnswer
    | TakeAnswer
    | ToControl
    | OpenMedia
    | DropLink
    | Identified
    | Changed
    | Away
    | Returned
    | Reached
    | Wants
    | HeardRoster
    | HeardDoor
    | HeardGuesses
    | HeardIntroduction
    | HeardSameRoom
    | HeardLinks
    | Refused
    | Ended
)
