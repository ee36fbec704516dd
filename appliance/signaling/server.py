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

A client that sends too fast is read more slowly, so TCP holds it back, and so are all clients of one
address together; one that reads too slowly is cut off. Nobody else notices either. Whatever a
client sends is counted, never logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import parse_qs

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from appliance.core import limits
from appliance.errors import StartError
from appliance.signaling.access import ROOM_CLOSED, key_opens
from appliance.signaling.binding import bind_all, bind_code, bind_sentence
from appliance.signaling.gate import Allowance, Places, read_little
from appliance.signaling.line_socket import PATH as LINE_PATH
from appliance.signaling.line_socket import LineClosed, LineSocket, quiet_logger

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
        self._tap = tap
        self._logger = quiet_logger()
        self._listening: dict[str, Server] = {}
        self._wanted: tuple[str, ...] = ()
        self._unbound: dict[str, OSError] = {}  # address -> why it could not be bound
        self._rooms: dict[int, set[_Connection]] = {}
        self._places = Places()
        self._connections: dict[str, list[_Connection]] = {}  # by remote address, the newest last
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
        return len(self._rooms.get(room, ()))

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
        for client in list(self._rooms.get(room, ())):
            self._spawn(self._close(client, ROOM_CLOSED, "room closed"))

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
                listener.admits = self._admits
                server = await serve(
                    self._serve,
                    sock=listener,
                    process_request=self._admit,
                    create_connection=self._connection_class(),
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

    def _connection_class(self) -> type[_Connection]:
        owner = self

        class Connection(_Connection):
            server_of_rooms = owner

        return Connection

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
        assert isinstance(connection, _Connection)
        assert connection.request is not None
        path, _, query = connection.request.path.partition("?")
        if path == LINE_PATH:
            await self._serve_line(connection)
            return
        room, refusal = self._check(connection, path, query)
        if refusal:
            self._count("signaling." + refusal.lower().replace(" ", "-"))
            await self._refuse(connection, refusal)
        elif not self._allow_room(room):
            self._count("signaling.room-closed")
            await connection.close(ROOM_CLOSED, "room closed")
        elif self._room_is_full(connection, room):
            self._count("signaling.room-full")
            await connection.close(CloseCode.TRY_AGAIN_LATER, "room full")
        else:
            await self._serve_room(connection, room)

    def _room_is_full(self, newcomer: _Connection, room: int) -> bool:
        members = self._rooms.get(room, set())
        same = sum(client.counted_as == newcomer.counted_as for client in members)
        return len(members) >= limits.RELAY_CLIENTS_PER_ROOM or same >= limits.RELAY_ROOM_CLIENTS_PER_ADDRESS

    def _check(self, connection: ServerConnection, path: str, query: str) -> tuple[int, str]:
        """Return (room, "") or (0, the ancestor's error)."""
        try:
            shown = parse_qs(query, max_num_fields=8, errors="surrogateescape").get("apiKey", [""])[0]
        except ValueError:  # more fields than any client of ours sends
            shown = ""
        if not shown:
            return 0, "apiKey is mandatory parameter"
        address, port = connection.local_address[:2]
        if not key_opens(shown, self._token, address, port):
            return 0, "wrong API key"
        if re.fullmatch(r"/[0-9]+", path) is None:
            return 0, "unknown id"
        digits = path[1:].lstrip("0")
        if len(digits) > len(str(limits.ROOM_MAX)):
            return 0, "out of range"
        room = int(digits or "0")
        if not limits.ROOM_MIN <= room <= limits.ROOM_MAX:
            return 0, "out of range"
        return room, ""

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

    async def _serve_room(self, client: _Connection, room: int) -> None:
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
                        await self._close(client, CloseCode.UNSUPPORTED_DATA, "text only")
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
                    self._relay(client, members, text)
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG:
                self._count("signaling.oversized")
        except TimeoutError:
            self._count("signaling.silent-client")
            await self._close(client, CloseCode.POLICY_VIOLATION, "nothing was said")
        finally:
            members.discard(client)
            if not members and self._rooms.get(room) is members:
                del self._rooms[room]

    def _relay(self, sender: _Connection, members: set[_Connection], text: str) -> None:
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

    async def _close(self, client: ServerConnection, code: int, reason: str) -> None:
        assert isinstance(client, _Connection)
        for members in self._rooms.values():
            members.discard(client)  # at once: nothing is relayed to it during the closing handshake
        await client.close(code, reason)

    # --- counting -----------------------------------------------------------------------------

    def _count(self, code: str) -> None:
        self.counters[code] += 1

    def _admits(self, address: str) -> bool:
        """Of the listening sockets: is this connection one too many of its address?"""
        admitted = self._places.admits(address, asyncio.get_running_loop().time())
        if not admitted:
            self._count("signaling.too-many")
        return admitted

    def take_place(self, connection: _Connection, address: str) -> bool:
        """Is there room for one more TCP connection from this address? Then it is counted.

        A full server ends the newest connection of an address that has many: nobody fills it alone.
        """
        if self._places.total >= limits.RELAY_CONNECTIONS_MAX:
            crowder = self._places.crowder(address)
            if crowder is not None:
                self._count("signaling.crowded-out")
                self._connections[crowder][-1].give_up()
        if not self._places.take(address):
            self._count("signaling.too-many")
            return False
        self._connections.setdefault(address, []).append(connection)
        return True

    def free_place(self, connection: _Connection, address: str) -> None:
        """A TCP connection from this address ended."""
        self._places.free(address)
        self._connections[address].remove(connection)
        if not self._connections[address]:
            del self._connections[address]


class _Connection(ServerConnection):
    """Counts TCP connections from the first moment, before any byte of them was read."""

    server_of_rooms: SignalingServer
    counted_as: str | None = None
    """The remote address that it has a place of, or None."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        read_little(transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if peer else ""
        if self.server_of_rooms.take_place(self, address):
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
            self.server_of_rooms.free_place(self, self.counted_as)
            self.counted_as = None
