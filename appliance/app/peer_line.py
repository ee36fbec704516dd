"""The direct line of one peer, as its shell: dialed, read, sent on, and replaced by another one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from appliance.app.lines import dial_peer
from appliance.core import limits
from appliance.core import peer_effects as core
from appliance.core.channel import SealedChannel
from appliance.core.identity import BoxIdentity
from appliance.core.line_secrets import LineSecrets
from appliance.core.peer import Peer
from appliance.errors import MeetingBoxError
from appliance.signaling.line_socket import LineClosed, LineSocket


class PeerLine:
    """Owns the line's socket.

    ``run``: carry out what the machine decides. ``spawn(work, what)``: run it as a task of the peer's.
    ``may_dial(address)``: is it on our networks? ``count``: by stable code.
    """

    def __init__(
        self,
        machine: Peer,
        identity: BoxIdentity,
        secrets: LineSecrets,
        now: Callable[[], float],
        *,
        run: Callable[[list[core.Effect]], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        may_dial: Callable[[str], bool],
        count: Callable[[str], None],
    ) -> None:
        self._machine = machine
        self._identity = identity
        self._secrets = secrets
        self._now = now
        self._run = run
        self._spawn = spawn
        self._may_dial = may_dial
        self._count = count
        self._socket: LineSocket | None = None
        self.ended = False
        """The peer is over: no line is kept any more."""
        self._by_leader = False  # our line was dialed by the leader of the pair
        self._since = 0.0
        self._sending = 0  # frames that are on their way into the socket

    @property
    def queue(self) -> tuple[int, int]:
        """(frames that wait to be sent, the most that may)."""
        return self._sending, limits.LINE_SENDS_MAX

    def opened(self, socket: LineSocket, channel: SealedChannel, *, dialed_here: bool) -> None:
        """A line to this peer is proven. Of two that crossed, both sides keep the leader's."""
        by_leader = dialed_here == self._machine.leads
        crossed = self._socket is not None and self._now() - self._since < limits.LINE_REDIAL_EVERY
        if self.ended or (crossed and self._by_leader and not by_leader):
            self._spawn(socket.close(), "close line")
            return
        self.drop()
        self._socket = socket
        self._by_leader, self._since = by_leader, self._now()
        self._spawn(self._read(socket), "line")
        self._run(self._machine.line_up(channel, self._now()))

    async def dial(self, addresses: tuple[str, ...], port: int) -> None:
        """Open a line at the first of these addresses where the other box shows that it is it."""
        reachable = tuple(address for address in addresses if self._may_dial(address))
        try:
            socket, channel = await dial_peer(
                reachable, port, self._machine.peer_id, self._secrets, self._identity, self._now
            )
        except MeetingBoxError as error:
            self._count(error.code)
            # Nobody listens there, or a box that has forgotten us: it left, or began anew.
            refused, unknown = error.code == "line.refused", error.code == "line.unknown"
            self._run(self._machine.line_failed(refused, self._now(), unknown))
        else:
            self.opened(socket, channel, dialed_here=True)

    async def _read(self, socket: LineSocket) -> None:
        try:
            while True:
                frame = await socket.receive()
                if self._socket is not socket:  # it was replaced: its keys are not the line's any more
                    return
                self._run(self._machine.line_frame(frame, self._now()))
        except LineClosed as closed:
            if self._socket is socket:
                self._socket = None
                self._run(self._machine.line_lost(closed.reset, self._now()))

    def send(self, frame: bytes) -> None:
        """Send a sealed frame."""
        if self._sending >= limits.LINE_SENDS_MAX and self._socket is not None:
            # A frame left out would make every later one come before its turn: a new line it is.
            self._count("line.stuck")
            self._spawn(self._socket.close(), "close line")
            return
        self._sending += 1
        self._spawn(self._send(frame), "send")

    async def _send(self, frame: bytes) -> None:
        try:
            if self._socket is None:
                self._count("line.not-sent")
                return
            await self._socket.send(frame)
        except LineClosed:
            self._count("line.not-sent")  # its reader tells the machine
        finally:
            self._sending -= 1

    def leave_addresses(self, ours: tuple[str, ...]) -> None:
        """Our own addresses are these now: a line that is bound to another one is over."""
        if self._socket is not None and self._socket.local not in ours:
            self.drop()
            self._run(self._machine.line_lost(False, self._now()))

    def drop(self) -> None:
        """Close the line."""
        if self._socket is not None:
            socket, self._socket = self._socket, None
            self._spawn(socket.close(), "close line")

    async def close(self) -> None:
        """Close the line, and wait for it; bounded."""
        if self._socket is not None:
            socket, self._socket = self._socket, None
            await socket.close()
