"""The rooms of a server: every text frame goes unchanged to the other clients of its room.

A client that sends too fast is read more slowly, so TCP holds it back, and so are all clients of one
address together; one that reads too slowly is cut off. Nobody else notices either.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from appliance.core import limits
from appliance.signaling.connections import ClientConnection
from appliance.signaling.gate import Allowance, Places


class Relay:
    """Of one server. ``tap(text)``: sees every frame that is relayed. ``count``: by stable code."""

    def __init__(
        self, places: Places, count: Callable[[str], None], tap: Callable[[str], None] | None
    ) -> None:
        self._places = places
        self._count = count
        self._tap = tap
        self._rooms: dict[int, set[ClientConnection]] = {}

    def clients(self, room: int) -> tuple[ClientConnection, ...]:
        """Who is in a room."""
        return tuple(self._rooms.get(room, ()))

    def is_full(self, newcomer: ClientConnection, room: int) -> bool:
        """Is there no place for a newcomer, or none for one of its address?"""
        members = self._rooms.get(room, set())
        same = sum(client.counted_as == newcomer.counted_as for client in members)
        return len(members) >= limits.RELAY_CLIENTS_PER_ROOM or same >= limits.RELAY_ROOM_CLIENTS_PER_ADDRESS

    async def serve(self, client: ClientConnection, room: int) -> None:
        """Pass on what a client says, until it leaves."""
        self._count("signaling.client")
        members = self._rooms.setdefault(room, set())
        members.add(client)
        loop = asyncio.get_running_loop()
        address = client.counted_as or ""  # it has none any more when what it left behind is read
        own = Allowance(limits.RELAY_FRAMES_PER_S, limits.RELAY_FRAMES_BURST, loop.time())
        try:
            async with asyncio.timeout(limits.RELAY_FIRST_FRAME_WITHIN) as silence:
                while True:
                    text = await client.recv()
                    silence.reschedule(None)
                    if not isinstance(text, str):
                        self._count("signaling.binary")
                        await self.close(client, CloseCode.UNSUPPORTED_DATA, "text only")
                        return
                    now = loop.time()
                    cost = 1 + len(text) / limits.RELAY_FRAME_CHARS
                    cost *= max(1.0, len(members) / limits.RELAY_CROWD)
                    together = self._places.frames(address, now)
                    wait = max(own.spend(cost, now), together.spend(cost, now))
                    if wait > limits.RELAY_OWED_MAX:
                        self._count("signaling.flood")
                        together.refund(cost)
                        members.discard(client)
                        client.transport.abort()
                        return
                    if wait > 0:
                        self._count("signaling.throttled")
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(wait):
                                await client.wait_closed()
                                return  # what it said in excess before it left is nobody's loss
                    self._pass_on(client, members, text)
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG:
                self._count("signaling.oversized")
        except TimeoutError:
            self._count("signaling.silent-client")
            await self.close(client, CloseCode.POLICY_VIOLATION, "nothing was said")
        finally:
            members.discard(client)
            if not members and self._rooms.get(room) is members:
                del self._rooms[room]

    def _pass_on(self, sender: ClientConnection, members: set[ClientConnection], text: str) -> None:
        if sender not in members:  # its room was closed while the frame waited
            return
        self._count("signaling.relayed")
        if self._tap is not None:
            self._tap(text)
        broadcast([client for client in members if client is not sender], text)
        for client in list(members):
            if client.transport.get_write_buffer_size() > limits.RELAY_BACKLOG_MAX:
                self._count("signaling.slow-reader")
                members.discard(client)
                client.transport.abort()

    async def close(self, client: ClientConnection, code: int, reason: str) -> None:
        """Send a client out."""
        for members in self._rooms.values():
            members.discard(client)  # at once: nothing is relayed to it during the closing handshake
        await client.close(code, reason)
