"""Control messages: on the data channel of a connection."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from appliance.core.messages.fields import U32, Mac, Message
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


Control = Bind | Heartbeat | Constraints | MediaState | SameRoom | Leaving
