"""What every link of this box shares: where pictures and sound come from and go to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from appliance.core.picture import Picture
from appliance.media.audio.engine import AudioEngine
from appliance.media.fanout import Fanout, SoundFanout


@dataclass(frozen=True, slots=True)
class MediaParts:
    """Of one box, for one room.

    ``hosts``: our own addresses. ``may_dial(address)``: is it on our networks?
    ``show(tile, picture)`` may be called on any thread; None takes the picture off the tile.
    ``forget(tile)``: nothing will be shown there again.
    ``used_fingerprints``: of every certificate in use by this box's links.
    ``link_closed()``: one is over, and its memory waits for the garbage collector.
    """

    hosts: Callable[[], tuple[str, ...]]
    may_dial: Callable[[str], bool]
    video: Fanout
    sound: SoundFanout
    engine: AudioEngine
    show: Callable[[str, Picture | None], None]
    forget: Callable[[str], None]
    used_fingerprints: Callable[[], Collection[str]]
    link_closed: Callable[[], None]
