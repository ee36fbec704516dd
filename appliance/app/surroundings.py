"""What a session needs of its box: everything that all rooms share, as ``rooms.py`` hands it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliance.app.media_parts import MediaParts
from appliance.app.records import Records
from appliance.core.view import Tone
from appliance.core.whereabouts import Me
from appliance.core.words import Text

if TYPE_CHECKING:
    from appliance.app.session import Session


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of one room; the callbacks run on the network thread."""

    me: Callable[[str], Me]  # by peer id
    token: str = field(repr=False)
    joining_minutes: float
    uplink: int  # bit/s for all pictures together, 0 for no limit
    media: MediaParts
    records: Records
    now: Callable[[], float]
    count: Callable[[str], None]
    notify: Callable[[Text, Tone], None]
    changed: Callable[[], None]
    refused: Callable[[Session, str, Text], None]  # code and sentence: joining failed
    relay_lost: Callable[[str], None]  # the server with this key went: is its box still there?
    arriving: Callable[[], None]  # whether to keep quiet changed (core/arrival.py)
    alone: Callable[[], None]  # everybody else has left
    close_room: Callable[[int], None]  # our own server: everybody out of this room
    in_room: Callable[[int], int]  # our own server: how many connections there are in this room
    at: Callable[[str, tuple[str, ...], int], None]  # a box of this name has its server there
    same_room: bool  # look for boxes that share a room with this one
    mute: Callable[[], None]  # switch our microphone off
    cloned: Callable[[str, str], None]  # our peer id and its: it proved our own identity
    keep: Callable[[], None]  # what a restart needs changed
    nobody: Callable[[Session], None]  # after a restart nobody was found any more
