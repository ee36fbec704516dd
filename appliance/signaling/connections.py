"""The TCP connections of a server, counted by address from their first moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection

from appliance.core import limits
from appliance.signaling.gate import Places, read_little


class Connections:
    """Of one server. ``count``: by stable code."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self.places = Places()
        self._open: dict[str, list[ClientConnection]] = {}  # by remote address, the newest last

    def admits(self, address: str) -> bool:
        """Of the listening sockets: is this connection one too many of its address?"""
        admitted = self.places.admits(address, asyncio.get_running_loop().time())
        if not admitted:
            self._count("signaling.too-many")
        return admitted

    def take(self, connection: ClientConnection, address: str) -> bool:
        """Is there room for one more TCP connection from this address? Then it is counted.

        A full server ends the newest connection of an address that has many: nobody fills it alone.
        """
        if self.places.total >= limits.RELAY_CONNECTIONS_MAX:
            crowder = self.places.crowder(address)
            if crowder is not None:
                self._count("signaling.crowded-out")
                self._open[crowder][-1].give_up()
        if not self.places.take(address):
            self._count("signaling.too-many")
            return False
        self._open.setdefault(address, []).append(connection)
        return True

    def free(self, connection: ClientConnection, address: str) -> None:
        """A TCP connection from this address ended."""
        self.places.free(address)
        self._open[address].remove(connection)
        if not self._open[address]:
            del self._open[address]

    def connection_class(self) -> type[ClientConnection]:
        """What ``websockets`` is to make of each connection."""
        owner = self

        class Connection(ClientConnection):
            connections = owner

        return Connection


class ClientConnection(ServerConnection):
    """Counts TCP connections from the first moment, before any byte of them was read."""

    connections: Connections
    counted_as: str | None = None
    """The remote address that it has a place of, or None."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        read_little(transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if peer else ""
        if self.connections.take(self, address):
            self.counted_as = address
        else:
            self.transport.abort()

    def give_up(self) -> None:
        """Its place is needed for somebody else."""
        self._free()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._free()
        super().connection_lost(exc)

    def _free(self) -> None:
        if self.counted_as is not None:
            self.connections.free(self, self.counted_as)
            self.counted_as = None
