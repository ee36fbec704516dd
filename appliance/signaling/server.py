"""The signaling server that every box runs: a relay of text frames between the clients of a room.

``ws://HOST:8787/ROOM?apiKey=TOKEN`` (``access.py`` tells which keys open it). Each text frame goes
unchanged to the other clients of the room; the server understands none of them. The URL, the range
1..1000 and the JSON errors are those of the ancestor, whose browser extension works with a box.
``/line`` hands a direct line to the box itself.

What is refused, and how:

========================================  ==============================================
``apiKey`` missing                        ``{"error": "apiKey is mandatory parameter"}``, close 1008
``apiKey`` wrong                          ``{"error": "wrong API key"}``, close 1008
the path is no number                     ``{"error": "unknown id"}``, close 1008
the number is not 1..1000                 ``{"error": "out of range"}``, close 1008
the room's door is closed                 close 4403
the room is full, or of this address      close 1013
a client that says nothing                close 1008
a page of a web site (Origin http, ...)   HTTP 403
not a WebSocket                           HTTP 426 or 404 with one line of text
too many connections, or too fast         TCP reset
========================================  ==============================================

``relay.py`` says what happens to clients that send too fast, or read too slowly. Whatever a client
sends is counted, never logged.
"""

from __future__ import annotations

import asyncio
import http
import json
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from appliance.core import limits
from appliance.errors import StartError
from appliance.signaling.access import ROOM_CLOSED, room_of
from appliance.signaling.binding import bind_all, bind_code, bind_sentence
from appliance.signaling.connections import ClientConnection, Connections
from appliance.signaling.line_socket import PATH as LINE_PATH
from appliance.signaling.line_socket import LineClosed, LineSocket, quiet_logger
from appliance.signaling.relay import Relay

log = logging.getLogger(__name__)

_EXTENSION = re.compile(r"(chrome|moz|safari-web)-extension://[A-Za-z0-9.-]+")


class SignalingServer:
    """A relay on every address of the box, with one port.

    ``token``: opens it. ``port``: 0 takes a free one, the same on all addresses.
    ``allow_room(room)``: may somebody enter this room now? ``on_line(line)``: a direct line was
    opened by an unproven stranger; it lasts until it is closed, also after ``on_line`` returned.
    ``tap(text)``: sees every frame that is relayed.
    ``counters``: what happened, by stable code.
    """

    def __init__(
        self,
        token: str,
        port: int,
        *,
        allow_room: Callable[[int], bool],
        on_line: Callable[[LineSocket], Awaitable[None]],
        tap: Callable[[str], None] | None = None,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._token = token
        self._asked_port = port
        self._port = port
        self._allow_room = allow_room
        self._on_line = on_line
        self._logger = quiet_logger()
        self._listening: dict[str, Server] = {}
        self._wanted: tuple[str, ...] = ()
        self._unbound: dict[str, OSError] = {}  # address -> why it could not be bound
        self._connections = Connections(self._count)
        self._relay = Relay(self._connections.places, self._count, tap)
        self._closing: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._updating = asyncio.Lock()

    # --- life ---------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port in use; 0 as long as a free one was asked for and no address was bound."""
        return self._port

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses on which it listens now."""
        return tuple(self._listening)

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about addresses that could not be bound; they are tried again."""
        return tuple(bind_sentence(address, self._port, why) for address, why in self._unbound.items())

    def clients(self, room: int) -> int:
        """How many clients are in a room."""
        return len(self._relay.clients(room))

    async def start(self, addresses: Iterable[str]) -> None:
        """Listen on these addresses; one that vanished meanwhile is left out.

        Raises StartError (``signaling.port-in-use``, ``signaling.port-denied``); nothing is open then.
        """
        await self._rebind(addresses)
        for address, why in self._unbound.items():
            if bind_code(why) != "signaling.address-missing":
                sentence = bind_sentence(address, self._port, why)
                await self.stop()
                raise StartError(bind_code(why), sentence)

    async def update(self, addresses: Iterable[str]) -> None:
        """Listen on these addresses from now on; connections of addresses that stay are kept.

        Never raises: what could not be bound is in ``problems`` and is tried again.
        """
        await self._rebind(addresses)

    async def stop(self) -> None:
        """Say goodbye to every client and stop listening. Takes ``limits.RELAY_CLOSE_WITHIN`` at most
        for clients that don't answer."""
        async with self._updating:
            if self._retry is not None:
                self._retry.cancel()
                self._retry = None
            self._wanted = ()
            self._unbound.clear()
            for address in list(self._listening):
                self._stop_listening(address)
        while self._closing:
            await asyncio.wait(self._closing)
        self._port = self._asked_port

    async def restart(self) -> None:
        """Drop every client and every line, and listen anew on the same addresses and port.

        Raises StartError as ``start`` does.
        """
        addresses, port = self._wanted, self._port
        await self.stop()
        self._port = port  # one that was free when it was taken is known to others by now
        await self.start(addresses)

    def close_room(self, room: int) -> None:
        """Send everybody out of a room; its door was closed."""
        for client in self._relay.clients(room):
            self._spawn(self._relay.close(client, ROOM_CLOSED, "room closed"))

    # --- addresses ----------------------------------------------------------------------------

    async def _rebind(self, addresses: Iterable[str]) -> None:
        async with self._updating:
            self._wanted = tuple(dict.fromkeys(addresses))[: limits.RELAY_ADDRESSES_MAX]
            for address in list(self._listening):
                if address not in self._wanted:
                    self._stop_listening(address)
            missing = [address for address in self._wanted if address not in self._listening]
            port, bound, self._unbound = bind_all(missing, self._port)
            for why in self._unbound.values():
                self._count(bind_code(why))
            if bound:
                self._port = port
            for address, listener in bound.items():
                listener.admits = self._connections.admits
                server = await serve(
                    self._serve,
                    sock=listener,
                    process_request=self._admit,
                    create_connection=self._connections.connection_class(),
                    compression=None,
                    server_header=None,
                    open_timeout=limits.RELAY_HANDSHAKE_WITHIN,
                    ping_interval=limits.RELAY_PING_EVERY,
                    ping_timeout=limits.RELAY_PING_WITHIN,
                    close_timeout=limits.RELAY_CLOSE_WITHIN,
                    max_size=limits.RELAY_MESSAGE_MAX,
                    max_queue=limits.RELAY_QUEUE_FRAMES,
                    write_limit=limits.RELAY_BACKLOG_MAX,
                    logger=self._logger,
                )
                self._listening[address] = server
        if self._unbound and self._retry is None:
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(limits.RELAY_BIND_AGAIN_EVERY, self._bind_again)

    def _bind_again(self) -> None:
        self._retry = None
        self._spawn(self._rebind(self._wanted))

    def _stop_listening(self, address: str) -> None:
        server = self._listening.pop(address)
        server.close()
        self._spawn(server.wait_closed())

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # --- one connection -----------------------------------------------------------------------

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Decide about the HTTP request (RFC 6455 section 4.2), before it becomes a WebSocket."""
        path = request.path.partition("?")[0]
        if "websocket" not in [value.lower() for value in request.headers.get_all("Upgrade")]:
            self._count("signaling.plain-http")
            if path not in ("/", LINE_PATH) and not path[1:].isdecimal():
                return connection.respond(http.HTTPStatus.NOT_FOUND, "There is nothing here.\n")
            response = connection.respond(
                http.HTTPStatus.UPGRADE_REQUIRED,
                "This is the signaling server of a meetingbox; it speaks WebSocket.\n",
            )
            response.headers["Upgrade"] = "websocket"
            return response
        origins = request.headers.get_all("Origin")
        if any(_EXTENSION.fullmatch(origin) is None for origin in origins):
            self._count("signaling.origin")
            return connection.respond(http.HTTPStatus.FORBIDDEN, "Web pages are not served here.\n")
        if path == LINE_PATH:
            connection.ping_interval = limits.LINE_PING_EVERY
            connection.ping_timeout = limits.LINE_PING_WITHIN
            connection.close_timeout = limits.LINE_CLOSE_WITHIN
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, ClientConnection)
        assert connection.request is not None
        path, _, query = connection.request.path.partition("?")
        if path == LINE_PATH:
            await self._serve_line(connection)
            return
        address, port = connection.local_address[:2]
        room, refusal = room_of(path, query, self._token, address, port)
        if refusal:
            self._count("signaling." + refusal.lower().replace(" ", "-"))
            await self._refuse(connection, refusal)
        elif not self._allow_room(room):
            self._count("signaling.room-closed")
            await connection.close(ROOM_CLOSED, "room closed")
        elif self._relay.is_full(connection, room):
            self._count("signaling.room-full")
            await connection.close(CloseCode.TRY_AGAIN_LATER, "room full")
        else:
            await self._relay.serve(connection, room)

    async def _refuse(self, connection: ServerConnection, error: str) -> None:
        try:
            await connection.send(json.dumps({"error": error}))
        except ConnectionClosed:
            return
        await connection.close(CloseCode.POLICY_VIOLATION, error)

    async def _serve_line(self, connection: ServerConnection) -> None:
        self._count("signaling.line")
        line = LineSocket(connection)
        try:
            await self._on_line(line)
            await line.wait_closed()
        except LineClosed:
            pass
        except Exception:
            log.exception("line.failed")

    # --- counting -----------------------------------------------------------------------------

    def _count(self, code: str) -> None:
        self.counters[code] += 1
