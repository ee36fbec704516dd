"""The joining window of one room, as its shell: every member is told, and people read who moved it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from appliance.app.peer_shell import PeerShell
from appliance.app.surroundings import Surroundings
from appliance.core import messages as m
from appliance.core.door import Door
from appliance.core.peer import Peer
from appliance.core.room import Window
from appliance.core.view import Tone
from appliance.core.whereabouts import Me
from appliance.errors import RemoteProtocolError


class Doorway:
    """Of one room. ``me()``: this box as it is now. ``moved()``: it was opened or closed. ``arm()``: it
    has another deadline.
    """

    def __init__(
        self,
        around: Surroundings,
        room: int,
        peers: Mapping[str, PeerShell],
        me: Callable[[], Me],
        moved: Callable[[], None],
        arm: Callable[[], None],
    ) -> None:
        self._around = around
        self._room = room
        self._peers = peers
        self._me = me
        self._moved = moved
        self._arm = arm
        meeting = os.urandom(16).hex()
        self._door = Door(room, meeting, around.joining_minutes, me().identity, me().name, around.now())
        self._told = False  # somebody told us how it is
        self.shut = False
        """It is closed, and everybody is out of the channels."""

    @property
    def window(self) -> Window:
        """As it is now."""
        return self._door.window

    @property
    def message(self) -> m.Door:
        """What to tell a member."""
        return self._door.message(self._around.now())

    def resume(self, door: m.Door) -> None:
        """This box restarted, and the window was like that."""
        self._door.heard(door, self._around.now())

    def move(self, is_open: bool) -> None:
        """A person at this box opens or closes it, for everybody."""
        self._door.move(is_open, self._around.now())
        self._tell()
        self.follow()

    def heard(self, peer: Peer, door: m.Door) -> None:
        """A member says how long it is open; the newest of all is passed on."""
        counter = self.window.counter
        first, self._told = not self._told, True
        try:
            changed = self._door.heard(door, self._around.now())
        except RemoteProtocolError as error:
            self._around.count(error.code)
            return
        if not changed:
            return
        self._tell(but=peer.peer_id)
        if door.counter > counter and not first:  # the first one is only how things are
            did = "opened the meeting to newcomers" if door.open else "closed the meeting to newcomers"
            self._around.notify(f"{self._who_is(door.identity)} {did}", Tone.CALM)
        self.follow()

    def deadline(self) -> float | None:
        """When ``tick`` will close it, or None while it is closed."""
        return self._door.deadline()

    def tick(self, now: float) -> None:
        """Close it when its time is over."""
        if self._door.tick(now):
            self.follow()
            self._around.notify("The meeting is closed to newcomers now", Tone.CALM)

    def follow(self) -> None:
        """Be in the channels while it is open, and nowhere when it is closed."""
        shut = not self.window.open
        if shut != self.shut:
            self.shut = shut
            self._moved()
            if shut:
                self._around.close_room(self._room)
        self._around.changed()
        self._arm()

    def _tell(self, but: str = "") -> None:
        self._around.keep()
        door = self.message
        for peer_id, shell in self._peers.items():
            if peer_id != but:
                shell.run(shell.machine.say_door(door))

    def _who_is(self, box_key: bytes) -> str:
        """The name of a box by its long-term key; what a box calls itself elsewhere proves nothing."""
        if box_key == self._me().identity.public_key:
            return self._me().name
        names = [s.machine.name for s in self._peers.values() if s.machine.box_key == box_key]
        return names[0] if names else "Another box"
