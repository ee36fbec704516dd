"""Control messages: on the data channel of a connection."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from appliance.core import limits
from appliance.core.messages.fields import U32, Mac, Message, PeerId, check_name
from appliance.core.messages.sealed import Leaving


class Bind(Message, frozen=True, kw_only=True, tag_field="type", tag="bind"):
    """This connection is this pair's: the first message each way, see ``channel.bind_mac``."""

    mac: Mac


class Heartbeat(Message, frozen=True, kw_only=True, tag_field="type", tag="heartbeat"):
    """I am here. ``seq``: 1, 2, 3... ``echo``: your last ``seq`` that I got, 0 for none.

    ``held_ms``: how long I have had it. The round trip is the time since ``echo`` was sent, less
    ``held_ms``.
    """

    seq: U32
    echo: U32
    held_ms: Annotated[int, Meta(ge=0, le=60_000)]


class Constraints(Message, frozen=True, kw_only=True, tag_field="type", tag="constraints"):
    """How large your stream is drawn here: pixels, pictures per second, and whether at all."""

    stream: Literal["video"] = "video"
    max_height: Annotated[int, Meta(ge=0, le=8192)]
    max_fps: Annotated[int, Meta(ge=0, le=240)]
    visible: bool


class MediaState(Message, frozen=True, kw_only=True, tag_field="type", tag="mediaState", omit_defaults=True):
    """Whether my microphone is muted and my camera on.

    ``held``: I am in another room just now, neither heard nor seen here, and want nothing but heartbeats.
    """

    muted: bool
    camera_on: bool
    held: bool = False


class SameRoom(Message, frozen=True, kw_only=True, tag_field="type", tag="sameRoom"):
    """Both our microphones hear the same people: one of us must be silent (``core/same_room.py``)."""


class Link(Message, frozen=True, kw_only=True):
    """One of the sender's links, as its own end knows it. ``peer``, ``name``: who is at the other end.

    ``quality``: 0 not known, 1 bad, 2 fair, 3 good. ``loss_pm``: of the packets that came lately, in
    thousandths. ``layer``: of the picture that comes, "" for none.
    """

    peer: PeerId
    name: Annotated[str, Meta(max_length=limits.NAME_MAX_BYTES)]
    state: Literal["connecting", "live", "silent", "away"]
    quality: Annotated[int, Meta(ge=0, le=3)]
    loss_pm: Annotated[int, Meta(ge=0, le=1000)]
    rtt_ms: Annotated[int, Meta(ge=0, le=limits.LINK_RTT_MAX_MS)]
    layer: Literal["", "H", "M", "L"]


class Links(Message, frozen=True, kw_only=True, tag_field="type", tag="links"):
    """Every link of the sender in this room (``core/mesh.py``). Hints, not authority."""

    links: Annotated[list[Link], Meta(max_length=limits.PEERS_MAX)]

    def check(self) -> None:
        """Raise ValueError for a name that no box has, or a peer that is named twice."""
        for link in self.links:
            check_name(link.name)
        if len({link.peer for link in self.links}) < len(self.links):
            raise ValueError("peer")


Control = Bind | Heartbeat | Constraints | MediaState | SameRoom | Links | Leaving
