"""The door of one room: the joining window, with the signature of whose person moved it last.

The newest ``door`` message is kept and passed on as it is, except for the time that is left, which each
member tells by its own clock. A member that moves the door too often is not followed.
"""

from __future__ import annotations

import msgspec

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.guesses import Bucket
from appliance.core.identity import BoxIdentity
from appliance.core.room import JoiningWindow, Window
from appliance.errors import RemoteProtocolError


class Door:
    """As one member knows it. ``meeting``: 32 hex digits. ``minutes``: how long it is open at first.

    ``name``: this box's. Times are monotonic seconds.
    """

    def __init__(
        self, room: int, meeting: str, minutes: float, identity: BoxIdentity, name: str, now: float
    ) -> None:
        self._room = room
        self._identity = identity
        self._name = name
        self._joining = JoiningWindow(meeting, minutes, now)
        self._newest: m.Door | None = None
        self._moves = Bucket(limits.DOORS_BURST, limits.DOOR_EVERY, now)

    @property
    def window(self) -> Window:
        return self._joining.window

    def move(self, is_open: bool, now: float) -> None:
        """A person at this box opens it, for the full time again, or closes it."""
        self._joining.set_open(is_open, self._name, now)
        self._newest = self._sign(now)

    def message(self, now: float) -> m.Door:
        """What to tell other members."""
        newest, window = self._newest, self.window
        if newest is None or (newest.counter, newest.meeting.hex()) != (window.counter, window.meeting):
            newest = self._newest = self._sign(now)
        return msgspec.structs.replace(newest, remaining_ms=_remaining_ms(window, now))

    def heard(self, door: m.Door, now: float) -> bool:
        """A member told us; return whether ours changed.

        Raises RemoteProtocolError: ``door.too-often``, ``door.signature``, ``door.counter-jump``,
        ``door.too-long``.
        """
        door.verify(self._room)
        if door.counter > self.window.counter and not self._moves.take(now):
            self._joining.saw(door.counter)
            raise RemoteProtocolError("door.too-often", "A member moves the joining window all the time.")
        window = Window(
            door.meeting.hex(), door.counter, door.open, now + door.remaining_ms / 1000, door.name
        )
        if not self._joining.heard(window, now):
            return False
        self._newest = door
        return True

    def deadline(self) -> float | None:
        """When ``tick`` will close it, or None while it is closed."""
        return self._joining.deadline()

    def tick(self, now: float) -> bool:
        """Close it when its time is over; return whether it closed now."""
        return self._joining.tick(now)

    def _sign(self, now: float) -> m.Door:
        window = self.window
        return m.Door.signed(
            self._identity,
            self._name,
            self._room,
            bytes.fromhex(window.meeting),
            window.counter,
            window.open,
            _remaining_ms(window, now),
        )


def _remaining_ms(window: Window, now: float) -> int:
    return int(window.remaining(now) * 1000)
